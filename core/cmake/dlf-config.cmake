# Imported targets: dlf::dlf, and dlf::dlf_torch where it was built.
include("${CMAKE_CURRENT_LIST_DIR}/dlf-targets.cmake")

#include "status.h"

namespace dlf {

void fail(dlf_status status, const std::string& message, uint64_t offset) {
  throw Error(status, message, offset);
}

const char* status_text(dlf_status status) {
  switch (status) {
#define DLF_STATUS_CASE_(name, value, text) \
  case name:                                \
    return text;
    DLF_STATUS_LIST(DLF_STATUS_CASE_)
#undef DLF_STATUS_CASE_
    default:
      return "unknown status";
  }
}

}  // namespace dlf

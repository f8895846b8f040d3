// How libdlf gets the torch backend, which is in libdlf_torch.
#ifndef DLF_SRC_API_C_API_BACKEND_H_
#define DLF_SRC_API_C_API_BACKEND_H_

#include "codec/transforms.h"
#include "dlf/dlf.h"

// What dlf_torch_backend gives; lives as long as the process. C++ objects cross between the two
// libraries, so both must be of one version.
struct dlf_backend {
  const char* version;
  dlf::TorchBackend functions;
};

// In libdlf_torch.
extern "C" DLF_API const dlf_backend* dlf_torch_backend(void);

namespace dlf::c_api {

// Finds libdlf_torch, linked to the program or beside libdlf, for a package that needs it. Throws
// DLF_MODEL_ERROR when there is none, DLF_INTERNAL when it is of another version.
TorchBackend torch_backend(const ModelPackage& model);

}  // namespace dlf::c_api

#endif  // DLF_SRC_API_C_API_BACKEND_H_

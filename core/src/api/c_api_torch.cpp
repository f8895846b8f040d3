// What libdlf_torch adds to libdlf.
#include "api/c_api_backend.h"
#include "api/c_api_common.h"
#include "torch/torch_runner.h"
#include "torch/torchscript_transform.h"

extern "C" DLF_API const dlf_backend* dlf_torch_backend(void) {
  static const dlf_backend backend = {dlf::c_api::kVersionText,
                                      {&dlf::load_torchscript_transform, &dlf::load_torch_runner}};
  return &backend;
}

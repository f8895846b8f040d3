// dlf._torch: the TorchScript backend. The interface is described in python/dlf/_torch.pyi.
#include "common.h"
#include "torchscript_capsule.h"
#include "torchscript_transform.h"

namespace dlf::python {
namespace {

constexpr TorchScriptBackend kBackend{&load_torchscript_transform};

}  // namespace

PYBIND11_MODULE(_torch, m) {
  m.doc() = "The TorchScript backend of DLF.";
  register_errors();
  m.attr("BACKEND") = py::capsule(&kBackend, kTorchScriptCapsule);
  m.attr("BUILT_FOR_TORCH") = torch_version();
  m.def("check_device", &check_torch_device, py::arg("device"));
}

}  // namespace dlf::python

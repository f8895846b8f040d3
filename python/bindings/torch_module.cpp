// dlf._torch: the torch backend. The interface is described in python/dlf/_torch.pyi.
#include "base/fork_gate.h"
#include "common.h"
#include "interpreter.h"
#include "torch/torch_device.h"
#include "torch/torch_runner.h"
#include "torch/torchscript_transform.h"
#include "torch_capsule.h"

namespace dlf::python {
namespace {

constexpr TorchBackend kBackend{&load_torchscript_transform, &load_torch_runner};

}  // namespace

// pybind11's own function, under another name; Python asks for the one below.
#define PyInit__torch make_torch
PYBIND11_MODULE(_torch, m) {
  m.doc() = "The torch backend of DLF.";
  register_errors();
  m.attr("BACKEND") = py::capsule(&kBackend, kTorchCapsule);
  m.attr("BUILT_FOR_TORCH") = torch_version();
  m.def("check_device", &check_torch_device, py::arg("device"));
  // After the interpreter has ended and before libtorch's static objects do: a daemon thread may
  // still be coding.
  if (Py_AtExit(&close_gate_for_ever) != 0) throw py::import_error("too many exit functions");
}
#undef PyInit__torch

}  // namespace dlf::python

extern "C" PYBIND11_EXPORT PyObject* PyInit__torch() {
  return dlf::python::only_in_the_main_interpreter(&dlf::python::make_torch);
}

// dlf._core: everything but the torch backend. Neither includes nor links libtorch.
#include "common.h"
#include "interpreter.h"
#include "machine/kernel_choice.h"

namespace dlf::python {

void add_bitstream(py::module_& m);  // bitstream_binding.cpp
void add_file(py::module_& m);       // file_binding.cpp
void add_codec(py::module_& m);      // codec_binding.cpp

// pybind11's own function, under another name; Python asks for the one below.
#define PyInit__core make_core
PYBIND11_MODULE(_core, m) {
  m.doc() = "The core of DLF, without libtorch.";
  register_errors();
  add_file(m);
  add_bitstream(m);
  add_codec(m);
  m.def("kernels", [] {
    py::list names;
    for (const Kernels* each : available_kernels()) names.append(each->name);
    return names;
  });
}
#undef PyInit__core

}  // namespace dlf::python

extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  return dlf::python::only_in_the_main_interpreter(&dlf::python::make_core);
}

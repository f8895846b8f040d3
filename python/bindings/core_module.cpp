// dlf._core: everything but the TorchScript backend. Neither includes nor links libtorch.
#include "common.h"

namespace dlf::python {

void add_bitstream(py::module_& m);  // bitstream_binding.cpp
void add_codec(py::module_& m);      // codec_binding.cpp

PYBIND11_MODULE(_core, m) {
  m.doc() = "The core of DLF, without libtorch.";
  register_errors();
  add_bitstream(m);
  add_codec(m);
}

}  // namespace dlf::python

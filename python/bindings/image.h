// What Python gives to be encoded: the pixels of an image, and where people look.
//
// Thread safety: make and destroy with the GIL held; what lies between needs no lock.
#ifndef DLF_PYTHON_BINDINGS_IMAGE_H_
#define DLF_PYTHON_BINDINGS_IMAGE_H_

#include <pybind11/numpy.h>

#include <cstdint>
#include <string>

#include "base/constants.h"
#include "codec/codec_options.h"

namespace dlf::python {

namespace py = pybind11;

// A borrowed image, in lines without gaps; copied only if it is not so.
class Image {
 public:
  explicit Image(const py::array& input) {
    if (!py::isinstance<py::array_t<uint8_t>>(input)) throw py::type_error("pixels must be uint8");
    if (input.ndim() != 2 && input.ndim() != 3) {
      throw py::value_error("pixels must be H x W or H x W x channels");
    }
    array_ = py::array_t<uint8_t, py::array::c_style>::ensure(input);
    if (!array_) throw py::error_already_set();
    const py::ssize_t channels = array_.ndim() == 3 ? array_.shape(2) : 1;
    for (const py::ssize_t side : {array_.shape(0), array_.shape(1)}) {
      if (side > static_cast<py::ssize_t>(UINT32_MAX)) throw py::value_error("too large an image");
    }
    if (channels < 1 || channels > 4) throw py::value_error("an image has 1, 2, 3 or 4 channels");
    pixels_.data = array_.data();
    pixels_.height = static_cast<uint32_t>(array_.shape(0));
    pixels_.width = static_cast<uint32_t>(array_.shape(1));
    pixels_.channels = static_cast<int>(channels);
    pixels_.stride = static_cast<size_t>(array_.shape(1) * channels);
  }

  const ConstPixels& pixels() const { return pixels_; }

 private:
  py::array_t<uint8_t, py::array::c_style> array_;
  ConstPixels pixels_;
};

// Where people look: None, an array of int8, or "auto".
class Importance {
 public:
  explicit Importance(const py::object& given) {
    if (given.is_none()) return;
    if (py::isinstance<py::str>(given)) {
      if (given.cast<std::string>() != "auto") throw py::value_error("importance must be \"auto\"");
      finds_ = true;
      return;
    }
    if (!py::isinstance<py::array_t<int8_t>>(given)) {
      throw py::type_error("importance must be int8");
    }
    array_ = py::array_t<int8_t, py::array::c_style>::ensure(given);
    if (!array_) throw py::error_already_set();
    if (array_.ndim() != 2 || array_.size() == 0) throw py::value_error("importance must be H x W");
    for (const py::ssize_t side : {array_.shape(0), array_.shape(1)}) {
      if (side > static_cast<py::ssize_t>(kMaxSide)) throw py::value_error("too large a mask");
    }
    mask_.data = array_.data();
    mask_.height = static_cast<uint32_t>(array_.shape(0));
    mask_.width = static_cast<uint32_t>(array_.shape(1));
  }

  // Must not outlive this object.
  void put(EncodeOptions* options) const {
    options->importance = mask_;
    options->finds_importance = finds_;
  }

 private:
  py::array_t<int8_t, py::array::c_style> array_;
  ImportanceMask mask_;
  bool finds_ = false;
};

}  // namespace dlf::python

#endif  // DLF_PYTHON_BINDINGS_IMAGE_H_

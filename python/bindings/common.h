// What all bindings share: errors, borrowed byte buffers, names of enumerations.
//
// Thread safety: call with the GIL held.
#ifndef DLF_PYTHON_BINDINGS_COMMON_H_
#define DLF_PYTHON_BINDINGS_COMMON_H_

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <type_traits>
#include <utility>

#include "base/status.h"
#include "codec/budget.h"
#include "codec/size_search.h"
#include "container/bitstream.h"

namespace dlf::python {

namespace py = pybind11;

// The class of dlf.errors for a status; null for statuses that Python has a class of its own for.
inline const char* error_class(dlf_status status) {
  switch (status) {
    case DLF_INVALID_FILE:
      return "InvalidFile";
    case DLF_TRUNCATED_FILE:
      return "TruncatedFile";
    case DLF_UNSUPPORTED:
      return "Unsupported";
    case DLF_LIMIT_EXCEEDED:
      return "LimitExceeded";
    case DLF_MODEL_ERROR:
      return "ModelError";
    case DLF_INVALID_ARGUMENT:
    case DLF_OUT_OF_MEMORY:
      return nullptr;
    default:
      return "DlfError";
  }
}

// Makes this module raise the classes of dlf.errors.
inline void register_errors() {
  py::register_local_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const TooFewBytes& error) {
      py::set_error(py::module_::import("dlf.errors").attr("TooFewBytes"), error.what());
    } catch (const Error& error) {
      if (const char* name = error_class(error.status())) {
        py::set_error(py::module_::import("dlf.errors").attr(name), error.what());
      } else {
        py::set_error(error.status() == DLF_OUT_OF_MEMORY ? PyExc_MemoryError : PyExc_ValueError,
                      error.what());
      }
    }
  });
}

// The bytes of any object with a contiguous buffer, held as long as this lives.
class Buffer {
 public:
  explicit Buffer(const py::object& object) {
    if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_SIMPLE) != 0)
      throw py::error_already_set();
  }
  ~Buffer() { PyBuffer_Release(&buffer_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  ByteView view() const {
    return {static_cast<const uint8_t*>(buffer_.buf), static_cast<size_t>(buffer_.len)};
  }

 private:
  Py_buffer buffer_;
};

// As os.fsdecode() does: the bytes of a path need be no UTF-8.
inline py::str path_text(const std::string& path) {
  const auto size = static_cast<py::ssize_t>(path.size());
  PyObject* const text = PyUnicode_DecodeFSDefaultAndSize(path.data(), size);
  if (text == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

inline py::bytes to_bytes(const std::vector<uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The fields of dlf.Limits: visit(name, field) for each.
template <typename GivenLimits, typename Visit>
void visit_limits(GivenLimits&& limits, const Visit& visit) {
  visit("max_pixels", limits.max_pixels);
  visit("max_side", limits.max_side);
  visit("max_memory", limits.max_memory);
  visit("max_chunk_bytes", limits.max_chunk_bytes);
  visit("max_file_bytes", limits.max_file_bytes);
}

// A dlf.Limits; None is the default.
inline Limits limits_of(const py::object& given) {
  Limits limits;
  if (given.is_none()) return limits;
  visit_limits(limits, [&](const char* name, auto& field) {
    field = given.attr(name).template cast<std::decay_t<decltype(field)>>();
  });
  return limits;
}

inline const char* color_space_name(ColorSpace color_space) {
  return color_space == ColorSpace::kDisplayP3 ? "display-p3" : "srgb";
}

inline ColorSpace color_space_of(const std::string& name) {
  for (const ColorSpace color_space : {ColorSpace::kSrgb, ColorSpace::kDisplayP3}) {
    if (name == color_space_name(color_space)) return color_space;
  }
  throw py::value_error("color_space must be \"srgb\" or \"display-p3\", not \"" + name + "\"");
}

}  // namespace dlf::python

#endif  // DLF_PYTHON_BINDINGS_COMMON_H_

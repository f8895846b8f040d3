// The options of a call that Python gives by name.
//
// Thread safety: call with the GIL held.
#ifndef DLF_PYTHON_BINDINGS_KEYWORDS_H_
#define DLF_PYTHON_BINDINGS_KEYWORDS_H_

#include <pybind11/pybind11.h>

#include <string>
#include <utility>

namespace dlf::python {

namespace py = pybind11;

class Keywords {
 public:
  explicit Keywords(py::kwargs given) : left_(std::move(given)) {}

  // Takes an option away. TypeError where it is of another type, or is missing and must be given.
  template <typename T>
  T take(const char* name, T otherwise) {
    return left_.contains(name) ? take<T>(name) : std::move(otherwise);
  }
  template <typename T>
  T take(const char* name) {
    if (!left_.contains(name))
      throw py::type_error(std::string("the option ") + name + " is missing");
    const py::object value = left_.attr("pop")(name);
    try {
      return value.cast<T>();
    } catch (const py::cast_error&) {
      throw py::type_error(std::string("the option ") + name + " is of a wrong type");
    }
  }

  // To be called when all have been taken: TypeError for one that is not known.
  void end() const {
    for (const auto& [name, value] : left_) {
      throw py::type_error("there is no option " + name.cast<std::string>());
    }
  }

 private:
  py::kwargs left_;
};

}  // namespace dlf::python

#endif  // DLF_PYTHON_BINDINGS_KEYWORDS_H_

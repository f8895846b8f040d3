// The Python class Package: a model package that has been checked.
//
// Thread safety: a package never changes; share it freely.
#ifndef DLF_PYTHON_BINDINGS_PACKAGE_H_
#define DLF_PYTHON_BINDINGS_PACKAGE_H_

#include <memory>

#include "model/model_package.h"

namespace dlf::python {

// pybind11 holds pointers to objects that may change; a package never does.
struct PackageHandle {
  std::shared_ptr<const ModelPackage> package;
};

}  // namespace dlf::python

#endif  // DLF_PYTHON_BINDINGS_PACKAGE_H_

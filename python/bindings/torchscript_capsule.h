// How dlf._torch hands the TorchScript backend to dlf._core, which is another shared object.
//
// C++ objects cross between the two, so both must come from one build: the name of the capsule
// holds a digest of the headers that they were built with (setup.py).
#ifndef DLF_PYTHON_BINDINGS_TORCHSCRIPT_CAPSULE_H_
#define DLF_PYTHON_BINDINGS_TORCHSCRIPT_CAPSULE_H_

#include "transforms.h"

namespace dlf::python {

constexpr char kTorchScriptCapsule[] = "dlf.TorchScriptBackend." DLF_HEADERS_DIGEST;

// What the capsule points to; lives as long as the process.
struct TorchScriptBackend {
  TransformLoader load;
};

}  // namespace dlf::python

#endif  // DLF_PYTHON_BINDINGS_TORCHSCRIPT_CAPSULE_H_

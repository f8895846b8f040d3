// How dlf._torch hands the torch backend to dlf._core, which is another shared object.
//
// C++ objects cross between the two, so both must come from one build: the name of the capsule
// holds a digest of the headers that they were built with (setup.py).
#ifndef DLF_PYTHON_BINDINGS_TORCH_CAPSULE_H_
#define DLF_PYTHON_BINDINGS_TORCH_CAPSULE_H_

#include "headers_digest.h"

namespace dlf::python {

// The capsule points to a TorchBackend (transforms.h), which lives as long as the process.
constexpr char kTorchCapsule[] = "dlf.TorchBackend." DLF_HEADERS_DIGEST;

}  // namespace dlf::python

#endif  // DLF_PYTHON_BINDINGS_TORCH_CAPSULE_H_

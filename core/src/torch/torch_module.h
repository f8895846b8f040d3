// Makes the module of a package ready to run: in a precision, the same on every host.
// Part of the only set of files that includes libtorch (torchscript_transform.h).
//
// Thread safety: to be called before the module is shared.
#ifndef DLF_SRC_TORCH_TORCH_MODULE_H_
#define DLF_SRC_TORCH_TORCH_MODULE_H_

#include <c10/core/Device.h>
#include <torch/csrc/jit/api/module.h>

#include "codec/transforms.h"

namespace dlf {

// An attribute of the modules of very large networks, which widen float16 weights layer by layer
// themselves, so that no second, twice as large copy exists.
constexpr char kWidensItself[] = "widens_weights_itself";

// Widens the stored weights, or narrows those of convolutions and matrix products to bfloat16.
// Modules that widen theirs themselves keep them as they are. In float32 on a CPU, attention
// is computed by libtorch's fused kernel.
void prepare_module(torch::jit::Module& module, Precision precision, c10::Device device);

}  // namespace dlf

#endif  // DLF_SRC_TORCH_TORCH_MODULE_H_

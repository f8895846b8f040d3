// The networks of a model package, run by libtorch. The only unit that includes or links it.
//
// Thread safety: concurrent calls are allowed. Nothing of the host's torch settings (threads,
// default device, executor, gradient mode, random state) is different after a call, or for other
// threads during one.
#ifndef DLF_SRC_TORCHSCRIPT_TRANSFORM_H_
#define DLF_SRC_TORCHSCRIPT_TRANSFORM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model_package.h"
#include "transform.h"

namespace dlf {

// What the networks compute in. kBFloat16: convolutions and matrix products in bfloat16, with
// weights kept in it; norms, rate vectors and the tokens' quantiser in float32.
enum class Precision { kFloat32, kBFloat16 };

struct TransformOptions {
  std::string device = "cpu";  // or "cuda", "cuda:1" ...
  Precision precision = Precision::kFloat32;
  // For Transform::pixels_per_call; default: what suits the device. On a processor that is one
  // picture, because libtorch's kernels may round otherwise for another number of pictures.
  std::optional<uint64_t> pixels_per_call;
};

// Throws DLF_INVALID_ARGUMENT for a device that is unknown or absent, naming it and why.
void check_device(const std::string& device);

// `archive`: the verified bytes of the whole package file. Throws DLF_MODEL_ERROR when it holds no
// fitting TorchScript module, and what check_device throws.
std::unique_ptr<const Transform> load_torchscript_transform(const std::vector<uint8_t>& archive,
                                                            const ModelPackage& model,
                                                            const TransformOptions& options = {});

// The version of the libtorch that is loaded, e.g. "2.13.0".
std::string torch_version();

}  // namespace dlf

#endif  // DLF_SRC_TORCHSCRIPT_TRANSFORM_H_

// Where a codec gets its transform from: the kind of its package decides.
//
// Nothing here includes or links libtorch. The TorchScript backend is a function that comes from
// outside: from libdlf_torch itself, or from a module that Python loads when a package needs it.
//
// Thread safety: all functions may be called from several threads.
#ifndef DLF_SRC_TRANSFORMS_H_
#define DLF_SRC_TRANSFORMS_H_

#include <cstdint>
#include <functional>
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

// Makes the transform of one package. `archive`: the verified bytes of the whole package file.
// Throws DLF_MODEL_ERROR when it holds no fitting networks, DLF_INVALID_ARGUMENT for a device that
// is unknown or absent.
using TransformLoader = std::unique_ptr<const Transform> (*)(const std::vector<uint8_t>& archive,
                                                             const ModelPackage& model,
                                                             const TransformOptions& options);

// Finds the TorchScript backend for a package; called only when the package needs it. Throws when
// there is none, and says how to get it.
using TorchScriptSource = std::function<TransformLoader(const ModelPackage& model)>;

// The transform of `model`, from the backend that its kind of package asks for; null for an integer
// package, whose networks are in the core, on the processor and in integers alone: another device
// or precision is DLF_INVALID_ARGUMENT. Throws what the loader and `torchscript` throw.
std::unique_ptr<const Transform> load_transform(const std::vector<uint8_t>& archive,
                                                const ModelPackage& model,
                                                const TransformOptions& options,
                                                const TorchScriptSource& torchscript);

}  // namespace dlf

#endif  // DLF_SRC_TRANSFORMS_H_

// What a codec's networks run on: the kind of its package and the caller decide.
//
// Nothing here includes or links libtorch. The torch backend is a pair of functions that come from
// outside: from libdlf_torch itself, or from a module that Python loads when a package needs it.
//
// Thread safety: all functions may be called from several threads.
#ifndef DLF_SRC_CODEC_TRANSFORMS_H_
#define DLF_SRC_CODEC_TRANSFORMS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/transform.h"
#include "machine/program_runner.h"
#include "model/model_package.h"

namespace dlf {

// What draws and analyses. Symbols always come from the integer machine.
enum class Backend {
  kAuto,     // the integer machine where the package has programs and the device is the CPU
  kInteger,  // the integer machine
  kTorch,    // libtorch: TorchScript networks, or the programs of an integer package
};

// What the networks compute in. kBFloat16: convolutions and matrix products in bfloat16, with
// weights kept in it; norms, rate vectors and the tokens' quantiser in float32.
enum class Precision { kFloat32, kBFloat16 };

struct NetworkOptions {
  std::string device = "cpu";  // or "cuda", "cuda:1" ...
  Precision precision = Precision::kFloat32;
  // For Transform::pixels_per_call; default: what suits the device. On a CPU that is one
  // picture, because libtorch's kernels may round otherwise for another number of pictures.
  std::optional<uint64_t> pixels_per_call;
  Backend backend = Backend::kAuto;
};

// What a codec runs.
struct Networks {
  std::unique_ptr<const Transform> transform;   // of a package of TorchScript networks
  std::unique_ptr<const ProgramRunner> runner;  // of an integer package; null: the machine
};

// Makes the transform of one package. `archive`: the verified bytes of the whole package file.
// Throws DLF_MODEL_ERROR when it holds no fitting networks, DLF_INVALID_ARGUMENT for a device that
// is unknown or absent.
using TransformLoader = std::unique_ptr<const Transform> (*)(const std::vector<uint8_t>& archive,
                                                             const ModelPackage& model,
                                                             const NetworkOptions& options);

// Makes what runs the programs of an integer package, which must outlive it. Throws
// DLF_INVALID_ARGUMENT for a device that is unknown or absent.
using RunnerLoader = std::unique_ptr<const ProgramRunner> (*)(const ModelPackage& model,
                                                              const NetworkOptions& options);

struct TorchBackend {
  TransformLoader load_transform;
  RunnerLoader load_runner;
};

// Finds the torch backend for a package; called only when it is needed. Throws when there is none,
// and says how to get it.
using TorchSource = std::function<TorchBackend(const ModelPackage& model)>;

// What `model` runs on. Throws DLF_INVALID_ARGUMENT where the options do not fit the kind of
// package, and what the loaders and `torch` throw.
Networks load_networks(const std::vector<uint8_t>& archive, const ModelPackage& model,
                       const NetworkOptions& options, const TorchSource& torch);

}  // namespace dlf

#endif  // DLF_SRC_CODEC_TRANSFORMS_H_

#include "codec/transforms.h"

#include "base/status.h"

namespace dlf {

Networks load_networks(const std::vector<uint8_t>& archive, const ModelPackage& model,
                       const NetworkOptions& options, const TorchSource& torch) {
  const bool on_cpu = options.device == "cpu";
  if (!model.normative().synthesis) {
    if (options.backend == Backend::kInteger) {
      fail(DLF_INVALID_ARGUMENT,
           model.path() + ": its networks are TorchScript, backend \"integer\" does not run them");
    }
    return {torch(model).load_transform(archive, model, options), nullptr};
  }
  if (options.precision != Precision::kFloat32) {
    fail(DLF_INVALID_ARGUMENT, "this model computes in integers: precision is \"fp32\"");
  }
  if (options.backend == Backend::kTorch || (options.backend == Backend::kAuto && !on_cpu)) {
    return {nullptr, torch(model).load_runner(model, options)};
  }
  if (!on_cpu) {
    fail(DLF_INVALID_ARGUMENT, "backend \"integer\" runs on device \"cpu\" alone");
  }
  return {};
}

}  // namespace dlf

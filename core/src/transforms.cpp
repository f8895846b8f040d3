#include "transforms.h"

namespace dlf {

std::unique_ptr<const Transform> load_transform(const std::vector<uint8_t>& archive,
                                                const ModelPackage& model,
                                                const TransformOptions& options,
                                                const TorchScriptSource& torchscript) {
  // Packages of version 1 hold TorchScript networks, and nothing else that draws pixels.
  return torchscript(model)(archive, model, options);
}

}  // namespace dlf

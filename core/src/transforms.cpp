#include "transforms.h"

#include "status.h"

namespace dlf {

std::unique_ptr<const Transform> load_transform(const std::vector<uint8_t>& archive,
                                                const ModelPackage& model,
                                                const TransformOptions& options,
                                                const TorchScriptSource& torchscript) {
  if (model.normative().synthesis) {
    if (options.device != "cpu" || options.precision != Precision::kFloat32) {
      fail(DLF_INVALID_ARGUMENT,
           "this model computes in integers: device is \"cpu\", precision \"fp32\"");
    }
    return nullptr;
  }
  return torchscript(model)(archive, model, options);
}

}  // namespace dlf

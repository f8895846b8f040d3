// The networks of a model package, run by libtorch. The only unit that includes or links it.
//
// Thread safety: concurrent calls are allowed. Nothing of the host's torch settings (threads,
// default device, executor, gradient mode, random state) is different after a call, or for other
// threads during one.
#ifndef DLF_SRC_TORCHSCRIPT_TRANSFORM_H_
#define DLF_SRC_TORCHSCRIPT_TRANSFORM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model_package.h"
#include "transform.h"

namespace dlf {

// `archive`: the verified bytes of the whole package file. Throws DLF_MODEL_ERROR when it holds no
// fitting TorchScript module, DLF_INVALID_ARGUMENT for an unknown or absent device ("cpu", "cuda",
// "cuda:1" ...).
std::unique_ptr<const Transform> load_torchscript_transform(const std::vector<uint8_t>& archive,
                                                            const ModelPackage& model,
                                                            const std::string& device);

// The version of the libtorch that is loaded, e.g. "2.13.0".
std::string torch_version();

}  // namespace dlf

#endif  // DLF_SRC_TORCHSCRIPT_TRANSFORM_H_

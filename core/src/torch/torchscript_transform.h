// The networks of a model package, run by libtorch. The only unit that includes or links it.
//
// Calls are made on threads of ours (own_thread.h), of which none of the host's settings of torch
// is seen. What libtorch keeps for the whole process is held during a call (torch_settings.h).
//
// Thread safety: concurrent calls are allowed. Nothing of the host's torch settings (threads,
// default device, executor, gradient mode, random state) is different after a call, or, but for
// those of torch_settings.h, for other threads during one.
#ifndef DLF_SRC_TORCH_TORCHSCRIPT_TRANSFORM_H_
#define DLF_SRC_TORCH_TORCHSCRIPT_TRANSFORM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "codec/transforms.h"

namespace dlf {

// The TransformLoader of TorchScript packages; may be called on any thread. Throws DLF_MODEL_ERROR
// when the archive holds no fitting TorchScript module, and what check_torch_device throws.
std::unique_ptr<const Transform> load_torchscript_transform(const std::vector<uint8_t>& archive,
                                                            const ModelPackage& model,
                                                            const NetworkOptions& options);

// The version of the libtorch that is loaded, e.g. "2.13.0".
std::string torch_version();

}  // namespace dlf

#endif  // DLF_SRC_TORCH_TORCHSCRIPT_TRANSFORM_H_

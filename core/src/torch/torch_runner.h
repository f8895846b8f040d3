// The programs of an integer package, run by libtorch: on a GPU, or beside the machine.
//
// Large pictures are worked on in pieces, each with what the programs read around it (§8.5).
// Part of the only set of files that includes libtorch (torchscript_transform.h), which says how
// calls are made.
//
// Thread safety: concurrent calls are allowed.
#ifndef DLF_SRC_TORCH_TORCH_RUNNER_H_
#define DLF_SRC_TORCH_TORCH_RUNNER_H_

#include <memory>

#include "codec/transforms.h"

namespace dlf {

// The RunnerLoader; may be called on any thread. Throws what check_torch_device throws.
std::unique_ptr<const ProgramRunner> load_torch_runner(const ModelPackage& model,
                                                       const NetworkOptions& options);

}  // namespace dlf

#endif  // DLF_SRC_TORCH_TORCH_RUNNER_H_

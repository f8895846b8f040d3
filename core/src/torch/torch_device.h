// Which devices the torch backend runs on.
//
// Thread safety: may be called on any thread.
#ifndef DLF_SRC_TORCH_TORCH_DEVICE_H_
#define DLF_SRC_TORCH_TORCH_DEVICE_H_

#include <string>

namespace dlf {

// Throws DLF_INVALID_ARGUMENT for a device that is unknown or absent, naming it and why.
void check_torch_device(const std::string& device);

}  // namespace dlf

#endif  // DLF_SRC_TORCH_TORCH_DEVICE_H_

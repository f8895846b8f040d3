// Which kernels the machine runs.
//
// Thread safety: functions without state.
#ifndef DLF_SRC_MACHINE_KERNEL_CHOICE_H_
#define DLF_SRC_MACHINE_KERNEL_CHOICE_H_

#include <vector>

#include "machine/kernels.h"

namespace dlf {

// Those that this build has and this CPU runs, the fastest last; the first is the plain one.
const std::vector<const Kernels*>& available_kernels();

// The fastest, or the one that the environment variable DLF_KERNELS names if it is available.
const Kernels& default_kernels();

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_KERNEL_CHOICE_H_

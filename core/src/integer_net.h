// Runs the programs of the integer prior (§8): exact, the same numbers on every machine.
//
// Thread safety: functions without state; see kernels.h for threads.
#ifndef DLF_SRC_INTEGER_NET_H_
#define DLF_SRC_INTEGER_NET_H_

#include <cstdint>
#include <vector>

#include "kernels.h"
#include "normative.h"
#include "tensor.h"

namespace dlf {

// `inputs` fill registers 0, 1, ...; their shapes must be those that check_program was given.
// Returns the outputs in the program's order. `latent_h` x `latent_w` is the grid that
// DEPTH_TO_SPACE crops to.
std::vector<Tensor> run_program(const NormativePart& model, const Program& program,
                                std::vector<Tensor> inputs, uint32_t latent_h, uint32_t latent_w,
                                const KernelOptions& options);

// The element-wise instructions, in place (§8.3.2, §8.3.7).
void apply_leaky(Tensor& tensor, int32_t slope);
void apply_max(Tensor& tensor, int32_t constant);

}  // namespace dlf

#endif  // DLF_SRC_INTEGER_NET_H_

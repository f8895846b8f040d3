// The checks that let the machine run a program without any check of its own (§8.2, §8.4, §8.5).
//
// Thread safety: functions without state.
#ifndef DLF_SRC_MACHINE_CHECK_H_
#define DLF_SRC_MACHINE_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "machine/program.h"

namespace dlf {

// An output that a program must have; 0 channels: any number.
struct OutputContract {
  uint32_t channels = 0;
  uint32_t cell = 0;
};

// What a program gets and must give.
struct ProgramContract {
  std::vector<RegisterShape> inputs;
  std::vector<OutputContract> outputs;
  uint32_t window = 0;  // the largest cell
  // Format 1: instructions 0 to 6, and DEPTH_TO_SPACE from the window grid by this factor.
  uint32_t only_factor = 0;
};

// Order, shapes, arguments and bounds of every instruction. Fills the derived fields of `program`.
// Throws DLF_MODEL_ERROR naming `name` and the instruction.
void check_program(const std::vector<ConvLayer>& layers, const ProgramContract& contract,
                   Program& program, const std::string& name);

// Proves that no accumulator of the layer can leave int32 when |source| <= bound (§8.4). Throws
// DLF_MODEL_ERROR; `where` begins its message.
void check_accumulators(const ConvLayer& layer, int64_t bound, const std::string& where);

// The receptive field of a checked program in cells of the latent grid (§8.5).
uint32_t reach_of(const Program& program, uint32_t latent_stride);

// Multiply-accumulates of a checked program over pictures of `padded_height` x `padded_width`
// pixels (§8.1).
uint64_t macs_of(const std::vector<ConvLayer>& layers, const Program& program,
                 uint64_t padded_height, uint64_t padded_width);

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_CHECK_H_

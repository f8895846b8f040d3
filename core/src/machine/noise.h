// The noise that the synthesis reads: the same numbers everywhere, from a hash of places (§9.10).
//
// Thread safety: pure functions.
#ifndef DLF_SRC_MACHINE_NOISE_H_
#define DLF_SRC_MACHINE_NOISE_H_

#include <cstdint>

#include "machine/executor.h"

namespace dlf {

// -510 to 510, nearly normal; `x` and `y` count cells of `cell` pixels.
int16_t noise_at(uint32_t x, uint32_t y, uint32_t cell);

// An input of one channel on the grid of `cell`: noise, or zeros.
FillRow noise_rows(uint32_t cell, bool is_on);

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_NOISE_H_

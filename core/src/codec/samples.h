// 8-bit samples <-> rows of registers (§9.8).
//
// Thread safety: functions without state; what is given to them is borrowed for the run.
#ifndef DLF_SRC_CODEC_SAMPLES_H_
#define DLF_SRC_CODEC_SAMPLES_H_

#include <cstdint>

#include "codec/picture.h"
#include "machine/executor.h"

namespace dlf {

// The input of analysis: 16 * sample - 2040, three channels; beyond the picture its last line and
// column; gray is repeated, alpha left out.
FillRow sample_rows(const ConstPixels& pixels);

// Takes rows of 3 * side^2 channels, as SPACE_TO_DEPTH by `side` gives them, with `fraction_bits`.
// Rounds each value to 8 bits and puts the mean of each square at its place in `out`, which covers
// `region`. Gray pictures get the luma (§2.6.3); alpha is not touched.
TakeRow picture_rows(const Pixels& out, const Region& region, uint32_t fraction_bits,
                     uint32_t side);

}  // namespace dlf

#endif  // DLF_SRC_CODEC_SAMPLES_H_

// Latents -> symbols: the encoder's choice of what to code. Any choice gives a valid payload.
//
// Thread safety: a function without state.
#ifndef DLF_SRC_ENTROPY_QUANTISER_H_
#define DLF_SRC_ENTROPY_QUANTISER_H_

#include <cstdint>

#include "model/normative.h"

namespace dlf {

struct LatentValue {
  float y;       // in the units of step / 2^Fq
  int16_t step;  // Fq fraction bits
  int16_t mean;  // Fy fraction bits, in steps
};

// The symbol q for r = y / step - mean, where the reconstruction does not saturate.
//
// With `bit_price` 0 it is the nearest, floor(r + 1/2). Otherwise q is one of three: the nearest,
// the next towards 0, and 0. It is that for which (r - q)^2 + bit_price * bits(q) is least. Steps
// are learned so that an error of one step hurts alike everywhere, so bits are weighed against
// squared steps. Values that are not finite give 0.
int16_t quantise(const NormativePart& model, const FrequencyTable& table, const LatentValue& value,
                 double bit_price);

}  // namespace dlf

#endif  // DLF_SRC_ENTROPY_QUANTISER_H_

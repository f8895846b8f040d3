// The element-wise arithmetic of the machine (§8.3), once, for the checks and the plain kernels.
#ifndef DLF_SRC_MACHINE_ARITHMETIC_H_
#define DLF_SRC_MACHINE_ARITHMETIC_H_

#include <cstdint>

#include "base/constants.h"

namespace dlf {

constexpr bool is_power_of_two(int64_t value) { return value > 0 && (value & (value - 1)) == 0; }

// sat16 of BITSTREAM.md §1.2.
inline int16_t sat16(int32_t value) {
  return static_cast<int16_t>(value < INT16_MIN ? INT16_MIN
                                                : (value > INT16_MAX ? INT16_MAX : value));
}

// clamp((accumulator * multiplier + 2^(shift-1)) >> shift, low, high): the one rounding of a layer
// (§8.3.1).
inline int16_t rescale(int32_t accumulator, int32_t multiplier, uint8_t shift, int16_t low,
                       int16_t high) {
  const int64_t product = int64_t{accumulator} * multiplier;
  const int64_t value = (product + (int64_t{1} << (shift - 1))) >> shift;
  return static_cast<int16_t>(value < low ? low : (value > high ? high : value));
}

// `value` is an int16 (§8.3.2).
inline int16_t leaky(int32_t value, int32_t slope) {
  return static_cast<int16_t>(value >= 0 ? value : (value * slope + kLeakyRound) >> kLeakyBits);
}

// `a` and `b` are int16 (§8.3.10).
inline int16_t product(int32_t a, int32_t b, int shift) {
  return sat16(static_cast<int32_t>((int64_t{a} * b + (int64_t{1} << (shift - 1))) >> shift));
}

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_ARITHMETIC_H_

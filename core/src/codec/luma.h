// What a gray picture shows of red, green and blue (§2.6.3).
#ifndef DLF_SRC_CODEC_LUMA_H_
#define DLF_SRC_CODEC_LUMA_H_

#include <cstdint>

#include "base/constants.h"

namespace dlf {

inline uint8_t luma(uint32_t red, uint32_t green, uint32_t blue) {
  return static_cast<uint8_t>(
      (red * kLumaRed + green * kLumaGreen + blue * kLumaBlue + kLumaRound) >> kLumaShift);
}

}  // namespace dlf

#endif  // DLF_SRC_CODEC_LUMA_H_

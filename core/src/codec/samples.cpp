#include "codec/samples.h"

#include <algorithm>
#include <array>

#include "base/constants.h"
#include "codec/luma.h"

namespace dlf {
namespace {

uint32_t sample_of(int32_t value, uint32_t fraction_bits) {
  const int32_t round = fraction_bits == 0 ? 0 : 1 << (fraction_bits - 1);
  return static_cast<uint32_t>(std::clamp((value + round) >> fraction_bits, 0, 255));
}

// The mean of one colour's square of `side` x `side` samples.
uint32_t mean_of(const ConstRow& row, size_t colour, uint32_t column, uint32_t fraction_bits,
                 uint32_t side) {
  const uint32_t count = side * side;
  uint32_t sum = 0;
  for (uint32_t i = 0; i < count; ++i) {
    sum += sample_of(row.at(colour * count + i, column), fraction_bits);
  }
  return (sum + count / 2) / count;
}

}  // namespace

FillRow sample_rows(const ConstPixels& pixels) {
  return [pixels](const Row& row) {
    const uint8_t* line = pixels.line(std::min(row.row, pixels.height - 1));
    const size_t channels = static_cast<size_t>(pixels.channels);
    for (uint32_t c = 0; c < row.channels; ++c) {
      const uint8_t* from = line + (pixels.is_gray() ? 0 : c);
      int16_t* to = row.channel(c);
      for (uint32_t x = row.columns.begin; x < row.columns.end; ++x, to += 2) {
        const int32_t sample = from[std::min(x, pixels.width - 1) * channels];
        *to = static_cast<int16_t>(kSampleScale * sample - kSampleOffset);
      }
    }
  };
}

TakeRow picture_rows(const Pixels& out, const Region& region, uint32_t fraction_bits,
                     uint32_t side) {
  return [out, region, fraction_bits, side](const ConstRow& row) {
    const size_t channels = static_cast<size_t>(out.channels);
    uint8_t* to = out.line(row.row - region.y) + (row.columns.begin - region.x) * channels;
    for (uint32_t x = row.columns.begin; x < row.columns.end; ++x, to += channels) {
      std::array<uint32_t, kSynthesisChannels> rgb;
      for (size_t c = 0; c < rgb.size(); ++c) {
        rgb[c] = side == 1 ? sample_of(row.at(c, x), fraction_bits)
                           : mean_of(row, c, x, fraction_bits, side);
      }
      if (out.is_gray()) {
        to[0] = luma(rgb[0], rgb[1], rgb[2]);
      } else {
        for (size_t c = 0; c < rgb.size(); ++c) to[c] = static_cast<uint8_t>(rgb[c]);
      }
    }
  };
}

}  // namespace dlf

#include "machine/noise.h"

#include "base/constants.h"

namespace dlf {

int16_t noise_at(uint32_t x, uint32_t y, uint32_t cell) {
  uint32_t hash = x * kNoiseX + y * kNoiseY + cell * kNoiseCell;
  hash ^= hash >> 15;
  hash *= kNoiseMix1;
  hash ^= hash >> 12;
  hash *= kNoiseMix2;
  hash ^= hash >> 15;
  const uint32_t sum =
      (hash & 0xFF) + (hash >> 8 & 0xFF) + (hash >> 16 & 0xFF) + (hash >> 24 & 0xFF);
  return static_cast<int16_t>(static_cast<int32_t>(sum) - kNoiseBytesMean);
}

FillRow noise_rows(uint32_t cell, bool is_on) {
  return [cell, is_on](const Row& row) {
    for (uint32_t x = row.columns.begin; x < row.columns.end; ++x) {
      row.at(0, x) = is_on ? noise_at(x, row.row, cell) : int16_t{0};
    }
  };
}

}  // namespace dlf

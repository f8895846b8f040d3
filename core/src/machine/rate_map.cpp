#include "machine/rate_map.h"

namespace dlf {

FillRow rate_rows(const RateVectors& vectors, const RateMap& rates) {
  return [&vectors, &rates](const Row& row) {
    for (uint32_t x = row.columns.begin; x < row.columns.end; ++x) {
      const std::vector<int16_t>& vector = vectors[rates.at(row.row, x)];
      for (uint32_t c = 0; c < row.channels; ++c) {
        row.at(c, x) = vector[c];
      }
    }
  };
}

}  // namespace dlf

// The rate at every position of the latent grid, and the rate vectors that programs read.
//
// Thread safety: a map never changes after it is made.
#ifndef DLF_SRC_MACHINE_RATE_MAP_H_
#define DLF_SRC_MACHINE_RATE_MAP_H_

#include <cstdint>
#include <vector>

#include "machine/executor.h"
#include "machine/part_reader.h"

namespace dlf {

class RateMap {
 public:
  // The same rate everywhere.
  explicit RateMap(uint8_t rate) : rate_(rate) {}
  // `rates`: [rows][columns] of the latent grid.
  RateMap(std::vector<uint8_t> rates, uint32_t columns)
      : rates_(std::move(rates)), columns_(columns) {}

  // [rows][columns]; empty when the rate is the same everywhere.
  const std::vector<uint8_t>& indices() const { return rates_; }

  uint8_t at(uint32_t row, uint32_t column) const {
    return rates_.empty() ? rate_ : rates_[size_t{row} * columns_ + column];
  }

 private:
  uint8_t rate_ = 0;
  std::vector<uint8_t> rates_;
  uint32_t columns_ = 0;
};

// An input on the latent grid: the vector of each position's rate (§7.2.1). Both must outlive the
// run.
FillRow rate_rows(const RateVectors& vectors, const RateMap& rates);

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_RATE_MAP_H_

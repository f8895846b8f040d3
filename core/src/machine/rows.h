// Rows of registers in memory, and the instructions that only move values.
//
// Thread safety: functions without state; rows are borrowed.
#ifndef DLF_SRC_MACHINE_ROWS_H_
#define DLF_SRC_MACHINE_ROWS_H_

#include <cstddef>
#include <cstdint>

#include "machine/plan.h"

namespace dlf {

// One row of a value, or of neighbouring channels of one: pairs of channels, interleaved.
template <typename Sample>
struct RowOf {
  Sample* data = nullptr;  // pair 0, at column columns.begin
  ptrdiff_t stride = 0;    // int16 from pair to pair
  uint32_t channels = 0;
  uint32_t row = 0;  // of the grid
  Span columns;      // of the grid

  Sample* pair(size_t index) const { return data + static_cast<ptrdiff_t>(index) * stride; }
  // One channel; its columns are two values apart.
  Sample* channel(size_t index) const { return pair(index / 2) + index % 2; }
  Sample& at(size_t channel_index, uint32_t column) const {
    return channel(channel_index)[2 * size_t{column - columns.begin}];
  }
};

using Row = RowOf<int16_t>;
using ConstRow = RowOf<const int16_t>;

// `source` is the row that `target` comes from (§8.3.6).
void depth_to_space_row(const ConstRow& source, uint32_t factor, const Row& target);

// `sources`: the `factor` rows of which the target is made; columns from `source_columns` on are
// taken as the last one (§8.3.9).
void space_to_depth_row(const ConstRow* sources, uint32_t factor, uint32_t source_columns,
                        const Row& target);

// `count` channels from `from` of the source to `to` of the target, at the target's columns.
void copy_channels(const ConstRow& source, size_t from, size_t to, size_t count, const Row& target);

// Sets the columns before the first and after the last of `pairs` pairs from `first_pair`, where
// they are at the edge of a grid of `grid_columns`.
void set_frame(const Row& row, size_t first_pair, size_t last_pair, uint32_t grid_columns,
               Frame frame);

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_ROWS_H_

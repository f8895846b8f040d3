#include "machine/rows.h"

#include <algorithm>
#include <cstring>

namespace dlf {
namespace {

// Column x of one channel of the target, for any factor.
void depth_to_space_column(const ConstRow& source, uint32_t factor, const Row& target, uint32_t c,
                           uint32_t x) {
  const size_t from = (size_t{c} * factor + target.row % factor) * factor + x % factor;
  target.at(c, x) = source.at(from, x / factor);
}

// Columns [first, last) of the source for an even factor: two adjacent source channels are two
// adjacent columns of the target.
void depth_to_space_pair(const ConstRow& source, uint32_t factor, const Row& target, uint32_t c,
                         uint32_t first, uint32_t last) {
  const uint32_t other = std::min(c + 1, target.channels - 1);
  const uint32_t line = target.row % factor;
  for (uint32_t d = 0; d < factor; d += 2) {
    const int16_t* a = &source.at((size_t{c} * factor + line) * factor + d, first);
    const int16_t* b = &source.at((size_t{other} * factor + line) * factor + d, first);
    int16_t* to = &target.at(c, first * factor + d);
    const size_t count = last - first;
    if (factor == 2) {
      for (size_t i = 0; i < 2 * count; ++i) {
        to[2 * i] = a[i];
        to[2 * i + 1] = b[i];
      }
      continue;
    }
    for (size_t i = 0; i < count; ++i, to += 2 * factor) {
      to[0] = a[2 * i];
      to[1] = b[2 * i];
      to[2] = a[2 * i + 1];
      to[3] = b[2 * i + 1];
    }
  }
}

}  // namespace

void depth_to_space_row(const ConstRow& source, uint32_t factor, const Row& target) {
  // Columns of the source that lie in the target as a whole.
  const uint32_t first = (target.columns.begin + factor - 1) / factor;
  const uint32_t last = target.columns.end / factor;
  const bool whole = factor % 2 == 0 && first < last;
  for (uint32_t c = 0; c < target.channels; c += 2) {
    if (whole) depth_to_space_pair(source, factor, target, c, first, last);
    for (uint32_t each = c; each < std::min(c + 2, target.channels); ++each) {
      const uint32_t before = whole ? first * factor : target.columns.end;
      for (uint32_t x = target.columns.begin; x < before; ++x) {
        depth_to_space_column(source, factor, target, each, x);
      }
      for (uint32_t x = whole ? last * factor : before; x < target.columns.end; ++x) {
        depth_to_space_column(source, factor, target, each, x);
      }
    }
  }
}

void space_to_depth_row(const ConstRow* sources, uint32_t factor, uint32_t source_columns,
                        const Row& target) {
  const uint32_t squared = factor * factor;
  for (uint32_t to = 0; to < target.channels; ++to) {
    const uint32_t channel = to / squared, dy = to % squared / factor, dx = to % factor;
    const ConstRow& source = sources[dy];
    int16_t* out = target.channel(to);
    const int16_t* in = source.channel(channel);
    for (uint32_t x = target.columns.begin; x < target.columns.end; ++x, out += 2) {
      const uint32_t column = std::min(x * factor + dx, source_columns - 1);
      *out = in[2 * size_t{column - source.columns.begin}];
    }
  }
}

void copy_channels(const ConstRow& source, size_t from, size_t to, size_t count,
                   const Row& target) {
  for (size_t c = 0; c < count; ++c) {
    const int16_t* in = &source.at(from + c, target.columns.begin);
    int16_t* out = target.channel(to + c);
    for (size_t i = 0; i < 2 * size_t{target.columns.size()}; i += 2) {
      out[i] = in[i];
    }
  }
}

void set_frame(const Row& row, size_t first_pair, size_t last_pair, uint32_t grid_columns,
               Frame frame) {
  if (frame == Frame::kNone) return;
  constexpr size_t bytes = 2 * sizeof(int16_t);
  constexpr int16_t zeros[2] = {0, 0};
  const bool edge = frame == Frame::kEdge;
  const size_t columns = row.columns.size();
  for (size_t p = first_pair; p < last_pair; ++p) {
    int16_t* data = row.pair(p);
    int16_t* end = data + 2 * columns;
    if (row.columns.begin == 0) std::memcpy(data - 2, edge ? data : zeros, bytes);
    if (row.columns.end == grid_columns) std::memcpy(end, edge ? end - 2 : zeros, bytes);
  }
}

}  // namespace dlf

#include "codec/latent_rows.h"

#include <algorithm>
#include <utility>

#include "base/pages.h"

namespace dlf {
namespace {

// Asking the system for less at a time takes longer than it saves.
constexpr size_t kLeastBytes = size_t{1} << 18;

}  // namespace

LatentRows::LatentRows(const IntegerSynthesis& part, SymbolSet* symbols,
                       const std::vector<uint32_t>& borders)
    : channels_(symbols->y_hat.channels),
      rows_(symbols->y_hat.height),
      values_(new int16_t[symbols->y_hat.data.size()]) {
  Tensor y_hat = std::exchange(symbols->y_hat, Tensor());
  Tensor step = std::exchange(symbols->step, Tensor());
  uint32_t begin = 0;
  for (const uint32_t border : borders) {
    parts_.push_back({{begin, border}});
    begin = border;
  }
  parts_.push_back({{begin, y_hat.width}});

  const int32_t round = part.latent_shift == 0 ? 0 : 1 << (part.latent_shift - 1);
  const int32_t bound = part.latent_bound;
  for (const Part& each : parts_) {
    int16_t* to = row(each, 0);
    for (uint32_t y = 0; y < rows_; ++y) {
      for (uint32_t c = 0; c < channels_; ++c) {
        const size_t at = size_t{y} * y_hat.width + each.columns.begin;
        const int16_t* values = y_hat.channel(c) + at;
        to = std::transform(values, values + each.columns.size(), step.channel(c) + at, to,
                            [&](int32_t value, int32_t width) {
                              const int32_t latent = (value * width + round) >> part.latent_shift;
                              return static_cast<int16_t>(std::clamp(latent, -bound, bound));
                            });
      }
    }
  }
  free_with_pages(&y_hat.data);
  free_with_pages(&step.data);
}

LatentRows::~LatentRows() {
  for (size_t i = 0; i < parts_.size(); ++i) drop(i);
}

FillRow LatentRows::fill() const {
  return [this](const Row& target) {
    for (const Part& part : parts_) {
      const uint32_t begin = std::max(part.columns.begin, target.columns.begin);
      const uint32_t end = std::min(part.columns.end, target.columns.end);
      if (begin >= end) continue;
      const int16_t* from = row(part, target.row) + (begin - part.columns.begin);
      for (uint32_t c = 0; c < target.channels; ++c, from += part.columns.size()) {
        int16_t* to = target.channel(c) + 2 * size_t{begin - target.columns.begin};
        for (size_t i = 0; i < end - begin; ++i) {
          to[2 * i] = from[i];
        }
      }
    }
  };
}

void LatentRows::drop_before(size_t index, uint32_t end) {
  Part& part = parts_[index];
  end = std::min(end, rows_);
  if (end <= part.dropped) return;
  int16_t *const first = row(part, part.dropped), *const last = row(part, end);
  if (end < rows_ && static_cast<size_t>(last - first) * sizeof *first < kLeastBytes) return;
  drop_pages(first, last);
  part.dropped = end;
}

}  // namespace dlf

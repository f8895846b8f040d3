#include "codec/importance.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <tuple>

#include "base/bytes.h"
#include "base/constants.h"
#include "base/status.h"
#include "entropy/symbol_codec.h"

namespace dlf {
namespace {

// A position is important when this part of its pixels is.
constexpr double kCovered = 0.25;

// What an importance program must find for half and for full importance (A.3). In three values a
// map costs few bits, and what is sure gets all that it can (models/EXPERIMENTS.md).
constexpr int16_t kHalfFound = 32, kFullFound = 57;
constexpr int8_t kHalfImportance = 64;

// What a map should cost at most, in bits: 40 bytes for 768 x 512 pixels.
constexpr double kBits = 64, kBitsPerPosition = 2.0 / 3;

// Errors of up to this part of the largest move that a mask asks for count as none.
constexpr int kTolerance = 8;

// How far full importance moves the rate, in rate points.
int full_move(const NormativePart& model) { return model.rate_points / 2; }

int move_of(const NormativePart& model, int8_t importance) {
  const int product = importance * full_move(model);
  const int half = kMostImportance / 2;
  return (product + (product < 0 ? -half : half)) / kMostImportance;
}

// Which samples of a mask lie over some of the picture's pixels, in one direction, and with how
// much of themselves.
class Overlap {
 public:
  // The pixels of one row or column of the latent grid. Those after the picture's edge, which are
  // its last ones repeated (§5.1.2), count as the last that there is.
  Overlap(uint32_t position, uint32_t stride, uint32_t pixels, uint32_t samples) : pixels_(pixels) {
    const uint64_t first = std::min<uint64_t>(uint64_t{position} * stride, pixels - 1);
    from_ = first * samples;
    to_ = std::min<uint64_t>(first + stride, pixels) * samples;
  }

  size_t begin() const { return static_cast<size_t>(from_ / pixels_); }
  size_t end() const { return static_cast<size_t>((to_ + pixels_ - 1) / pixels_); }
  double weight(size_t sample) const {
    const uint64_t left = std::max<uint64_t>(sample * pixels_, from_);
    const uint64_t right = std::min<uint64_t>((sample + 1) * pixels_, to_);
    return static_cast<double>(right - left);
  }
  double whole() const { return static_cast<double>(to_ - from_); }

 private:
  uint64_t pixels_, from_ = 0, to_ = 0;  // in parts of a sample, of which it has `pixels_`
};

// How much of a position has each value from -127 to 127.
class Histogram {
 public:
  void add(int8_t value, double weight) {
    weights_[static_cast<size_t>(std::max<int>(value, -kMostImportance) + kMostImportance)] +=
        weight;
  }

  // The value farthest from 0 that so much of the position reaches; what is more important comes
  // first.
  int8_t importance(double enough) const {
    for (const int sign : {1, -1}) {
      double seen = 0;
      for (int size = kMostImportance; size > 0; --size) {
        seen += weights_[static_cast<size_t>(sign * size + kMostImportance)];
        if (seen >= enough) return static_cast<int8_t>(sign * size);
      }
    }
    return 0;
  }

 private:
  std::array<double, 2 * kMostImportance + 1> weights_{};
};

int32_t nearest(int32_t distance, int32_t unit) {
  return (distance + (distance < 0 ? -unit / 2 : unit / 2)) / unit;
}

struct Candidate {
  ImportanceMap map;
  int32_t error = 0;  // the largest, in rate points
  double bits = 0;
};

// In units of a scale. With `slack` an offset that the neighbours let expect, which costs next to
// nothing, is taken where it is less than a unit away from what is wanted.
Candidate candidate(const MapRates& rates, const ImageGeometry& geometry,
                    const std::vector<int32_t>& wanted, uint32_t scale, bool slack) {
  Candidate out;
  ImportanceMap& map = out.map;
  map.rows = geometry.latent_h;
  map.columns = geometry.latent_w;
  map.scale = scale;
  map.offsets.resize(wanted.size());
  const int32_t unit = rates.unit(scale), low = rates.lowest(scale), high = rates.highest(scale);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const int32_t distance = wanted[i] - rates.rate;
    int32_t offset = predicted_offset(map, i);
    const bool near = std::abs(distance - offset * unit) < unit;
    if (!slack || !near || offset < low || offset > high) {
      offset = std::clamp(nearest(distance, unit), low, high);
    }
    map.offsets[i] = static_cast<int16_t>(offset);
    out.error = std::max(out.error, std::abs(distance - offset * unit));
  }
  out.bits = map_bits(map);
  return out;
}

}  // namespace

void check_importance(const ModelPackage& model, const ImportanceMask& mask) {
  if (model.normative().map_unit == 0) {
    const std::string name = model.registered_name();
    fail(DLF_INVALID_ARGUMENT, "importance: the model " +
                                   (name.empty() ? std::to_string(model.id()) : name) +
                                   " has no importance maps");
  }
  if (mask.is_given() && (mask.width == 0 || mask.height == 0)) {
    fail(DLF_INVALID_ARGUMENT, "importance: the mask is empty");
  }
}

ImportanceGrid importance_on_grid(const ImportanceMask& mask, const ImageGeometry& geometry) {
  const uint32_t stride = geometry.canvas.height / geometry.latent_h;
  ImportanceGrid out;
  out.reserve(checked_multiply(geometry.latent_h, geometry.latent_w, "importance"));
  for (uint32_t y = 0; y < geometry.latent_h; ++y) {
    const Overlap rows(y, stride, geometry.height, mask.height);
    for (uint32_t x = 0; x < geometry.latent_w; ++x) {
      const Overlap columns(x, stride, geometry.width, mask.width);
      Histogram values;
      for (size_t row = rows.begin(); row < rows.end(); ++row) {
        const int8_t* line = mask.data + row * mask.width;
        const double weight = rows.weight(row);
        for (size_t column = columns.begin(); column < columns.end(); ++column) {
          values.add(line[column], weight * columns.weight(column));
        }
      }
      out.push_back(values.importance(rows.whole() * columns.whole() * kCovered));
    }
  }
  return out;
}

ImportanceGrid importance_on_grid(const Tensor& found) {
  ImportanceGrid out(found.plane());
  std::transform(found.data.begin(), found.data.end(), out.begin(), [](int16_t value) -> int8_t {
    if (value < kHalfFound) return 0;
    return value < kFullFound ? kHalfImportance : kMostImportance;
  });
  return out;
}

RateMap RatePlan::rates(const NormativePart& model) const {
  if (!map) return RateMap(rate);
  return {map->rate_indices(map_rates(model, rate)), map->columns};
}

int levels_below(const NormativePart& model, const ImportanceGrid& grid) {
  if (grid.empty()) return 0;
  return std::max(move_of(model, *std::max_element(grid.begin(), grid.end())), 0);
}

RatePlan plan_rates(const NormativePart& model, const ImageGeometry& geometry,
                    const ImportanceGrid& grid, int level) {
  RatePlan plan;
  const int last = model.rate_points - 1;
  plan.rate = static_cast<uint8_t>(std::clamp(level, 0, last));
  if (grid.empty()) return plan;
  std::vector<int32_t> wanted(grid.size());
  std::transform(grid.begin(), grid.end(), wanted.begin(), [&](int8_t importance) {
    return std::clamp(level + move_of(model, importance), 0, last);
  });
  int32_t farthest = 0;
  for (const int32_t rate : wanted) farthest = std::max(farthest, std::abs(rate - plan.rate));
  if (farthest == 0) return plan;
  const MapRates rates = map_rates(model, plan.rate);
  std::vector<Candidate> candidates;
  for (uint32_t scale = 0; scale < 1u << kMapScaleBits; ++scale) {
    for (const bool slack : {false, true}) {
      candidates.push_back(candidate(rates, geometry, wanted, scale, slack));
    }
  }
  // The most exact one that is cheap enough, of those the cheapest; else the cheapest of all. None
  // that loses half of the largest move, as a mask of noise would if it had to be cheap.
  const double enough = kBits + kBitsPerPosition * static_cast<double>(wanted.size());
  const auto order = [&](const Candidate& one) {
    const bool far = one.error * 2 > farthest, dear = one.bits > enough;
    const int32_t error = dear || one.error * kTolerance <= farthest ? 0 : one.error;
    return std::tuple(far ? one.error : 0, dear, error, one.bits);
  };
  plan.map = std::min_element(candidates.begin(), candidates.end(),
                              [&](const Candidate& one, const Candidate& other) {
                                return order(one) < order(other);
                              })
                 ->map;
  // Where no offset says anything, no map has to.
  const std::vector<int16_t>& offsets = plan.map->offsets;
  if (std::all_of(offsets.begin(), offsets.end(), [](int16_t offset) { return offset == 0; })) {
    plan.map.reset();
  }
  return plan;
}

}  // namespace dlf

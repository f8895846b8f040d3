// From a mask to the map of a file: which position is how important, and what becomes of its rate.
#include "codec/importance.h"

#include <algorithm>
#include <cmath>

#include "base/constants.h"
#include "entropy/rans.h"
#include "entropy/symbol_codec.h"
#include "support.h"
#include "test.h"

using dlf::ImageGeometry;
using dlf::ImportanceGrid;
using dlf::ImportanceMask;
using dlf::NormativePart;
using dlf::RatePlan;

namespace {

constexpr uint32_t kStride = 32;

NormativePart model_of(uint8_t rates, uint8_t unit) {
  NormativePart model;
  model.window = 128;
  model.latent_stride = model.latent_align = kStride;
  model.rate_points = rates;
  model.map_unit = unit;
  return model;
}

// A mask of the picture's size with boxes x, y, width, height, value.
struct Boxes {
  std::vector<int8_t> values;
  uint32_t width, height;

  Boxes(uint32_t w, uint32_t h, const std::vector<std::vector<int>>& boxes)
      : values(size_t{w} * h), width(w), height(h) {
    for (const std::vector<int>& box : boxes) {
      for (int y = box[1]; y < box[1] + box[3]; ++y) {
        for (int x = box[0]; x < box[0] + box[2]; ++x) {
          values[static_cast<size_t>(y) * w + static_cast<size_t>(x)] = static_cast<int8_t>(box[4]);
        }
      }
    }
  }
  ImportanceMask mask() const { return {values.data(), width, height}; }
};

size_t map_bytes(const NormativePart& model, const RatePlan& plan) {
  if (!plan.map) return 0;
  dlf::RansEncoder encoder;
  dlf::encode_map(dlf::map_rates(model, plan.rate), *plan.map, encoder);
  return encoder.finish().size() - dlf::kRansStateBytes;
}

int rate_at(const NormativePart& model, const RatePlan& plan, uint32_t row, uint32_t column) {
  return plan.rates(model).at(row, column);
}

// Noise under a Gaussian that is three positions wide, from -127 to 127.
ImportanceGrid smooth_grid(dlf_test::Random& random, uint32_t rows, uint32_t columns) {
  std::vector<double> noise(size_t{rows} * columns), mask(noise.size());
  for (double& value : noise) value = static_cast<double>(random.in(-1000, 1000));
  double most = 0;
  for (size_t i = 0; i < mask.size(); ++i) {
    for (size_t k = 0; k < noise.size(); ++k) {
      const double dx = static_cast<double>(i % columns) - static_cast<double>(k % columns);
      const double dy = static_cast<double>(i / columns) - static_cast<double>(k / columns);
      mask[i] += noise[k] * std::exp(-(dx * dx + dy * dy) / 18);
    }
    most = std::max(most, std::abs(mask[i]));
  }
  ImportanceGrid grid(mask.size());
  std::transform(mask.begin(), mask.end(), grid.begin(), [most](double value) {
    return static_cast<int8_t>(std::lround(127 * value / most));
  });
  return grid;
}

}  // namespace

TEST(a_position_counts_when_a_quarter_of_it_is_covered) {
  const NormativePart model = model_of(64, 2);
  const ImageGeometry geometry = ImageGeometry::of(model, 96, 64);
  // The second column is covered by 7, then by 9 of its 32 pixels.
  const ImportanceGrid left =
      dlf::importance_on_grid(Boxes(96, 64, {{0, 0, 39, 64, 100}}).mask(), geometry);
  CHECK(left == ImportanceGrid({100, 0, 0, 100, 0, 0}));
  const ImportanceGrid more =
      dlf::importance_on_grid(Boxes(96, 64, {{0, 0, 41, 64, 100}}).mask(), geometry);
  CHECK(more == ImportanceGrid({100, 100, 0, 100, 100, 0}));
}

TEST(what_is_more_important_comes_before_what_is_less) {
  const NormativePart model = model_of(64, 2);
  const ImageGeometry geometry = ImageGeometry::of(model, 32, 32);
  const auto found = [&](const std::vector<std::vector<int>>& boxes) {
    return dlf::importance_on_grid(Boxes(32, 32, boxes).mask(), geometry);
  };
  CHECK(found({{0, 0, 32, 32, -50}, {0, 0, 16, 16, 30}}) == ImportanceGrid({30}));
  CHECK(found({{0, 0, 32, 32, -50}, {0, 0, 15, 16, 30}}) == ImportanceGrid({-50}));
  CHECK(found({{0, 0, 32, 32, -128}}) == ImportanceGrid({-127}));
}

TEST(masks_of_any_size_cover_the_picture) {
  const NormativePart model = model_of(64, 2);
  dlf_test::Random random(3);
  for (int round = 0; round < 200; ++round) {
    const auto width = static_cast<uint32_t>(random.in(1, 300));
    const auto height = static_cast<uint32_t>(random.in(1, 300));
    const ImageGeometry geometry = ImageGeometry::of(model, width, height);
    const auto columns = static_cast<uint32_t>(random.in(1, 400));
    const auto rows = static_cast<uint32_t>(random.in(1, 40));
    const std::vector<int8_t> same(size_t{columns} * rows, 77);
    const ImportanceGrid grid = dlf::importance_on_grid({same.data(), columns, rows}, geometry);
    CHECK_EQ(grid.size(), size_t{geometry.latent_h} * geometry.latent_w);
    CHECK(std::all_of(grid.begin(), grid.end(), [](int8_t value) { return value == 77; }));
  }
}

TEST(a_mask_of_one_sample_a_position_is_taken_as_it_is) {
  const NormativePart model = model_of(64, 2);
  const ImageGeometry geometry = ImageGeometry::of(model, 5 * kStride, 3 * kStride);
  dlf_test::Random random(4);
  std::vector<int8_t> values(15);
  for (int8_t& value : values) value = static_cast<int8_t>(random.in(-127, 127));
  CHECK(dlf::importance_on_grid({values.data(), 5, 3}, geometry) == values);
}

TEST(full_importance_moves_the_rate_by_half_of_the_rate_points) {
  const NormativePart model = model_of(64, 2);
  const ImageGeometry geometry = ImageGeometry::of(model, 3 * kStride, kStride);
  const ImportanceGrid grid = {127, 0, -127};
  const RatePlan plan = dlf::plan_rates(model, geometry, grid, 31);
  CHECK_EQ(int{plan.rate}, 31);
  CHECK_EQ(rate_at(model, plan, 0, 0), 63);
  CHECK_EQ(rate_at(model, plan, 0, 1), 31);
  CHECK(rate_at(model, plan, 0, 2) < 8);
  // Near the ends there is less room; a rate never leaves them.
  const RatePlan low = dlf::plan_rates(model, geometry, grid, 0);
  CHECK_EQ(rate_at(model, low, 0, 0), 32);
  CHECK_EQ(rate_at(model, low, 0, 2), 0);
  CHECK_EQ(rate_at(model, dlf::plan_rates(model, geometry, grid, 63), 0, 0), 63);
}

TEST(below_the_first_rate_point_importance_gives_way) {
  const NormativePart model = model_of(64, 2);
  const ImageGeometry geometry = ImageGeometry::of(model, 2 * kStride, kStride);
  const ImportanceGrid grid = {127, 0};
  const int below = dlf::levels_below(model, grid);
  CHECK_EQ(below, 32);
  int before = 0;
  for (int level = -below; level <= 0; ++level) {
    const RatePlan plan = dlf::plan_rates(model, geometry, grid, level);
    CHECK_EQ(int{plan.rate}, 0);
    CHECK_EQ(rate_at(model, plan, 0, 1), 0);
    const int now = rate_at(model, plan, 0, 0);
    CHECK(now >= before - 4);  // in units of the map
    before = now;
  }
  CHECK(!dlf::plan_rates(model, geometry, grid, -below).map);
  CHECK_EQ(dlf::levels_below(model, {-3, 0}), 0);
  CHECK_EQ(dlf::levels_below(model, {}), 0);
}

TEST(a_map_that_says_nothing_is_left_out) {
  const NormativePart model = model_of(64, 2);
  const ImageGeometry geometry = ImageGeometry::of(model, 4 * kStride, kStride);
  CHECK(!dlf::plan_rates(model, geometry, {0, 0, 0, 0}, 20).map);
  CHECK(!dlf::plan_rates(model, geometry, {}, 20).map);
  CHECK(!dlf::plan_rates(model, geometry, {127, 127, 0, 0}, 63).map);
  CHECK(!dlf::plan_rates(model_of(1, 1), geometry, {127, -127, 0, 0}, 0).map);
}

TEST(rates_stay_near_what_is_asked_for) {
  dlf_test::Random random(5);
  for (int round = 0; round < 300; ++round) {
    const NormativePart model =
        model_of(static_cast<uint8_t>(random.in(1, 255)), static_cast<uint8_t>(random.in(1, 3)));
    const ImageGeometry geometry = ImageGeometry::of(model, 7 * kStride, 5 * kStride);
    // A slope and two plateaus.
    ImportanceGrid grid(35);
    const int64_t strength = random.in(-127, 127);
    for (int64_t i = 0; i < 35; ++i) {
      const int64_t part = i < 14 ? i % 7 : i < 28 ? 0 : 6;
      grid[static_cast<size_t>(i)] = static_cast<int8_t>(strength * part / 6);
    }
    const int level = static_cast<int>(random.in(0, model.rate_points - 1));
    const RatePlan plan = dlf::plan_rates(model, geometry, grid, level);
    CHECK_EQ(int{plan.rate}, level);
    std::vector<double> wanted;
    double farthest = 0;
    for (const int8_t value : grid) {
      const double move = value * (model.rate_points / 2) / 127.0;
      wanted.push_back(std::clamp(level + move, 0.0, model.rate_points - 1.0));
      farthest = std::max(farthest, std::abs(wanted.back() - level));
    }
    const double most = std::max<double>(farthest / 5, model.map_unit) + 1;
    for (uint32_t i = 0; i < 35; ++i) {
      CHECK(std::abs(rate_at(model, plan, i / 7, i % 7) - wanted[i]) <= most);
    }
  }
}

TEST(a_mask_of_noise_is_not_lost) {
  dlf_test::Random random(8);
  for (const uint8_t rates : {uint8_t{12}, uint8_t{64}}) {
    const NormativePart model = model_of(rates, 1);
    const ImageGeometry geometry = ImageGeometry::of(model, 15 * kStride, 11 * kStride);
    ImportanceGrid grid(165);
    for (int8_t& value : grid) value = random.coin() ? 127 : -127;
    const int level = rates / 2;
    const RatePlan plan = dlf::plan_rates(model, geometry, grid, level);
    for (uint32_t i = 0; i < grid.size(); ++i) {
      CHECK((rate_at(model, plan, i / 15, i % 15) > level) == (grid[i] > 0));
    }
  }
}

TEST(little_importance_is_kept_too) {
  const NormativePart model = model_of(64, 2);
  const ImageGeometry geometry = ImageGeometry::of(model, 4 * kStride, kStride);
  for (const int8_t gain : {int8_t{16}, int8_t{32}, int8_t{64}, int8_t{-16}, int8_t{-64}}) {
    const RatePlan plan = dlf::plan_rates(model, geometry, {0, gain, gain, 0}, 30);
    CHECK_EQ(rate_at(model, plan, 0, 1), 30 + gain / 4);
    CHECK_EQ(rate_at(model, plan, 0, 2), 30 + gain / 4);
    CHECK_EQ(rate_at(model, plan, 0, 3), 30);
    // Beside what is much more important too.
    const RatePlan both = dlf::plan_rates(model, geometry, {127, 0, gain, 0}, 30);
    CHECK(std::abs(rate_at(model, both, 0, 2) - 30 - gain / 4) <= 4);
  }
}

// 768 x 512 pixels, 64 rate points: what §5.6.7 and the issue promise for rectangles and for smooth
// masks.
TEST(two_faces_cost_at_most_12_bytes) {
  const NormativePart model = model_of(64, 2);
  const ImageGeometry geometry = ImageGeometry::of(model, 768, 512);
  dlf_test::Random random(6);
  size_t most = 0;
  for (int round = 0; round < 100; ++round) {
    std::vector<std::vector<int>> faces;
    for (int face = 0; face < 2; ++face) {
      const int width = static_cast<int>(random.in(40, 160));
      const int height = width * 5 / 4;
      faces.push_back({static_cast<int>(random.in(0, 768 - width)),
                       static_cast<int>(random.in(0, 512 - height)), width, height, 127});
    }
    const ImportanceGrid grid = dlf::importance_on_grid(Boxes(768, 512, faces).mask(), geometry);
    for (const int level : {0, 10, 30, 50}) {
      most = std::max(most, map_bytes(model, dlf::plan_rates(model, geometry, grid, level)));
    }
  }
  CHECK(most > 0);
  CHECK(most <= 12);
}

TEST(smooth_masks_cost_at_most_40_bytes) {
  const NormativePart model = model_of(64, 2);
  const ImageGeometry geometry = ImageGeometry::of(model, 768, 512);
  dlf_test::Random random(7);
  size_t most = 0;
  for (int round = 0; round < 40; ++round) {
    const ImportanceGrid grid = smooth_grid(random, geometry.latent_h, geometry.latent_w);
    for (const int level : {5, 30, 55}) {
      most = std::max(most, map_bytes(model, dlf::plan_rates(model, geometry, grid, level)));
    }
  }
  CHECK(most > 0);
  CHECK(most <= 40);
}

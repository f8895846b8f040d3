// Latents in rows and parts, which are dropped when they have been drawn.
#include "codec/latent_rows.h"

#include <algorithm>
#include <vector>

#include "base/pages.h"
#include "support.h"
#include "test.h"

using dlf::LatentRows;
using dlf::SymbolSet;

namespace {

constexpr uint32_t kChannels = 8, kRows = 300, kColumns = 100;

dlf::IntegerSynthesis synthesis() {
  dlf::IntegerSynthesis part;
  part.latent_shift = 4;
  part.latent_bound = 2000;
  return part;
}

SymbolSet symbols() {
  dlf_test::Random random(97);
  SymbolSet set;
  set.y_hat = random.tensor(kChannels, kRows, kColumns);
  set.step = random.tensor(kChannels, kRows, kColumns);
  return set;
}

int16_t latent_at(const SymbolSet& set, size_t at) {
  const int32_t product = int32_t{set.y_hat.data[at]} * set.step.data[at];
  return static_cast<int16_t>(std::clamp((product + 8) >> 4, -2000, 2000));
}

// Whether these columns of a row are what §9.9 says.
bool is_right(const LatentRows& latents, const SymbolSet& set, uint32_t index, dlf::Span columns) {
  std::vector<int16_t> values(size_t{kChannels} * columns.size());
  dlf::Row row;
  row.data = values.data();
  row.stride = static_cast<ptrdiff_t>(2 * columns.size());
  row.channels = kChannels;
  row.row = index;
  row.columns = columns;
  latents.fill()(row);
  for (uint32_t c = 0; c < kChannels; ++c) {
    for (uint32_t x = columns.begin; x < columns.end; ++x) {
      const size_t at = c * set.y_hat.plane() + size_t{index} * kColumns + x;
      if (row.at(c, x) != latent_at(set, at)) return false;
    }
  }
  return true;
}

}  // namespace

TEST(latent_rows_are_the_same_in_any_parts) {
  const SymbolSet set = symbols();
  for (const std::vector<uint32_t>& borders : {std::vector<uint32_t>{}, {40}, {1, 2, 50, 99}}) {
    SymbolSet given = set;
    const LatentRows latents(synthesis(), &given, borders);
    CHECK(given.y_hat.data.empty() && given.step.data.empty());
    for (const uint32_t row : {0u, 1u, 150u, kRows - 1}) {
      for (const dlf::Span columns : {dlf::Span{0, kColumns}, {0, 1}, {39, 41}, {45, 100}}) {
        CHECK(is_right(latents, set, row, columns));
      }
    }
  }
}

TEST(dropping_rows_leaves_the_others) {
  const SymbolSet set = symbols();
  SymbolSet given = set;
  LatentRows latents(synthesis(), &given, {60});
  for (const uint32_t end : {1u, 290u, 200u, 290u}) {
    latents.drop_before(0, end);
    CHECK(is_right(latents, set, 290, {0, kColumns}));
    CHECK(is_right(latents, set, 0, {60, kColumns}));
  }
  latents.drop(0);
  latents.drop(0);
  for (const uint32_t row : {0u, 150u, kRows - 1}) {
    CHECK(is_right(latents, set, row, {60, kColumns}));
  }
  latents.drop_before(1, kRows + 5);
}

TEST(pages_that_are_dropped_leave_what_is_beside_them) {
  std::vector<uint8_t> bytes(100000, 7);
  dlf::drop_pages(bytes.data() + 10000, bytes.data() + 90000);
  CHECK(std::all_of(bytes.begin(), bytes.begin() + 10000, [](uint8_t b) { return b == 7; }));
  CHECK(std::all_of(bytes.end() - 10000, bytes.end(), [](uint8_t b) { return b == 7; }));
  std::fill(bytes.begin(), bytes.end(), uint8_t{9});  // may be used again
  CHECK(std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 9; }));
  dlf::drop_pages(bytes.data() + 1, bytes.data() + 2);  // no whole page
  CHECK_EQ(bytes[1], 9);
  dlf::free_with_pages(&bytes);
  CHECK(bytes.empty());
  dlf::free_with_pages(&bytes);
}

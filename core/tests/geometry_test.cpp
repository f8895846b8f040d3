#include "model/geometry.h"

#include "base/constants.h"
#include "support.h"
#include "test.h"

using dlf::ImageGeometry;
using dlf::NormativePart;
using dlf::Tile;

namespace {

NormativePart model_of(uint16_t window, uint16_t align) {
  NormativePart part;
  part.window = window;
  part.latent_align = align;
  part.tile_core = 3;
  part.tile_margin = 1;
  part.whole_limit = 4;
  return part;
}

}  // namespace

TEST(grids_cover_the_image_and_no_more) {
  const ImageGeometry small = ImageGeometry::of(model_of(128, 32), 1, 1);
  CHECK_EQ(small.windows(), uint64_t{1});
  CHECK_EQ(small.latent_h * small.latent_w, 1u);
  CHECK_EQ(small.padded_h * small.padded_w, 16u);
  const ImageGeometry kodak = ImageGeometry::of(model_of(256, 256), 768, 513);
  CHECK_EQ(kodak.windows_x, 3u);
  CHECK_EQ(kodak.windows_y, 3u);
  CHECK_EQ(kodak.latent_w, 24u);
  CHECK_EQ(kodak.latent_h, 24u);
  const ImageGeometry largest = ImageGeometry::of(model_of(64, 32), dlf::kMaxSide, dlf::kMaxSide);
  CHECK_EQ(largest.windows(), uint64_t{1} << 36);
  CHECK_EQ(largest.padded_pixels(), uint64_t{1} << 48);
  CHECK_STATUS(DLF_INVALID_ARGUMENT, ImageGeometry::of(model_of(64, 32), 0, 1));
  CHECK_STATUS(DLF_INVALID_ARGUMENT, ImageGeometry::of(model_of(64, 32), 1, dlf::kMaxSide + 1));
}

TEST(a_small_image_is_one_tile) {
  const NormativePart model = model_of(64, 32);
  const std::vector<Tile> tiles = dlf::tiles_of(model, ImageGeometry::of(model, 128, 128));
  CHECK_EQ(tiles.size(), size_t{1});
  CHECK_EQ(tiles[0].ext_x1, 2u);
}

TEST(a_model_without_tiles_is_worked_on_as_a_whole) {
  NormativePart model = model_of(64, 32);
  model.tile_core = 0;
  model.whole_limit = 0;
  const std::vector<Tile> tiles = tiles_of(model, ImageGeometry::of(model, 64 * 9, 64 * 5));
  CHECK_EQ(tiles.size(), size_t{1});
  CHECK_EQ(tiles.front().core_x1, 9u);
  CHECK_EQ(tiles.front().core_y1, 5u);
}

TEST(tile_cores_cover_every_window_once_inside_their_margins) {
  const NormativePart model = model_of(64, 32);
  dlf_test::Random random(70);
  for (int i = 0; i < 50; ++i) {
    const ImageGeometry geometry = ImageGeometry::of(
        model, static_cast<uint32_t>(random.in(1, 900)), static_cast<uint32_t>(random.in(1, 900)));
    std::vector<int> seen(static_cast<size_t>(geometry.windows()), 0);
    for (const Tile& tile : dlf::tiles_of(model, geometry)) {
      CHECK(tile.ext_y0 <= tile.core_y0 && tile.core_y1 <= tile.ext_y1);
      CHECK(tile.ext_x0 <= tile.core_x0 && tile.core_x1 <= tile.ext_x1);
      CHECK(tile.ext_y1 <= geometry.windows_y && tile.ext_x1 <= geometry.windows_x);
      if (geometry.windows() > model.whole_limit) {
        CHECK(tile.ext_y0 == 0 || tile.core_y0 - tile.ext_y0 == model.tile_margin);
        CHECK(tile.ext_x1 == geometry.windows_x || tile.ext_x1 - tile.core_x1 == model.tile_margin);
        CHECK(tile.core_y1 - tile.core_y0 <= model.tile_core);
      }
      for (uint32_t y = tile.core_y0; y < tile.core_y1; ++y) {
        for (uint32_t x = tile.core_x0; x < tile.core_x1; ++x) {
          ++seen[size_t{y} * geometry.windows_x + x];
        }
      }
    }
    CHECK(seen == std::vector<int>(seen.size(), 1));
  }
}

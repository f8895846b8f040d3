#include "model/geometry.h"

#include <algorithm>

#include "base/constants.h"

namespace dlf {

ImageGeometry ImageGeometry::of(const NormativePart& model, uint32_t width, uint32_t height) {
  if (width < 1 || width > kMaxSide || height < 1 || height > kMaxSide) {
    fail(DLF_INVALID_ARGUMENT, "width and height are 1 to 2^24");
  }
  const uint32_t per_window = uint32_t{model.window} / model.latent_stride;
  const uint32_t per_align = uint32_t{model.latent_align} / model.latent_stride;
  ImageGeometry geometry;
  geometry.width = width;
  geometry.height = height;
  geometry.window_px = model.window;
  geometry.windows_y = divide_up(height, model.window);  // §5.1.1
  geometry.windows_x = divide_up(width, model.window);
  geometry.latent_h = divide_up(height, model.latent_align) * per_align;  // §5.1.2
  geometry.latent_w = divide_up(width, model.latent_align) * per_align;
  geometry.canvas = {geometry.latent_h * model.latent_stride,
                     geometry.latent_w * model.latent_stride};
  geometry.padded_h = geometry.windows_y * per_window;  // §9.1
  geometry.padded_w = geometry.windows_x * per_window;
  return geometry;
}

std::vector<Tile> tiles_of(const NormativePart& model, const ImageGeometry& geometry) {
  const uint32_t rows = geometry.windows_y, columns = geometry.windows_x;
  if (!model.has_tiles() || geometry.windows() <= model.whole_limit) {  // §9.2.1
    return {Tile{0, rows, 0, columns, 0, rows, 0, columns}};
  }
  const uint32_t core = model.tile_core, margin = model.tile_margin;
  std::vector<Tile> tiles;
  for (uint32_t y = 0; y < rows; y += core) {  // §9.2.2
    for (uint32_t x = 0; x < columns; x += core) {
      Tile tile{};
      tile.core_y0 = y;
      tile.core_y1 = std::min(y + core, rows);
      tile.core_x0 = x;
      tile.core_x1 = std::min(x + core, columns);
      tile.ext_y0 = y - std::min(y, margin);
      tile.ext_y1 = std::min(tile.core_y1 + margin, rows);
      tile.ext_x0 = x - std::min(x, margin);
      tile.ext_x1 = std::min(tile.core_x1 + margin, columns);
      tiles.push_back(tile);
    }
  }
  return tiles;
}

size_t latent_count(const NormativePart& model, const ImageGeometry& geometry) {
  return checked_multiply(checked_multiply(geometry.latent_h, geometry.latent_w, "latents"),
                          model.latent_channels, "latents");
}

}  // namespace dlf

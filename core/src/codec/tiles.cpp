#include "codec/tiles.h"

#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "codec/luma.h"

namespace dlf {
namespace {

// Samples per channel of a tile's arrays, at `side` samples per window side.
struct TileShape {
  size_t height, width;

  TileShape(const Tile& tile, size_t side)
      : height((tile.ext_y1 - tile.ext_y0) * side), width((tile.ext_x1 - tile.ext_x0) * side) {}
  size_t plane() const { return height * width; }
};

void expect_size(size_t actual, size_t expected, const char* what) {
  if (actual != expected) fail(DLF_MODEL_ERROR, std::string("the network gives a wrong ") + what);
}

uint8_t to_sample(float value) {
  // !(> 0) also catches NaN, whose conversion to an integer would be undefined.
  if (!(value > 0.0f)) return 0;
  if (value >= 1.0f) return 255;
  return static_cast<uint8_t>(std::floor(value * 255.0f + 0.5f));
}

}  // namespace

WindowGrid extended_grid(const Tile& tile) {
  return {tile.ext_y1 - tile.ext_y0, tile.ext_x1 - tile.ext_x0};
}

bool touches(const Tile& tile, size_t side, const Region& region) {
  return region.x < tile.core_x1 * side && region.y < tile.core_y1 * side &&
         uint64_t{region.x} + region.width > tile.core_x0 * side &&
         uint64_t{region.y} + region.height > tile.core_y0 * side;
}

std::vector<float> cut_image(const ConstPixels& pixels, const ImageGeometry& geometry,
                             const Tile& tile) {
  const TileShape shape(tile, geometry.window_px);
  const uint64_t top = uint64_t{tile.ext_y0} * geometry.window_px;
  const uint64_t left = uint64_t{tile.ext_x0} * geometry.window_px;
  const size_t channels = static_cast<size_t>(pixels.channels);
  const size_t inside = static_cast<size_t>(std::min<uint64_t>(shape.width, pixels.width - left));
  std::vector<float> image(checked_multiply(shape.plane(), 3, "tile"));
  for (size_t y = 0; y < shape.height; ++y) {
    const auto source = static_cast<uint32_t>(std::min<uint64_t>(top + y, pixels.height - 1));
    const uint8_t* line = pixels.line(source) + left * channels;
    for (size_t c = 0; c < 3; ++c) {
      const uint8_t* sample = line + (pixels.is_gray() ? 0 : c);
      float* target = image.data() + c * shape.plane() + y * shape.width;
      for (size_t x = 0; x < inside; ++x) {
        target[x] = static_cast<float>(sample[x * channels]) / 255.0f;
      }
      std::fill(target + inside, target + shape.width, target[inside - 1]);
    }
  }
  return image;
}

void put_tokens(const std::vector<int64_t>& tile_tokens, const Tile& tile,
                const ImageGeometry& geometry, size_t stride, std::vector<int16_t>* tokens) {
  const WindowGrid grid = extended_grid(tile);
  expect_size(tile_tokens.size(), grid.count() * stride, "number of tokens");
  for (size_t y = tile.core_y0; y < tile.core_y1; ++y) {
    for (size_t x = tile.core_x0; x < tile.core_x1; ++x) {
      const size_t from = ((y - tile.ext_y0) * grid.columns + (x - tile.ext_x0)) * stride;
      const size_t to = (y * geometry.windows_x + x) * stride;
      for (size_t i = 0; i < stride; ++i) {
        const int64_t digit = tile_tokens[from + i];
        if (digit < 0 || digit > INT16_MAX)
          fail(DLF_MODEL_ERROR, "the network gives a wrong token");
        (*tokens)[to + i] = static_cast<int16_t>(digit);
      }
    }
  }
}

void put_latents(const std::vector<float>& tile_latents, const Tile& tile,
                 const ImageGeometry& geometry, size_t channels, std::vector<float>* latents) {
  const size_t side = geometry.padded_h / geometry.windows_y;
  const TileShape shape(tile, side);
  expect_size(tile_latents.size(), shape.plane() * channels, "number of latents");
  const size_t y1 = std::min<size_t>(tile.core_y1 * side, geometry.latent_h);
  const size_t x0 = tile.core_x0 * side;
  const size_t x1 = std::min<size_t>(tile.core_x1 * side, geometry.latent_w);
  for (size_t c = 0; c < channels; ++c) {
    for (size_t y = tile.core_y0 * side; y < y1; ++y) {
      const float* from = tile_latents.data() + c * shape.plane() +
                          (y - tile.ext_y0 * side) * shape.width + (x0 - tile.ext_x0 * side);
      float* to = latents->data() + (c * geometry.latent_h + y) * geometry.latent_w + x0;
      std::copy(from, from + (x1 - x0), to);
    }
  }
}

std::vector<int64_t> cut_tokens(const std::vector<int16_t>& tokens, const Tile& tile,
                                const ImageGeometry& geometry, size_t stride) {
  std::vector<int64_t> out;
  out.reserve(extended_grid(tile).count() * stride);
  for (size_t y = tile.ext_y0; y < tile.ext_y1; ++y) {
    const int16_t* line = tokens.data() + (y * geometry.windows_x + tile.ext_x0) * stride;
    out.insert(out.end(), line, line + (tile.ext_x1 - tile.ext_x0) * stride);
  }
  return out;
}

std::vector<float> cut_latents(const std::vector<int32_t>& latents, const Tile& tile,
                               const ImageGeometry& geometry, size_t channels, int fraction_bits) {
  const size_t side = geometry.padded_h / geometry.windows_y;
  const TileShape shape(tile, side);
  const float unit = std::ldexp(1.0f, -fraction_bits);
  std::vector<float> out(checked_multiply(shape.plane(), channels, "tile"));
  float* to = out.data();
  for (size_t c = 0; c < channels; ++c) {
    for (size_t y = 0; y < shape.height; ++y) {
      const size_t source_y = std::min<size_t>(tile.ext_y0 * side + y, geometry.latent_h - 1);
      const int32_t* line = latents.data() + (c * geometry.latent_h + source_y) * geometry.latent_w;
      for (size_t x = 0; x < shape.width; ++x) {
        const size_t source_x = std::min<size_t>(tile.ext_x0 * side + x, geometry.latent_w - 1);
        *to++ = static_cast<float>(line[source_x]) * unit;
      }
    }
  }
  return out;
}

void put_pixels(const std::vector<float>& tile_image, const Tile& tile, size_t side,
                const Region& region, const Pixels& out) {
  const TileShape shape(tile, side);
  expect_size(tile_image.size(), shape.plane() * 3, "image size");
  const size_t y0 = std::max<size_t>(tile.core_y0 * side, region.y);
  const size_t y1 = std::min<size_t>(tile.core_y1 * side, size_t{region.y} + region.height);
  const size_t x0 = std::max<size_t>(tile.core_x0 * side, region.x);
  const size_t x1 = std::min<size_t>(tile.core_x1 * side, size_t{region.x} + region.width);
  const size_t channels = static_cast<size_t>(out.channels);
  for (size_t y = y0; y < y1; ++y) {
    const float* red = tile_image.data() + (y - tile.ext_y0 * side) * shape.width;
    const float* green = red + shape.plane();
    const float* blue = green + shape.plane();
    uint8_t* to = out.line(static_cast<uint32_t>(y - region.y)) + (x0 - region.x) * channels;
    for (size_t x = x0; x < x1; ++x, to += channels) {
      const size_t i = x - tile.ext_x0 * side;
      const uint8_t rgb[3] = {to_sample(red[i]), to_sample(green[i]), to_sample(blue[i])};
      if (out.is_gray()) {
        to[0] = luma(rgb[0], rgb[1], rgb[2]);
      } else {
        std::copy(rgb, rgb + 3, to);
      }
    }
  }
}

}  // namespace dlf

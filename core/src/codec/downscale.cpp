#include "codec/downscale.h"

#include <algorithm>
#include <string>

#include "base/status.h"
#include "model/geometry.h"

namespace dlf {

void check_downscale(int downscale) {
  if (downscale != 1 && downscale != 2 && downscale != 4 && downscale != 8) {
    fail(DLF_INVALID_ARGUMENT, "downscale is 1, 2, 4 or 8, not " + std::to_string(downscale));
  }
}

Region reduced_region(const Region& region, int downscale) {
  const auto factor = static_cast<uint32_t>(downscale);
  const uint32_t x = region.x / factor, y = region.y / factor;
  return {x, y, divide_up(region.x + region.width, factor) - x,
          divide_up(region.y + region.height, factor) - y};
}

std::vector<float> box_average(const std::vector<float>& image, size_t width, int downscale) {
  const auto factor = static_cast<size_t>(downscale);
  const size_t out_width = width / factor;
  const float weight = 1.0f / static_cast<float>(factor * factor);
  std::vector<float> out(image.size() / (factor * factor));
  const size_t lines = image.size() / width;  // of all planes: no square reaches over two
  for (size_t y = 0; y < lines; ++y) {
    const float* from = image.data() + y * width;
    float* to = out.data() + y / factor * out_width;
    for (size_t x = 0; x < out_width; ++x, from += factor) {
      for (size_t i = 0; i < factor; ++i) {
        // The order of the arguments makes not-a-number 0, as in §9.4.
        to[x] += weight * std::min(std::max(0.0f, from[i]), 1.0f);
      }
    }
  }
  return out;
}

uint8_t box_sample(const std::vector<uint8_t>& plane, uint32_t width, uint32_t height, uint32_t x,
                   uint32_t y, int downscale) {
  const auto factor = static_cast<size_t>(downscale);
  const size_t x0 = x * factor, x1 = std::min<size_t>(x0 + factor, width);
  const size_t y0 = y * factor, y1 = std::min<size_t>(y0 + factor, height);
  size_t sum = 0;
  for (size_t line = y0; line < y1; ++line) {
    for (size_t column = x0; column < x1; ++column) sum += plane[line * width + column];
  }
  const size_t count = (y1 - y0) * (x1 - x0);
  return static_cast<uint8_t>((sum + count / 2) / count);
}

}  // namespace dlf

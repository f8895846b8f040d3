// A picture at 1/2, 1/4 or 1/8 of its size in both directions (§9.7).
//
// Thread safety: pure functions.
#ifndef DLF_SRC_CODEC_DOWNSCALE_H_
#define DLF_SRC_CODEC_DOWNSCALE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/picture.h"

namespace dlf {

// Throws DLF_INVALID_ARGUMENT for another factor than 1, 2, 4 and 8.
void check_downscale(int downscale);

// A rectangle of the whole picture in pixels of the reduced one, widened to whole ones.
Region reduced_region(const Region& region, int downscale);

// [planes][height][width] -> the means of squares of downscale x downscale samples, each first
// clamped to [0, 1]. Both sides must be multiples of `downscale`.
std::vector<float> box_average(const std::vector<float>& image, size_t width, int downscale);

// The rounded mean of the samples of a plane that sample (x, y) of the reduced plane stands for. At
// the right and bottom edge these can be fewer than elsewhere.
uint8_t box_sample(const std::vector<uint8_t>& plane, uint32_t width, uint32_t height, uint32_t x,
                   uint32_t y, int downscale);

}  // namespace dlf

#endif  // DLF_SRC_CODEC_DOWNSCALE_H_

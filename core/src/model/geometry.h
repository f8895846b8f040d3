// How an image is cut into windows, latents and tiles (§5.1, §9). Integers only.
//
// Thread safety: values and pure functions.
#ifndef DLF_SRC_MODEL_GEOMETRY_H_
#define DLF_SRC_MODEL_GEOMETRY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "machine/canvas.h"
#include "model/normative.h"

namespace dlf {

struct ImageGeometry {
  uint32_t width = 0, height = 0;         // pixels
  uint32_t windows_y = 0, windows_x = 0;  // nH, nW
  uint32_t latent_h = 0, latent_w = 0;    // coded latent grid
  uint32_t padded_h = 0, padded_w = 0;    // latent grid of the full windows (synthesis input)
  uint32_t window_px = 0;                 // side of a window
  Canvas canvas;                          // of the integer networks, in pixels (§8.1)

  uint64_t windows() const { return uint64_t{windows_y} * windows_x; }
  uint64_t padded_pixels() const { return windows() * window_px * window_px; }

  // Throws DLF_INVALID_ARGUMENT for sides outside 1..2^24.
  static ImageGeometry of(const NormativePart& model, uint32_t width, uint32_t height);
};

// Values of the coded latents, of all channels.
size_t latent_count(const NormativePart& model, const ImageGeometry& geometry);

// One tile in windows: the core [y0,y1) x [x0,x1) that is kept, inside the extended rectangle that
// analysis and synthesis see (§9.2).
struct Tile {
  uint32_t core_y0, core_y1, core_x0, core_x1;
  uint32_t ext_y0, ext_y1, ext_x0, ext_x1;
};

// Row-major list of tiles; a single tile covering everything when the image is at most
// `whole_limit` windows.
std::vector<Tile> tiles_of(const NormativePart& model, const ImageGeometry& geometry);

}  // namespace dlf

#endif  // DLF_SRC_MODEL_GEOMETRY_H_

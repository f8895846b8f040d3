// Copies samples, tokens and latents between a whole picture and one tile of it (§9).
//
// A tile's arrays cover its extended rectangle; what is put back covers its core only.
//
// Thread safety: pure functions; different tiles may be handled at the same time.
#ifndef DLF_SRC_CODEC_TILES_H_
#define DLF_SRC_CODEC_TILES_H_

#include <cstdint>
#include <vector>

#include "codec/picture.h"
#include "codec/transform.h"
#include "model/geometry.h"

namespace dlf {

WindowGrid extended_grid(const Tile& tile);

// True when the tile's core holds a pixel of the region, which counts `side` pixels to a window.
bool touches(const Tile& tile, size_t side, const Region& region);

// Encoding: pixels -> [3][rows*window][columns*window] in [0, 1], the picture's last line and
// column repeated beyond its edges; gray is repeated over the three channels; alpha is left out.
std::vector<float> cut_image(const ConstPixels& pixels, const ImageGeometry& geometry,
                             const Tile& tile);

// Encoding: the core's tokens of a tile into those of the picture, [windows][stride].
void put_tokens(const std::vector<int64_t>& tile_tokens, const Tile& tile,
                const ImageGeometry& geometry, size_t stride, std::vector<int16_t>* tokens);

// Encoding: the core's latents of a tile, as far as they are on the coded latent grid, into those
// of the picture, [channels][latent_h][latent_w].
void put_latents(const std::vector<float>& tile_latents, const Tile& tile,
                 const ImageGeometry& geometry, size_t channels, std::vector<float>* latents);

// Decoding: the tokens that the tile's extended rectangle needs.
std::vector<int64_t> cut_tokens(const std::vector<int16_t>& tokens, const Tile& tile,
                                const ImageGeometry& geometry, size_t stride);

// Decoding: fixed-point latents [channels][latent_h][latent_w] with `fraction_bits` -> float
// latents of the extended rectangle, the last line and column of the coded grid repeated beyond it
// (§9.1).
std::vector<float> cut_latents(const std::vector<int32_t>& latents, const Tile& tile,
                               const ImageGeometry& geometry, size_t channels, int fraction_bits);

// Decoding: the synthesised core -> 8-bit samples (§9.4), luma for a gray picture (§2.6.3).
// `side` is what a window measures in `tile_image`: less than it does in the whole picture when
// that is wanted at a part of its size (§9.7). `region` is the part of the picture that `out`
// covers, at that size; alpha is not touched.
void put_pixels(const std::vector<float>& tile_image, const Tile& tile, size_t side,
                const Region& region, const Pixels& out);

}  // namespace dlf

#endif  // DLF_SRC_CODEC_TILES_H_

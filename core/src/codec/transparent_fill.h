// Colours for what nobody sees: the encoder may choose what lies under fully transparent pixels.
//
// Thread safety: pure functions.
#ifndef DLF_SRC_CODEC_TRANSPARENT_FILL_H_
#define DLF_SRC_CODEC_TRANSPARENT_FILL_H_

#include <cstdint>
#include <vector>

#include "codec/picture.h"

namespace dlf {

// A copy of a picture with alpha, without gaps between lines. Where alpha is 0, its colours are a
// smooth continuation of the visible ones around them: cheap to code, and without edges that would
// bleed. Where nothing at all is visible they are mid-gray. Visible colours and alpha stay. Empty
// when no pixel is fully transparent.
std::vector<uint8_t> fill_transparent(const ConstPixels& pixels);

// Bytes that fill_transparent takes at its peak, for this number of pixels.
uint64_t fill_bytes(uint64_t pixels, int channels);

}  // namespace dlf

#endif  // DLF_SRC_CODEC_TRANSPARENT_FILL_H_

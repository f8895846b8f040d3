// 8-bit samples in memory: what goes into the encoder and comes out of the decoder.
//
// Thread safety: plain values.
#ifndef DLF_SRC_CODEC_PICTURE_H_
#define DLF_SRC_CODEC_PICTURE_H_

#include <cstddef>
#include <cstdint>

namespace dlf {

// Borrowed interleaved samples: 1 = L, 2 = LA, 3 = RGB, 4 = RGBA; alpha is straight.
struct ConstPixels {
  const uint8_t* data = nullptr;
  uint32_t width = 0, height = 0;
  int channels = 3;
  size_t stride = 0;  // bytes from one line to the next

  const uint8_t* line(uint32_t y) const { return data + size_t{y} * stride; }
  bool has_alpha() const { return channels == 2 || channels == 4; }
  bool is_gray() const { return channels <= 2; }
};

struct Pixels {
  uint8_t* data = nullptr;
  uint32_t width = 0, height = 0;
  int channels = 3;
  size_t stride = 0;

  uint8_t* line(uint32_t y) const { return data + size_t{y} * stride; }
  bool has_alpha() const { return channels == 2 || channels == 4; }
  bool is_gray() const { return channels <= 2; }
};

// A rectangle in pixels of the whole picture.
struct Region {
  uint32_t x = 0, y = 0, width = 0, height = 0;
};

}  // namespace dlf

#endif  // DLF_SRC_CODEC_PICTURE_H_

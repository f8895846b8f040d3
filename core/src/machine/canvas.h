// Rectangles and grids (§8.1).
//
// Thread safety: plain values.
#ifndef DLF_SRC_MACHINE_CANVAS_H_
#define DLF_SRC_MACHINE_CANVAS_H_

#include <algorithm>
#include <cstdint>

namespace dlf {

constexpr uint32_t divide_up(uint32_t a, uint32_t b) { return a / b + (a % b != 0); }

// A range of rows or columns.
struct Span {
  uint32_t begin = 0, end = 0;

  uint32_t size() const { return end > begin ? end - begin : 0; }
  bool empty() const { return end <= begin; }
  // Extends the range to cover the other too.
  void include(Span other) {
    if (other.empty()) return;
    *this = empty() ? other : Span{std::min(begin, other.begin), std::max(end, other.end)};
  }
};

// The cells of a grid that these pixels lie in.
constexpr Span cells_of(Span pixels, uint32_t cell) {
  return {pixels.begin / cell, divide_up(pixels.end, cell)};
}

// The padded picture that all grids cover, in pixels.
struct Canvas {
  uint32_t height = 0, width = 0;

  uint32_t rows(uint32_t cell) const { return divide_up(height, cell); }
  uint32_t columns(uint32_t cell) const { return divide_up(width, cell); }
};

// A part of a canvas, in pixels.
struct PixelArea {
  Span rows, columns;
};

inline PixelArea whole(const Canvas& canvas) { return {{0, canvas.height}, {0, canvas.width}}; }

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_CANVAS_H_

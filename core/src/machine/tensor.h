// int16 feature maps, [channels][height][width], row-major.
//
// Thread safety: plain values.
#ifndef DLF_SRC_MACHINE_TENSOR_H_
#define DLF_SRC_MACHINE_TENSOR_H_

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace dlf {

struct Tensor {
  uint32_t channels = 0, height = 0, width = 0;
  std::vector<int16_t> data;

  Tensor() = default;
  Tensor(uint32_t c, uint32_t h, uint32_t w, int16_t value = 0)
      : channels(c),
        height(h),
        width(w),
        data(checked_multiply(checked_multiply(c, h, "tensor"), w, "tensor"), value) {}

  size_t plane() const { return size_t{height} * width; }
  int16_t* channel(size_t c) { return data.data() + c * plane(); }
  const int16_t* channel(size_t c) const { return data.data() + c * plane(); }
};

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_TENSOR_H_

// NEON kernels, equal to convolve_plain bit by bit; see kernels_avx2.cpp.

#include "kernel_layout.h"

#ifdef DLF_HAVE_NEON
#include <arm_neon.h>

#include <algorithm>

namespace dlf {
namespace {

constexpr size_t kVectors = kPositions / 4;

// rescale() of four sums: VRSHL rounds and VQMOVN saturates just as §8.3.1 says, on 64 bits.
int16x4_t rescale_4(int32x4_t sums, int32_t multiplier, int shift) {
  const int64x2_t by = vdupq_n_s64(-shift);
  const int64x2_t low = vrshlq_s64(vmull_n_s32(vget_low_s32(sums), multiplier), by);
  const int64x2_t high = vrshlq_s64(vmull_n_s32(vget_high_s32(sums), multiplier), by);
  return vqmovn_s32(vcombine_s32(vqmovn_s64(low), vqmovn_s64(high)));
}

// Adds weight * 16 values.
void multiply_add(const int16_t* values, int16_t weight, int32x4_t* sums) {
  const int16x8_t a = vld1q_s16(values), b = vld1q_s16(values + 8);
  sums[0] = vmlal_n_s16(sums[0], vget_low_s16(a), weight);
  sums[1] = vmlal_n_s16(sums[1], vget_high_s16(a), weight);
  sums[2] = vmlal_n_s16(sums[2], vget_low_s16(b), weight);
  sums[3] = vmlal_n_s16(sums[3], vget_high_s16(b), weight);
}

void store(const int32x4_t* sums, const ConvLayer& layer, size_t c, size_t n, const Line& line,
           Tensor& output) {
  int16_t values[kPositions];
  for (size_t v = 0; v < kVectors; ++v) {
    vst1_s16(values + 4 * v, rescale_4(sums[v], layer.multiplier[c], layer.shift[c]));
  }
  scatter(values, n, line, output, output.channel(c));
}

}  // namespace

void dense_positions(const ConvLayer& layer, const int16_t* input, const Line& line, size_t n,
                     Tensor& output) {
  const size_t kernel = layer.kernel;
  const int16_t* weight = layer.packed.data();
  for (size_t block = 0; block < output_blocks(layer); ++block) {
    int32x4_t sums[kBlock][kVectors];
    for (size_t o = 0; o < kBlock; ++o) {
      const size_t c = std::min(block * kBlock + o, size_t{layer.out_channels} - 1);
      std::fill_n(sums[o], kVectors, vdupq_n_s32(layer.bias[c]));
    }
    for (size_t i = 0; i < layer.in_channels; ++i) {
      for (size_t dy = 0; dy < kernel; ++dy) {
        const int16_t* row = input + i * line.plane + n + dy * line.stride;
        for (size_t dx = 0; dx < kernel; ++dx, weight += kBlock) {
          for (size_t o = 0; o < kBlock; ++o) {
            multiply_add(row + dx, weight[o], sums[o]);
          }
        }
      }
    }
    for (size_t o = 0; o < kBlock && block * kBlock + o < layer.out_channels; ++o) {
      store(sums[o], layer, block * kBlock + o, n, line, output);
    }
  }
}

void depthwise_channel(const ConvLayer& layer, const int16_t* plane, const Line& line, size_t c,
                       Tensor& output) {
  const size_t kernel = layer.kernel, taps = kernel * kernel;
  const int16_t* weight = layer.packed.data() + c * taps;
  for (size_t n = 0; n < line.outputs; n += kPositions) {
    int32x4_t sums[kVectors];
    std::fill_n(sums, kVectors, vdupq_n_s32(layer.bias[c]));
    for (size_t t = 0; t < taps; ++t) {
      multiply_add(plane + n + t / kernel * line.stride + t % kernel, weight[t], sums);
    }
    store(sums, layer, c, n, line, output);
  }
}

}  // namespace dlf

#endif  // DLF_HAVE_NEON

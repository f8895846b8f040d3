// AVX2 convolutions, equal to convolve_plain bit by bit: integer sums do not depend on their order
// once no partial sum can overflow (§8.4), and the rescaling is the same arithmetic.

#include <algorithm>
#include <cstring>

#include "kernel_layout.h"
#include "kernels.h"

#ifdef DLF_HAVE_AVX2
#include <immintrin.h>

#define DLF_AVX2 __attribute__((target("avx2")))

namespace dlf {
namespace {

DLF_AVX2 inline __m256i load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

// Two adjacent int16 weights in every 32-bit lane.
DLF_AVX2 inline __m256i broadcast_pair(const int16_t* p) {
  int32_t both;
  std::memcpy(&both, p, sizeof both);
  return _mm256_set1_epi32(both);
}

// rescale() on the 64-bit products in the four lanes, clamped to int16. AVX2 has no arithmetic
// 64-bit shift: products are above -2^62, so an offset of 2^62 makes an unsigned one do.
DLF_AVX2 inline __m256i rescale_lanes(__m256i product, int shift) {
  constexpr int64_t offset = int64_t{1} << 62;
  const __m256i lifted =
      _mm256_add_epi64(product, _mm256_set1_epi64x(offset + (int64_t{1} << (shift - 1))));
  const __m256i value = _mm256_sub_epi64(_mm256_srl_epi64(lifted, _mm_cvtsi32_si128(shift)),
                                         _mm256_set1_epi64x(offset >> shift));
  const __m256i low = _mm256_set1_epi64x(INT16_MIN), high = _mm256_set1_epi64x(INT16_MAX);
  const __m256i floored = _mm256_blendv_epi8(value, low, _mm256_cmpgt_epi64(low, value));
  return _mm256_blendv_epi8(floored, high, _mm256_cmpgt_epi64(floored, high));
}

DLF_AVX2 inline __m256i rescale_8(__m256i sums, int32_t multiplier, int shift) {
  const __m256i factor = _mm256_set1_epi32(multiplier);
  const __m256i even = rescale_lanes(_mm256_mul_epi32(sums, factor), shift);
  const __m256i odd = rescale_lanes(_mm256_mul_epi32(_mm256_srli_epi64(sums, 32), factor), shift);
  return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
}

// 16 sums -> 16 int16 values, in order.
DLF_AVX2 inline void store_16(__m256i a, __m256i b, int32_t multiplier, int shift, int16_t* out) {
  const __m256i packed =
      _mm256_packs_epi32(rescale_8(a, multiplier, shift), rescale_8(b, multiplier, shift));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_permute4x64_epi64(packed, 0xD8));
}

}  // namespace

DLF_AVX2 void dense_positions(const ConvLayer& layer, const int16_t* input, const Line& line,
                              size_t n, Tensor& output) {
  const size_t pairs = channel_groups(layer), kernel = layer.kernel;
  const int16_t* weight = layer.packed.data();
  alignas(32) int16_t values[kPositions];
  for (size_t block = 0; block < output_blocks(layer); ++block) {
    __m256i sum[kBlock][2];
    for (size_t o = 0; o < kBlock; ++o) {
      const size_t c = std::min(block * kBlock + o, size_t{layer.out_channels} - 1);
      sum[o][0] = sum[o][1] = _mm256_set1_epi32(layer.bias[c]);
    }
    for (size_t p = 0; p < pairs; ++p) {
      for (size_t dy = 0; dy < kernel; ++dy) {
        const int16_t* row = input + 2 * (p * line.plane + n + dy * line.stride);
        for (size_t dx = 0; dx < kernel; ++dx, weight += 2 * kBlock) {
          const __m256i a = load(row + 2 * dx), b = load(row + 2 * dx + 16);
          for (size_t o = 0; o < kBlock; ++o) {
            const __m256i w = broadcast_pair(weight + 2 * o);
            sum[o][0] = _mm256_add_epi32(sum[o][0], _mm256_madd_epi16(a, w));
            sum[o][1] = _mm256_add_epi32(sum[o][1], _mm256_madd_epi16(b, w));
          }
        }
      }
    }
    for (size_t o = 0; o < kBlock && block * kBlock + o < layer.out_channels; ++o) {
      const size_t c = block * kBlock + o;
      store_16(sum[o][0], sum[o][1], layer.multiplier[c], layer.shift[c], values);
      scatter(values, n, line, output, output.channel(c));
    }
  }
}

DLF_AVX2 void depthwise_channel(const ConvLayer& layer, const int16_t* plane, const Line& line,
                                size_t c, Tensor& output) {
  const size_t kernel = layer.kernel, taps = kernel * kernel;
  const int16_t* weight = layer.packed.data() + c * tap_groups(layer) * kGroup;
  size_t offset[10] = {};
  for (size_t t = 0; t < taps; ++t) {
    offset[t] = t / kernel * line.stride + t % kernel;
  }
  alignas(32) int16_t values[kPositions];
  for (size_t n = 0; n < line.outputs; n += kPositions) {
    __m256i low = _mm256_set1_epi32(layer.bias[c]), high = low;
    for (size_t t = 0; t < taps; t += 2) {  // an odd last tap is paired with weight 0
      const __m256i a = load(plane + n + offset[t]), b = load(plane + n + offset[t + 1]);
      const __m256i w = broadcast_pair(weight + t);
      low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), w));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), w));
    }
    const __m256i first = _mm256_permute2x128_si256(low, high, 0x20);
    const __m256i second = _mm256_permute2x128_si256(low, high, 0x31);
    store_16(first, second, layer.multiplier[c], layer.shift[c], values);
    scatter(values, n, line, output, output.channel(c));
  }
}

}  // namespace dlf

#endif  // DLF_HAVE_AVX2

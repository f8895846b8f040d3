// AVX2: vpmaddwd on 8 columns of a pair of channels.

#include "machine/isa.h"

#ifdef DLF_HAVE_X86
#include <immintrin.h>

#include <cstring>

#include "base/cpu.h"
#include "machine/program.h"

#define DLF_TARGET __attribute__((target("avx2")))
#define DLF_INLINE DLF_TARGET __attribute__((always_inline)) inline

namespace dlf {
namespace {

struct Isa {
  using Vector = __m256i;
  using Sum = __m256i;
  static constexpr size_t kPositions = 8, kVectors = 2, kPairs = 2;

  struct Scale {
    __m256i multiplier, lift, drop;
    __m128i shift;
  };

  DLF_INLINE static Vector load(const int16_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  DLF_INLINE static void store(int16_t* to, Vector value, size_t count) {
    if (count >= kPositions) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value);
    } else {
      const __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
      const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), place);
      _mm256_maskstore_epi32(reinterpret_cast<int*>(to), mask, value);
    }
  }
  DLF_INLINE static Sum set_sum(int32_t value) { return _mm256_set1_epi32(value); }
  DLF_INLINE static void store_sum(int32_t* to, Sum sum) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), sum);
  }
  DLF_INLINE static Vector broadcast(int16_t value) { return _mm256_set1_epi16(value); }
  DLF_INLINE static Vector pair(const int16_t* weights) {
    int32_t both;
    std::memcpy(&both, weights, sizeof both);
    return _mm256_set1_epi32(both);
  }
  DLF_INLINE static Sum multiply_add(Sum sum, Vector values, Vector weights) {
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(values, weights));
    // Else GCC would add in another order, with all products in memory.
    __asm__("" : "+x"(sum));
    return sum;
  }

  // AVX2 has no arithmetic 64-bit shift: products are above -2^62, so an offset of 2^62 makes an
  // unsigned one do.
  DLF_INLINE static Scale scale(const ChannelScale& channel) {
    constexpr int64_t offset = int64_t{1} << 62;
    return {_mm256_set1_epi32(channel.multiplier),
            _mm256_set1_epi64x(offset + (int64_t{1} << (channel.shift - 1))),
            _mm256_set1_epi64x(offset >> channel.shift), _mm_cvtsi32_si128(channel.shift)};
  }
  // The result is in the low half of each 64 bits.
  DLF_INLINE static __m256i half(__m256i sums, const Scale& by) {
    const __m256i product = _mm256_mul_epi32(sums, by.multiplier);
    return _mm256_sub_epi64(_mm256_srl_epi64(_mm256_add_epi64(product, by.lift), by.shift),
                            by.drop);
  }
  DLF_INLINE static __m256i rescale(__m256i sums, const Scale& by) {
    const __m256i even = half(sums, by);
    const __m256i odd = half(_mm256_srli_epi64(sums, 32), by);
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
  }
  DLF_INLINE static Vector finish(Sum even, Sum odd, const Scale& first, const Scale& second) {
    return interleave(_mm256_packs_epi32(rescale(even, first), rescale(odd, second)));
  }
  // In each half: four values of one channel, then four of the other.
  DLF_INLINE static Vector interleave(Vector packed) {
    const __m128i order = _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
    return _mm256_shuffle_epi8(packed, _mm256_broadcastsi128_si256(order));
  }

  DLF_INLINE static Vector max(Vector a, Vector b) { return _mm256_max_epi16(a, b); }
  DLF_INLINE static Vector min(Vector a, Vector b) { return _mm256_min_epi16(a, b); }
  DLF_INLINE static Vector add(Vector a, Vector b) { return _mm256_adds_epi16(a, b); }
  // A slope below 1 makes values smaller: the greater of both is the right one on either side of 0.
  DLF_INLINE static Vector leaky(Vector value, int16_t slope) {
    return _mm256_max_epi16(value, _mm256_mulhrs_epi16(value, _mm256_set1_epi16(slope)));
  }
  DLF_INLINE static Vector product(Vector a, Vector b, int shift) {
    const __m256i low = _mm256_mullo_epi16(a, b), high = _mm256_mulhi_epi16(a, b);
    const __m256i round = _mm256_set1_epi32(1 << (shift - 1));
    const __m128i by = _mm_cvtsi32_si128(shift);
    const __m256i first =
        _mm256_sra_epi32(_mm256_add_epi32(_mm256_unpacklo_epi16(low, high), round), by);
    const __m256i second =
        _mm256_sra_epi32(_mm256_add_epi32(_mm256_unpackhi_epi16(low, high), round), by);
    return _mm256_packs_epi32(first, second);
  }
};

}  // namespace
}  // namespace dlf

#include "machine/kernel_rows.h"

namespace dlf {
const Kernels* avx2_kernels() {
  static const Kernels kernels = {"avx2", dense_row, depthwise_row, pointwise_row};
  return has_avx2() ? &kernels : nullptr;
}
}  // namespace dlf

#else

namespace dlf {
const Kernels* avx2_kernels() { return nullptr; }
}  // namespace dlf

#endif  // DLF_HAVE_X86

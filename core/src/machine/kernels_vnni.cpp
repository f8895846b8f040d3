// AVX-512 VNNI: vpdpwssd on 16 columns of a pair of channels.

#include "machine/isa.h"

#ifdef DLF_HAVE_X86
#include <immintrin.h>

#ifndef __clang__  // the undefined operands within GCC's own intrinsics (its bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <cstring>

#include "base/cpu.h"
#include "machine/program.h"

#define DLF_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define DLF_INLINE DLF_TARGET __attribute__((always_inline)) inline

namespace dlf {
namespace {

struct Isa {
  using Vector = __m512i;
  using Sum = __m512i;
  static constexpr size_t kPositions = 16, kVectors = 3, kPairs = 4;

  struct Scale {
    __m512i multiplier, round;
    __m128i shift;
  };

  DLF_INLINE static Vector load(const int16_t* from) { return _mm512_loadu_si512(from); }
  DLF_INLINE static void store(int16_t* to, Vector value, size_t count) {
    if (count >= kPositions) {
      _mm512_storeu_si512(to, value);
    } else {
      _mm512_mask_storeu_epi32(to, static_cast<__mmask16>((1u << count) - 1), value);
    }
  }
  DLF_INLINE static Sum set_sum(int32_t value) { return _mm512_set1_epi32(value); }
  DLF_INLINE static void store_sum(int32_t* to, Sum sum) { _mm512_storeu_si512(to, sum); }
  DLF_INLINE static Vector broadcast(int16_t value) { return _mm512_set1_epi16(value); }
  DLF_INLINE static Vector pair(const int16_t* weights) {
    int32_t both;
    std::memcpy(&both, weights, sizeof both);
    return _mm512_set1_epi32(both);
  }
  DLF_INLINE static Sum multiply_add(Sum sum, Vector values, Vector weights) {
    // Not the intrinsic: GCC would copy every sum and run out of registers.
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(values), "v"(weights));
    return sum;
  }

  DLF_INLINE static Scale scale(const ChannelScale& channel) {
    return {_mm512_set1_epi32(channel.multiplier),
            _mm512_set1_epi64(int64_t{1} << (channel.shift - 1)), _mm_cvtsi32_si128(channel.shift)};
  }
  // The result is in the low half of each 64 bits.
  DLF_INLINE static __m512i half(__m512i sums, const Scale& by) {
    const __m512i product = _mm512_mul_epi32(sums, by.multiplier);
    return _mm512_sra_epi64(_mm512_add_epi64(product, by.round), by.shift);
  }
  DLF_INLINE static __m512i rescale(__m512i sums, const Scale& by) {
    const __m512i even = half(sums, by);
    const __m512i odd = half(_mm512_srli_epi64(sums, 32), by);
    return _mm512_mask_shuffle_epi32(even, 0xAAAA, odd, _MM_PERM_CDAB);
  }
  DLF_INLINE static Vector finish(Sum even, Sum odd, const Scale& first, const Scale& second) {
    return interleave(_mm512_packs_epi32(rescale(even, first), rescale(odd, second)));
  }
  // In each quarter: four values of one channel, then four of the other.
  DLF_INLINE static Vector interleave(Vector packed) {
    const __m128i order = _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
    return _mm512_shuffle_epi8(packed, _mm512_broadcast_i32x4(order));
  }

  DLF_INLINE static Vector max(Vector a, Vector b) { return _mm512_max_epi16(a, b); }
  DLF_INLINE static Vector min(Vector a, Vector b) { return _mm512_min_epi16(a, b); }
  DLF_INLINE static Vector add(Vector a, Vector b) { return _mm512_adds_epi16(a, b); }
  // A slope below 1 makes values smaller: the greater of both is the right one on either side of 0.
  DLF_INLINE static Vector leaky(Vector value, int16_t slope) {
    return _mm512_max_epi16(value, _mm512_mulhrs_epi16(value, _mm512_set1_epi16(slope)));
  }
  DLF_INLINE static Vector product(Vector a, Vector b, int shift) {
    const __m512i low = _mm512_mullo_epi16(a, b), high = _mm512_mulhi_epi16(a, b);
    const __m512i round = _mm512_set1_epi32(1 << (shift - 1));
    const __m128i by = _mm_cvtsi32_si128(shift);
    const __m512i first =
        _mm512_sra_epi32(_mm512_add_epi32(_mm512_unpacklo_epi16(low, high), round), by);
    const __m512i second =
        _mm512_sra_epi32(_mm512_add_epi32(_mm512_unpackhi_epi16(low, high), round), by);
    return _mm512_packs_epi32(first, second);
  }
};

}  // namespace
}  // namespace dlf

#include "machine/kernel_rows.h"

namespace dlf {
const Kernels* vnni_kernels() {
  static const Kernels kernels = {"vnni", dense_row, depthwise_row, pointwise_row};
  return has_avx512_vnni() ? &kernels : nullptr;
}
}  // namespace dlf

#else

namespace dlf {
const Kernels* vnni_kernels() { return nullptr; }
}  // namespace dlf

#endif  // DLF_HAVE_X86

// WebAssembly SIMD: i32x4.dot_i16x8_s on 4 columns of a pair of channels.

#include "machine/isa.h"

#ifdef DLF_HAVE_WASM
#include <wasm_simd128.h>

#include <cstring>

#include "machine/program.h"

#define DLF_TARGET
#define DLF_INLINE __attribute__((always_inline)) inline

namespace dlf {
namespace {

struct Isa {
  using Vector = v128_t;
  using Sum = v128_t;
  static constexpr size_t kPositions = 4, kVectors = 2, kPairs = 2;

  struct Scale {
    v128_t multiplier, lift, drop;
    uint32_t shift;
  };

  DLF_INLINE static Vector load(const int16_t* from) { return wasm_v128_load(from); }
  DLF_INLINE static void store(int16_t* to, Vector value, size_t count) {
    if (count >= kPositions) {
      wasm_v128_store(to, value);
    } else {
      std::memcpy(to, &value, count * 2 * sizeof(int16_t));
    }
  }
  DLF_INLINE static Sum set_sum(int32_t value) { return wasm_i32x4_splat(value); }
  DLF_INLINE static void store_sum(int32_t* to, Sum sum) { wasm_v128_store(to, sum); }
  DLF_INLINE static Vector broadcast(int16_t value) { return wasm_i16x8_splat(value); }
  DLF_INLINE static Vector pair(const int16_t* weights) { return wasm_v128_load32_splat(weights); }
  DLF_INLINE static Sum multiply_add(Sum sum, Vector values, Vector weights) {
    return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(values, weights));
  }

  // Many CPUs have no arithmetic 64-bit shift: products are above -2^62, so an offset of 2^62
  // makes an unsigned one do.
  DLF_INLINE static Scale scale(const ChannelScale& channel) {
    constexpr int64_t offset = int64_t{1} << 62;
    return {wasm_i32x4_splat(channel.multiplier),
            wasm_i64x2_splat(offset + (int64_t{1} << (channel.shift - 1))),
            wasm_i64x2_splat(offset >> channel.shift), static_cast<uint32_t>(channel.shift)};
  }
  // The result is in the low half of each 64 bits.
  DLF_INLINE static v128_t half(v128_t products, const Scale& by) {
    return wasm_i64x2_sub(wasm_u64x2_shr(wasm_i64x2_add(products, by.lift), by.shift), by.drop);
  }
  DLF_INLINE static v128_t rescale(Sum sums, const Scale& by) {
    const v128_t low = half(wasm_i64x2_extmul_low_i32x4(sums, by.multiplier), by);
    const v128_t high = half(wasm_i64x2_extmul_high_i32x4(sums, by.multiplier), by);
    return wasm_i32x4_shuffle(low, high, 0, 2, 4, 6);
  }
  DLF_INLINE static Vector finish(Sum even, Sum odd, const Scale& first, const Scale& second) {
    const v128_t packed = wasm_i16x8_narrow_i32x4(rescale(even, first), rescale(odd, second));
    return wasm_i16x8_shuffle(packed, packed, 0, 4, 1, 5, 2, 6, 3, 7);
  }

  DLF_INLINE static Vector max(Vector a, Vector b) { return wasm_i16x8_max(a, b); }
  DLF_INLINE static Vector min(Vector a, Vector b) { return wasm_i16x8_min(a, b); }
  DLF_INLINE static Vector add(Vector a, Vector b) { return wasm_i16x8_add_sat(a, b); }
  // A slope below 1 makes values smaller: the greater of both is the right one on either side of 0.
  DLF_INLINE static Vector leaky(Vector value, int16_t slope) {
    return wasm_i16x8_max(value, wasm_i16x8_q15mulr_sat(value, wasm_i16x8_splat(slope)));
  }
  DLF_INLINE static Vector product(Vector a, Vector b, int shift) {
    const v128_t round = wasm_i32x4_splat(1 << (shift - 1));
    const auto by = static_cast<uint32_t>(shift);
    const v128_t low = wasm_i32x4_add(wasm_i32x4_extmul_low_i16x8(a, b), round);
    const v128_t high = wasm_i32x4_add(wasm_i32x4_extmul_high_i16x8(a, b), round);
    return wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(low, by), wasm_i32x4_shr(high, by));
  }
};

}  // namespace
}  // namespace dlf

#include "machine/kernel_rows.h"

namespace dlf {
const Kernels* wasm_kernels() {
  static const Kernels kernels = {"wasm", dense_row, depthwise_row, pointwise_row};
  return &kernels;  // a module with such instructions is only run where they exist
}
}  // namespace dlf

#else

namespace dlf {
const Kernels* wasm_kernels() { return nullptr; }
}  // namespace dlf

#endif  // DLF_HAVE_WASM

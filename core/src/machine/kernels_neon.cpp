// NEON: vmlal on 8 columns of a pair of channels, whose two channels are kept apart in registers.

#include "machine/isa.h"

#ifdef DLF_HAVE_NEON
#include <arm_neon.h>

#include "machine/program.h"

#define DLF_TARGET
#define DLF_INLINE __attribute__((always_inline)) inline

namespace dlf {
namespace {

struct Isa {
  using Vector = int16x8x2_t;
  struct Sum {
    int32x4_t low, high;
  };
  struct Weights {
    int16_t first, second;
  };
  struct Scale {
    int32_t multiplier, shift;
  };
  static constexpr size_t kPositions = 8, kVectors = 1, kPairs = 4;

  DLF_INLINE static Vector load(const int16_t* from) { return vld2q_s16(from); }
  DLF_INLINE static void store(int16_t* to, Vector value, size_t count) {
    if (count >= kPositions) {
      vst2q_s16(to, value);
    } else {
      int16_t all[2 * kPositions];
      vst2q_s16(all, value);
      std::copy_n(all, 2 * count, to);
    }
  }
  DLF_INLINE static Sum set_sum(int32_t value) { return {vdupq_n_s32(value), vdupq_n_s32(value)}; }
  DLF_INLINE static void store_sum(int32_t* to, Sum sum) {
    vst1q_s32(to, sum.low);
    vst1q_s32(to + 4, sum.high);
  }
  DLF_INLINE static Vector broadcast(int16_t value) {
    return {{vdupq_n_s16(value), vdupq_n_s16(value)}};
  }
  DLF_INLINE static Weights pair(const int16_t* weights) { return {weights[0], weights[1]}; }
  DLF_INLINE static Sum multiply_add(Sum sum, const Vector& values, Weights by) {
    sum.low = vmlal_n_s16(sum.low, vget_low_s16(values.val[0]), by.first);
    sum.high = vmlal_n_s16(sum.high, vget_high_s16(values.val[0]), by.first);
    sum.low = vmlal_n_s16(sum.low, vget_low_s16(values.val[1]), by.second);
    sum.high = vmlal_n_s16(sum.high, vget_high_s16(values.val[1]), by.second);
    return sum;
  }

  DLF_INLINE static Scale scale(const ChannelScale& channel) {
    return {channel.multiplier, channel.shift};
  }
  // VRSHL rounds and VQMOVN saturates just as §8.3.1 says, on 64 bits.
  DLF_INLINE static int16x4_t rescale(int32x4_t sums, Scale by) {
    const int64x2_t shift = vdupq_n_s64(-by.shift);
    const int64x2_t low = vrshlq_s64(vmull_n_s32(vget_low_s32(sums), by.multiplier), shift);
    const int64x2_t high = vrshlq_s64(vmull_n_s32(vget_high_s32(sums), by.multiplier), shift);
    return vqmovn_s32(vcombine_s32(vqmovn_s64(low), vqmovn_s64(high)));
  }
  DLF_INLINE static Vector finish(Sum even, Sum odd, Scale first, Scale second) {
    return {{vcombine_s16(rescale(even.low, first), rescale(even.high, first)),
             vcombine_s16(rescale(odd.low, second), rescale(odd.high, second))}};
  }

  DLF_INLINE static Vector max(const Vector& a, const Vector& b) {
    return {{vmaxq_s16(a.val[0], b.val[0]), vmaxq_s16(a.val[1], b.val[1])}};
  }
  DLF_INLINE static Vector min(const Vector& a, const Vector& b) {
    return {{vminq_s16(a.val[0], b.val[0]), vminq_s16(a.val[1], b.val[1])}};
  }
  DLF_INLINE static Vector add(const Vector& a, const Vector& b) {
    return {{vqaddq_s16(a.val[0], b.val[0]), vqaddq_s16(a.val[1], b.val[1])}};
  }
  // A slope below 1 makes values smaller: the greater of both is the right one on either side of 0.
  DLF_INLINE static Vector leaky(const Vector& value, int16_t slope) {
    return {{vmaxq_s16(value.val[0], vqrdmulhq_n_s16(value.val[0], slope)),
             vmaxq_s16(value.val[1], vqrdmulhq_n_s16(value.val[1], slope))}};
  }
  DLF_INLINE static int16x8_t product(int16x8_t a, int16x8_t b, int32x4_t by) {
    const int32x4_t low = vrshlq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), by);
    const int32x4_t high = vrshlq_s32(vmull_s16(vget_high_s16(a), vget_high_s16(b)), by);
    return vcombine_s16(vqmovn_s32(low), vqmovn_s32(high));
  }
  DLF_INLINE static Vector product(const Vector& a, const Vector& b, int shift) {
    const int32x4_t by = vdupq_n_s32(-shift);
    return {{product(a.val[0], b.val[0], by), product(a.val[1], b.val[1], by)}};
  }
};

}  // namespace
}  // namespace dlf

#include "machine/kernel_rows.h"

namespace dlf {
const Kernels* neon_kernels() {
  static const Kernels kernels = {"neon", dense_row, depthwise_row, pointwise_row};
  return &kernels;  // part of the architecture
}
}  // namespace dlf

#else

namespace dlf {
const Kernels* neon_kernels() { return nullptr; }
}  // namespace dlf

#endif  // DLF_HAVE_NEON

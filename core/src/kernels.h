// Integer convolutions (§8.3.1): a plain kernel that reads like the specification, and an AVX2 one
// that gives the same numbers.
//
// Thread safety: functions without state. With `threads` > 1 they start and join their own threads.
#ifndef DLF_SRC_KERNELS_H_
#define DLF_SRC_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "normative.h"
#include "tensor.h"

namespace dlf {

struct KernelOptions {
  int threads = 1;
  bool force_plain = false;
};

// saturate16((accumulator * multiplier + 2^(shift-1)) >> shift), the one rounding of the network.
inline int16_t rescale(int32_t accumulator, int32_t multiplier, uint8_t shift) {
  const int64_t product = int64_t{accumulator} * multiplier;
  const int64_t value = (product + (int64_t{1} << (shift - 1))) >> shift;
  return static_cast<int16_t>(value < INT16_MIN ? INT16_MIN
                                                : (value > INT16_MAX ? INT16_MAX : value));
}

// Same-size convolution with zero padding. The layer must have passed check_accumulators.
Tensor convolve(const ConvLayer& layer, const Tensor& input, const KernelOptions& options);

// Whether this build and processor have SIMD kernels.
bool simd_supported();
// The same, and the environment variable DLF_FORCE_SCALAR is unset, empty or "0".
bool simd_enabled();

// Fills layer.packed; convolve needs it.
void pack_layer(ConvLayer& layer);

// The two implementations of convolve, for tests; the second needs simd_supported().
Tensor convolve_plain(const ConvLayer& layer, const Tensor& input, int threads);
Tensor convolve_simd(const ConvLayer& layer, const Tensor& input, int threads);

}  // namespace dlf

#endif  // DLF_SRC_KERNELS_H_

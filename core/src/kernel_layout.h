// How the SIMD kernels lay out weights and activations; shared by the packing and the kernels.
#ifndef DLF_SRC_KERNEL_LAYOUT_H_
#define DLF_SRC_KERNEL_LAYOUT_H_

#include <cstddef>

#include "normative.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define DLF_HAVE_AVX2 1
#endif

namespace dlf {

constexpr size_t kBlock = 4;       // output channels computed together
constexpr size_t kPositions = 16;  // positions computed together
constexpr size_t kSlack = 64;      // readable values behind a padded plane
// Starting a thread costs about as much as this many multiply-accumulates.
constexpr size_t kMacsPerThread = size_t{1} << 21;

inline size_t channel_pairs(const ConvLayer& layer) { return (size_t{layer.in_channels} + 1) / 2; }
inline size_t output_blocks(const ConvLayer& layer) {
  return (size_t{layer.out_channels} + kBlock - 1) / kBlock;
}
inline size_t tap_pairs(const ConvLayer& layer) {
  return (size_t{layer.kernel} * layer.kernel + 1) / 2;
}

}  // namespace dlf

#endif  // DLF_SRC_KERNEL_LAYOUT_H_

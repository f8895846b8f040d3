// How the SIMD kernels lay out weights and activations, and the parts that they share.
//
// Thread safety: functions without state.
#ifndef DLF_SRC_KERNEL_LAYOUT_H_
#define DLF_SRC_KERNEL_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "normative.h"
#include "tensor.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define DLF_HAVE_AVX2 1
#elif defined(__aarch64__) && defined(__GNUC__) && !defined(__AARCH64EB__)
#define DLF_HAVE_NEON 1
#endif

namespace dlf {

constexpr size_t kBlock = 4;       // output channels computed together
constexpr size_t kPositions = 16;  // positions computed together
constexpr size_t kSlack = 64;      // readable values behind a padded plane
// Starting a thread costs about as much as this many multiply-accumulates.
constexpr size_t kMacsPerThread = size_t{1} << 21;

// Input channels (for depthwise layers: taps) that one instruction multiplies and adds.
#ifdef DLF_HAVE_NEON
constexpr size_t kGroup = 1;
#else
constexpr size_t kGroup = 2;
#endif

inline size_t groups_of(size_t count) { return (count + kGroup - 1) / kGroup; }
inline size_t channel_groups(const ConvLayer& layer) { return groups_of(layer.in_channels); }
inline size_t tap_groups(const ConvLayer& layer) {
  return groups_of(size_t{layer.kernel} * layer.kernel);
}
inline size_t output_blocks(const ConvLayer& layer) {
  return (size_t{layer.out_channels} + kBlock - 1) / kBlock;
}

// Planes are laid out with a frame of zeros and treated as one line: output n = y * stride + x
// needs inputs n + dy * stride + dx. Outputs with x >= width are computed and dropped.
struct Line {
  size_t stride;   // length of a padded row
  size_t outputs;  // height * stride
  size_t plane;    // values of a padded plane, slack included
  size_t frame;    // rows and columns of zeros on each side

  Line(const ConvLayer& layer, const Tensor& input)
      : stride(input.width + 2 * (layer.kernel / 2)),
        outputs(size_t{input.height} * stride),
        plane((input.height + 2 * (layer.kernel / 2)) * stride + kSlack),
        frame(layer.kernel / 2) {}
};

// Input channels in groups, interleaved: [group][padded position][kGroup].
std::vector<int16_t> pad_grouped(const ConvLayer& layer, const Tensor& input, const Line& line);
// One channel: [padded position].
void pad_channel(const Tensor& input, size_t channel, const Line& line, int16_t* plane);

// Copies the values of line positions n .. n + kPositions - 1 that are real outputs to their
// places.
void scatter(const int16_t* values, size_t n, const Line& line, const Tensor& shape,
             int16_t* plane);

// The kernels of one instruction set, in kernels_avx2.cpp or kernels_neon.cpp: all output channels
// at kPositions positions from n, and one channel at all positions.
void dense_positions(const ConvLayer& layer, const int16_t* input, const Line& line, size_t n,
                     Tensor& output);
void depthwise_channel(const ConvLayer& layer, const int16_t* plane, const Line& line, size_t c,
                       Tensor& output);

}  // namespace dlf

#endif  // DLF_SRC_KERNEL_LAYOUT_H_

// The order in which the SIMD kernels read the weights of a layer.
//
// Thread safety: functions without state.
#ifndef DLF_SRC_MACHINE_PACK_H_
#define DLF_SRC_MACHINE_PACK_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "machine/program.h"

namespace dlf {

constexpr size_t kPairsPerBlock = 4;  // pairs of output channels whose weights lie together

inline size_t pairs_of(size_t channels) { return (channels + 1) / 2; }

// Values of one tap of one pair of inputs in a block.
constexpr size_t kTapValues = kPairsPerBlock * 4;

// Fills the derived fields of the layer. Dense: [block of outputs][pair of inputs][tap][output
// within the block][2], depthwise: [pair][tap][2]; channels that are not there have weight 0.
void pack_layer(ConvLayer& layer);

// Packs all of them, each in place of its `weights`, which are given back.
void pack_layers(std::vector<ConvLayer>* layers);
// The same in copies; the layers keep their weights.
std::vector<ConvLayer> packed_copies(const std::vector<ConvLayer>& layers);

// Where the weight of one tap lies in `packed`; `input` is 0 for depthwise layers.
inline size_t packed_place(const ConvLayer& layer, size_t output, size_t input, size_t tap) {
  const size_t taps = layer.taps();
  if (layer.depthwise) return (output / 2 * taps + tap) * 2 + output % 2;
  constexpr size_t block = 2 * kPairsPerBlock;
  const size_t row = output / block * pairs_of(layer.in_channels) + input / 2;
  return (row * taps + tap) * kTapValues + output % block * 2 + input % 2;
}

// The weights in the order of the package, of a layer in either form.
std::vector<int8_t> weights_of(const ConvLayer& layer);

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_PACK_H_

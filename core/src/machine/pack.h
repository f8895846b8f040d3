// The order in which the SIMD kernels read the weights of a layer.
//
// Thread safety: functions without state.
#ifndef DLF_SRC_MACHINE_PACK_H_
#define DLF_SRC_MACHINE_PACK_H_

#include <cstddef>

#include "machine/program.h"

namespace dlf {

constexpr size_t kPairsPerBlock = 4;  // pairs of output channels whose weights lie together

inline size_t pairs_of(size_t channels) { return (channels + 1) / 2; }

// Values of one tap of one pair of inputs in a block.
constexpr size_t kTapValues = kPairsPerBlock * 4;

// Fills the derived fields of the layer. Dense: [block of outputs][pair of inputs][tap][output
// within the block][2], depthwise: [pair][tap][2]; channels that are not there have weight 0.
void pack_layer(ConvLayer& layer);

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_PACK_H_

#include "machine/pack.h"

namespace dlf {

void pack_layer(ConvLayer& layer) {
  constexpr size_t block = 2 * kPairsPerBlock;
  const size_t taps = size_t{layer.kernel} * layer.kernel;
  const size_t outputs = layer.out_channels, inputs = layer.in_channels;
  const size_t blocks = (outputs + block - 1) / block;

  layer.scales.assign(blocks * block, ChannelScale{});
  layer.scales_down = true;
  for (size_t o = 0; o < outputs; ++o) {
    layer.scales[o] = {layer.bias[o], layer.multiplier[o], layer.shift[o]};
    layer.scales_down = layer.scales_down && layer.multiplier[o] < int64_t{1} << layer.shift[o];
  }

  if (layer.depthwise) {
    layer.packed.assign(pairs_of(outputs) * taps * 2, 0);
    for (size_t c = 0; c < outputs; ++c) {
      for (size_t t = 0; t < taps; ++t) {
        layer.packed[(c / 2 * taps + t) * 2 + c % 2] = layer.weights[c * taps + t];
      }
    }
    return;
  }
  layer.packed.assign(blocks * pairs_of(inputs) * taps * kTapValues, 0);
  const int8_t* weight = layer.weights.data();
  for (size_t o = 0; o < outputs; ++o) {
    int16_t* within =
        layer.packed.data() + o % block * 2 + o / block * pairs_of(inputs) * taps * kTapValues;
    for (size_t i = 0; i < inputs; ++i) {
      int16_t* to = within + i / 2 * taps * kTapValues + i % 2;
      for (size_t t = 0; t < taps; ++t) {
        to[t * kTapValues] = *weight++;
      }
    }
  }
}

}  // namespace dlf

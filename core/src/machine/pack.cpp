#include "machine/pack.h"

namespace dlf {
namespace {

void pack_and_drop(ConvLayer& layer) {
  pack_layer(layer);
  std::vector<int8_t>().swap(layer.weights);
}

}  // namespace

void pack_layer(ConvLayer& layer) {
  constexpr size_t block = 2 * kPairsPerBlock;
  const size_t taps = layer.taps();
  const size_t outputs = layer.out_channels, inputs = layer.in_channels;
  const size_t blocks = (outputs + block - 1) / block;

  layer.scales.assign(blocks * block, ChannelScale{});
  layer.scales_down = true;
  for (size_t o = 0; o < outputs; ++o) {
    layer.scales[o] = {layer.bias[o], layer.multiplier[o], layer.shift[o]};
    layer.scales_down = layer.scales_down && layer.multiplier[o] < int64_t{1} << layer.shift[o];
  }

  layer.packed.assign(
      (layer.depthwise ? pairs_of(outputs) * 2 : blocks * pairs_of(inputs) * kTapValues) * taps, 0);
  if (layer.depthwise) {
    for (size_t c = 0; c < outputs; ++c) {
      for (size_t t = 0; t < taps; ++t) {
        layer.packed[(c / 2 * taps + t) * 2 + c % 2] = layer.weights[c * taps + t];
      }
    }
    return;
  }
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

void pack_layers(std::vector<ConvLayer>* layers) {
  for (ConvLayer& layer : *layers) pack_and_drop(layer);
}

std::vector<ConvLayer> packed_copies(const std::vector<ConvLayer>& layers) {
  std::vector<ConvLayer> copies;
  copies.reserve(layers.size());
  for (const ConvLayer& layer : layers) {
    copies.push_back(layer);
    pack_and_drop(copies.back());
  }
  return copies;
}

std::vector<int8_t> weights_of(const ConvLayer& layer) {
  if (!layer.weights.empty()) return layer.weights;
  const size_t inputs = layer.depthwise ? 1 : layer.in_channels;
  std::vector<int8_t> weights;
  weights.reserve(layer.weight_count());
  for (size_t o = 0; o < layer.out_channels; ++o) {
    for (size_t i = 0; i < inputs; ++i) {
      for (size_t t = 0; t < layer.taps(); ++t) {
        weights.push_back(static_cast<int8_t>(layer.packed[packed_place(layer, o, i, t)]));
      }
    }
  }
  return weights;
}

}  // namespace dlf

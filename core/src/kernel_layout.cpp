#include "kernel_layout.h"

#include <algorithm>
#include <cstring>

#include "kernels.h"
#include "parallel.h"

namespace dlf {

void pack_layer(ConvLayer& layer) {
  const size_t taps = size_t{layer.kernel} * layer.kernel;
  if (layer.depthwise) {  // [channel][group of taps][kGroup]
    const size_t padded = tap_groups(layer) * kGroup;
    layer.packed.assign(layer.out_channels * padded, 0);
    for (size_t c = 0; c < layer.out_channels; ++c) {
      for (size_t t = 0; t < taps; ++t) {
        layer.packed[c * padded + t] = layer.weights[c * taps + t];
      }
    }
    return;
  }
  // [block of outputs][group of inputs][tap][output within the block][kGroup]
  const size_t groups = channel_groups(layer);
  layer.packed.assign(output_blocks(layer) * groups * taps * kBlock * kGroup, 0);
  for (size_t o = 0; o < layer.out_channels; ++o) {
    for (size_t i = 0; i < layer.in_channels; ++i) {
      for (size_t t = 0; t < taps; ++t) {
        const size_t row = ((o / kBlock) * groups + i / kGroup) * taps + t;
        layer.packed[(row * kBlock + o % kBlock) * kGroup + i % kGroup] =
            layer.weights[(o * layer.in_channels + i) * taps + t];
      }
    }
  }
}

std::vector<int16_t> pad_grouped(const ConvLayer& layer, const Tensor& input, const Line& line) {
  std::vector<int16_t> out(checked_multiply(
      checked_multiply(channel_groups(layer), line.plane, "convolution"), kGroup, "convolution"));
  for (size_t c = 0; c < layer.in_channels; ++c) {
    for (size_t y = 0; y < input.height; ++y) {
      const int16_t* from = input.channel(c) + y * input.width;
      const size_t start = (y + line.frame) * line.stride + line.frame;
      int16_t* to = out.data() + kGroup * ((c / kGroup) * line.plane + start) + c % kGroup;
      for (size_t x = 0; x < input.width; ++x) {
        to[kGroup * x] = from[x];
      }
    }
  }
  return out;
}

void pad_channel(const Tensor& input, size_t channel, const Line& line, int16_t* plane) {
  for (size_t y = 0; y < input.height; ++y) {
    std::memcpy(plane + (y + line.frame) * line.stride + line.frame,
                input.channel(channel) + y * input.width, input.width * sizeof(int16_t));
  }
}

void scatter(const int16_t* values, size_t n, const Line& line, const Tensor& shape,
             int16_t* plane) {
  const size_t end = std::min(n + kPositions, line.outputs);
  while (n < end) {
    const size_t y = n / line.stride, x = n % line.stride;
    const size_t run = std::min(end - n, line.stride - x);
    if (x < shape.width) {
      const size_t count = std::min(run, shape.width - x);
      std::memcpy(plane + y * shape.width + x, values, count * sizeof(int16_t));
    }
    values += run;
    n += run;
  }
}

#if defined(DLF_HAVE_AVX2) || defined(DLF_HAVE_NEON)

namespace {

Tensor dense(const ConvLayer& layer, const Tensor& input, int threads) {
  const Line line(layer, input);
  const std::vector<int16_t> padded = pad_grouped(layer, input, line);
  Tensor output(layer.out_channels, input.height, input.width);
  const size_t tiles = (line.outputs + kPositions - 1) / kPositions;
  const size_t grain = kMacsPerThread / std::max<size_t>(layer.weights.size() * kPositions, 1) + 1;
  parallel_for(tiles, grain, threads, [&](size_t, size_t begin, size_t end) {
    for (size_t tile = begin; tile < end; ++tile) {
      dense_positions(layer, padded.data(), line, tile * kPositions, output);
    }
  });
  return output;
}

Tensor depthwise(const ConvLayer& layer, const Tensor& input, int threads) {
  const Line line(layer, input);
  std::vector<int16_t> planes(checked_multiply(layer.in_channels, line.plane, "convolution"));
  Tensor output(layer.out_channels, input.height, input.width);
  const size_t work = line.outputs * layer.kernel * layer.kernel;
  const size_t grain = kMacsPerThread / std::max<size_t>(work, 1) + 1;
  parallel_for(layer.out_channels, grain, threads, [&](size_t, size_t begin, size_t end) {
    for (size_t c = begin; c < end; ++c) {
      int16_t* plane = planes.data() + c * line.plane;
      pad_channel(input, c, line, plane);
      depthwise_channel(layer, plane, line, c, output);
    }
  });
  return output;
}

}  // namespace

Tensor convolve_simd(const ConvLayer& layer, const Tensor& input, int threads) {
  return layer.depthwise ? depthwise(layer, input, threads) : dense(layer, input, threads);
}

#else

Tensor convolve_simd(const ConvLayer& layer, const Tensor& input, int threads) {
  return convolve_plain(layer, input, threads);
}

#endif

}  // namespace dlf

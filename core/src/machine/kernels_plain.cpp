// §8.3 in plain code.

#include <algorithm>

#include "machine/arithmetic.h"
#include "machine/kernels.h"
#include "machine/pack.h"

namespace dlf {
namespace {

int16_t after(const RowJob& job, size_t pair, size_t at, int16_t value) {
  for (size_t i = 0; i < job.post_count; ++i) {
    const Post& post = job.posts[i];
    const auto operand = [&] {
      return post.operand[static_cast<ptrdiff_t>(pair) * post.operand_stride +
                          static_cast<ptrdiff_t>(at)];
    };
    switch (post.op) {
      case Op::kLeaky:
        value = leaky(value, post.argument);
        break;
      case Op::kAdd:
        value = saturate(value + operand());
        break;
      case Op::kMax:
        value = std::max(value, static_cast<int16_t>(post.argument));
        break;
      case Op::kMin:
        value = std::min(value, static_cast<int16_t>(post.argument));
        break;
      default:
        value = product(value, operand(), post.argument);
        break;
    }
  }
  return value;
}

int32_t accumulate(const RowJob& job, size_t channel, size_t column) {
  const ConvLayer& layer = *job.layer;
  const size_t kernel = layer.kernel, reach = kernel / 2;
  const size_t inputs = layer.depthwise ? 1 : layer.in_channels;
  const int8_t* weight = layer.weights.data() + channel * inputs * kernel * kernel;
  int32_t sum = layer.bias[channel];
  for (size_t i = 0; i < inputs; ++i) {
    const size_t input = layer.depthwise ? channel : i;
    for (size_t u = 0; u < kernel; ++u) {
      const int16_t* row = job.source[u] +
                           static_cast<ptrdiff_t>(input / 2) * job.source_stride[u] + input % 2;
      for (size_t v = 0; v < kernel; ++v) {
        sum += *weight++ * row[2 * (static_cast<ptrdiff_t>(column + v) -
                                    static_cast<ptrdiff_t>(reach))];
      }
    }
  }
  return sum;
}

void convolve_row(const RowJob& job) {
  const ConvLayer& layer = *job.layer;
  for (size_t pair = job.first_pair; pair < job.last_pair; ++pair) {
    int16_t* target = job.target + static_cast<ptrdiff_t>(pair) * job.target_stride;
    for (size_t half = 0; half < 2 && 2 * pair + half < layer.out_channels; ++half) {
      const size_t channel = 2 * pair + half;
      for (size_t x = 0; x < job.columns; ++x) {
        const int16_t value =
            rescale(accumulate(job, channel, x), layer.multiplier[channel], layer.shift[channel],
                    layer.low, layer.high);
        target[2 * x + half] = after(job, pair, 2 * x + half, value);
      }
    }
  }
}

void pointwise_row(const RowJob& job) {
  for (size_t pair = job.first_pair; pair < job.last_pair; ++pair) {
    const int16_t* source =
        job.source[0] + static_cast<ptrdiff_t>(pair) * job.source_stride[0];
    int16_t* target = job.target + static_cast<ptrdiff_t>(pair) * job.target_stride;
    for (size_t at = 0; at < 2 * job.columns; ++at) {
      target[at] = after(job, pair, at, source[at]);
    }
  }
}

constexpr Kernels kPlain = {"plain", convolve_row, convolve_row, pointwise_row};

}  // namespace

const Kernels& plain_kernels() { return kPlain; }

}  // namespace dlf

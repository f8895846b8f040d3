// §8.3 in plain code.

#include <algorithm>

#include "machine/arithmetic.h"
#include "machine/isa.h"
#include "machine/pack.h"

namespace dlf {
namespace {

int16_t after(const RowJob& job, size_t pair, size_t at, int16_t value) {
  for (size_t i = 0; i < job.post_count; ++i) {
    const Post& post = job.posts[i];
    const auto operand = [&] {
      return post
          .operand[static_cast<ptrdiff_t>(pair) * post.operand_stride + static_cast<ptrdiff_t>(at)];
    };
    switch (post.op) {
      case Op::kLeaky:
        value = leaky(value, post.argument);
        break;
      case Op::kAdd:
        value = sat16(value + operand());
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

// Columns worked on together: their sums stay in the cache, and compilers can use what vectors the
// CPU has.
constexpr size_t kColumns = 64;

// The sums of one output at `count` columns from x.
void accumulate(const RowJob& job, size_t channel, size_t x, size_t count, int32_t* sums) {
  const ConvLayer& layer = *job.layer;
  const size_t kernel = layer.kernel, reach = kernel / 2;
  const size_t inputs = layer.depthwise ? 1 : layer.in_channels;
  const size_t next = layer.depthwise ? 2 : kTapValues;  // from tap to tap
  std::fill_n(sums, count, layer.bias[channel]);
  for (size_t i = 0; i < inputs; ++i) {
    const size_t input = layer.depthwise ? channel : i;
    const int16_t* weight = layer.packed.data() + packed_place(layer, channel, i, 0);
    for (size_t u = 0; u < kernel; ++u) {
      const int16_t* row =
          job.source[u] + static_cast<ptrdiff_t>(input / 2) * job.source_stride[u] + input % 2;
      for (size_t v = 0; v < kernel; ++v, weight += next) {
        const int32_t w = *weight;
        const int16_t* from =
            row + 2 * (static_cast<ptrdiff_t>(x + v) - static_cast<ptrdiff_t>(reach));
        for (size_t n = 0; n < count; ++n) {
          sums[n] += w * from[2 * n];
        }
      }
    }
  }
}

void convolve_row(const RowJob& job) {
  const ConvLayer& layer = *job.layer;
  const size_t last = std::min<size_t>(2 * job.last_pair, layer.out_channels);
  int32_t sums[kColumns];
  for (size_t channel = 2 * job.first_pair; channel < last; ++channel) {
    const size_t pair = channel / 2;
    int16_t* target = job.target + static_cast<ptrdiff_t>(pair) * job.target_stride + channel % 2;
    for (size_t x = 0; x < job.columns; x += kColumns) {
      const size_t count = std::min(kColumns, job.columns - x);
      accumulate(job, channel, x, count, sums);
      for (size_t n = 0; n < count; ++n) {
        const int16_t value = rescale(sums[n], layer.multiplier[channel], layer.shift[channel],
                                      layer.low, layer.high);
        target[2 * (x + n)] = after(job, pair, 2 * (x + n) + channel % 2, value);
      }
    }
  }
}

void pointwise_row(const RowJob& job) {
  for (size_t pair = job.first_pair; pair < job.last_pair; ++pair) {
    const int16_t* source = job.source[0] + static_cast<ptrdiff_t>(pair) * job.source_stride[0];
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

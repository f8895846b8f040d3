// The kernels for one instruction set. No include guard: each including file defines DLF_TARGET,
// the attribute that lets functions use the set, DLF_INLINE, the same always inlined, and a struct
// Isa:
//
//   Vector: pairs of channels at kPositions columns; Sum: one output at as many columns.
//   kVectors, kPairs: how many vectors and pairs of outputs fit into registers together.
//   load, store: the first `count` columns. broadcast: one value everywhere.
//   pair: two adjacent weights. multiply_add: adds both products of each pair.
//   finish: two outputs rescaled, saturated, interleaved; only for layers that scale down, whose
//     results lie in 32 bits.
//   set_sum, store_sum, scale, leaky, add, max, min, product.
//
// A whole group of registers is kept in arrays that the compiler unrolls.

#include <algorithm>

#include "machine/arithmetic.h"
#include "machine/kernels.h"
#include "machine/pack.h"

namespace dlf {
namespace {

DLF_INLINE typename Isa::Vector apply_posts(const RowJob& job, size_t pair, size_t x,
                                            typename Isa::Vector value) {
  for (size_t i = 0; i < job.post_count; ++i) {
    const Post& post = job.posts[i];
    const int16_t* operand = post.operand;  // null where the instruction has one source
    if (operand != nullptr) {
      operand += static_cast<ptrdiff_t>(pair) * post.operand_stride + 2 * static_cast<ptrdiff_t>(x);
    }
    switch (post.op) {
      case Op::kLeaky:
        value = Isa::leaky(value, static_cast<int16_t>(post.argument));
        break;
      case Op::kAdd:
        value = Isa::add(value, Isa::load(operand));
        break;
      case Op::kMax:
        value = Isa::max(value, Isa::broadcast(static_cast<int16_t>(post.argument)));
        break;
      case Op::kMin:
        value = Isa::min(value, Isa::broadcast(static_cast<int16_t>(post.argument)));
        break;
      default:
        value = Isa::product(value, Isa::load(operand), post.argument);
        break;
    }
  }
  return value;
}

// The posts of `pairs` pairs from `pair` at `columns` columns from x, on what lies in the target.
DLF_TARGET __attribute__((noinline)) void post_tile(const RowJob& job, size_t pair, size_t pairs,
                                                    size_t x, size_t columns) {
  for (size_t p = pair; p < pair + pairs; ++p) {
    int16_t* target = job.target + static_cast<ptrdiff_t>(p) * job.target_stride;
    for (size_t at = x; at < x + columns; at += Isa::kPositions) {
      Isa::store(target + 2 * at, apply_posts(job, p, at, Isa::load(target + 2 * at)),
                 x + columns - at);
    }
  }
}

// The sums of one pair of outputs, rescaled in plain code: for layers that scale some sum up.
__attribute__((noinline)) void finish_any(const RowJob& job, size_t pair, size_t x, size_t columns,
                                          const int32_t* even, const int32_t* odd) {
  const ConvLayer& layer = *job.layer;
  int16_t* target = job.target + static_cast<ptrdiff_t>(pair) * job.target_stride;
  for (size_t half = 0; half < 2; ++half) {
    const ChannelScale& by = layer.scales[2 * pair + half];
    const int32_t* sums = half == 0 ? even : odd;
    for (size_t i = 0; i < columns; ++i) {
      target[2 * (x + i) + half] =
          rescale(sums[i], by.multiplier, static_cast<uint8_t>(by.shift), layer.low, layer.high);
    }
  }
}

// Rescales the sums of one pair of outputs and stores them.
template <size_t kVectors>
DLF_INLINE void finish_pair(const RowJob& job, size_t pair, size_t x, const typename Isa::Sum* even,
                            const typename Isa::Sum* odd) {
  const ConvLayer& layer = *job.layer;
  if (!layer.scales_down) {
    int32_t sums[2][kVectors * Isa::kPositions];
    for (size_t v = 0; v < kVectors; ++v) {
      Isa::store_sum(sums[0] + v * Isa::kPositions, even[v]);
      Isa::store_sum(sums[1] + v * Isa::kPositions, odd[v]);
    }
    finish_any(job, pair, x, std::min(job.columns - x, kVectors * Isa::kPositions), sums[0],
               sums[1]);
    return;
  }
  const typename Isa::Scale first = Isa::scale(layer.scales[2 * pair]);
  const typename Isa::Scale second = Isa::scale(layer.scales[2 * pair + 1]);
  const typename Isa::Vector low = Isa::broadcast(layer.low), high = Isa::broadcast(layer.high);
  int16_t* target = job.target + static_cast<ptrdiff_t>(pair) * job.target_stride;
#pragma GCC unroll 4
  for (size_t v = 0; v < kVectors; ++v) {
    const size_t at = x + v * Isa::kPositions;
    const typename Isa::Vector value = Isa::finish(even[v], odd[v], first, second);
    Isa::store(target + 2 * at, Isa::max(Isa::min(value, high), low), job.columns - at);
  }
}

// kPairs pairs of outputs from `pair` at kVectors vectors of columns from x.
template <size_t kKernel, size_t kPairs, size_t kVectors>
DLF_TARGET void dense_tile(const RowJob& job, size_t pair, size_t x) {
  const ConvLayer& layer = *job.layer;
  const size_t inputs = pairs_of(layer.in_channels);
  const int16_t* weight = layer.packed.data() +
                          pair / kPairsPerBlock * inputs * kKernel * kKernel * kTapValues +
                          pair % kPairsPerBlock * 4;
  typename Isa::Sum sums[2 * kPairs][kVectors];
#pragma GCC unroll 8
  for (size_t o = 0; o < 2 * kPairs; ++o) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      sums[o][v] = Isa::set_sum(layer.scales[2 * pair + o].bias);
    }
  }
  const int16_t* row[kKernel];
  for (size_t u = 0; u < kKernel; ++u) {
    row[u] = job.source[u] + 2 * (static_cast<ptrdiff_t>(x) - static_cast<ptrdiff_t>(kKernel / 2));
  }
  for (size_t i = 0; i < inputs; ++i) {
#pragma GCC unroll 3
    for (size_t u = 0; u < kKernel; ++u) {
#pragma GCC unroll 3
      for (size_t t = 0; t < kKernel; ++t) {
        typename Isa::Vector values[kVectors];
#pragma GCC unroll 4
        for (size_t v = 0; v < kVectors; ++v) {
          values[v] = Isa::load(row[u] + 2 * (t + v * Isa::kPositions));
        }
#pragma GCC unroll 8
        for (size_t o = 0; o < 2 * kPairs; ++o) {
          const auto pair_of_weights = Isa::pair(weight + 2 * o);
#pragma GCC unroll 4
          for (size_t v = 0; v < kVectors; ++v) {
            sums[o][v] = Isa::multiply_add(sums[o][v], values[v], pair_of_weights);
          }
        }
        weight += kTapValues;
      }
      row[u] += job.source_stride[u];
    }
  }
#pragma GCC unroll 4
  for (size_t p = 0; p < kPairs; ++p) {
    finish_pair<kVectors>(job, pair + p, x, sums[2 * p], sums[2 * p + 1]);
  }
  if (job.post_count != 0) {
    post_tile(job, pair, kPairs, x, std::min(job.columns - x, kVectors * Isa::kPositions));
  }
}

template <size_t kKernel, size_t kVectors>
DLF_TARGET void dense_pairs(const RowJob& job, size_t x) {
  for (size_t pair = job.first_pair; pair < job.last_pair;) {
    const size_t left = std::min(job.last_pair - pair, kPairsPerBlock - pair % kPairsPerBlock);
    const size_t count = std::min(left, Isa::kPairs);
    switch (count) {
      case 1:
        dense_tile<kKernel, 1, kVectors>(job, pair, x);
        break;
      case 2:
        dense_tile<kKernel, 2, kVectors>(job, pair, x);
        break;
      case 3:
        dense_tile<kKernel, std::min<size_t>(3, Isa::kPairs), kVectors>(job, pair, x);
        break;
      default:
        dense_tile<kKernel, std::min<size_t>(4, Isa::kPairs), kVectors>(job, pair, x);
        break;
    }
    pair += count;
  }
}

template <size_t kKernel>
DLF_TARGET void dense_columns(const RowJob& job) {
  constexpr size_t width = Isa::kVectors * Isa::kPositions;
  for (size_t x = 0; x < job.columns; x += width) {
    switch ((std::min(job.columns - x, width) + Isa::kPositions - 1) / Isa::kPositions) {
      case 1:
        dense_pairs<kKernel, 1>(job, x);
        break;
      case 2:
        dense_pairs<kKernel, std::min<size_t>(2, Isa::kVectors)>(job, x);
        break;
      default:
        dense_pairs<kKernel, std::min<size_t>(3, Isa::kVectors)>(job, x);
        break;
    }
  }
}

DLF_TARGET void dense_row(const RowJob& job) {
  if (job.layer->kernel == 3) {
    dense_columns<3>(job);
  } else {
    dense_columns<1>(job);
  }
}

DLF_TARGET void depthwise_row(const RowJob& job) {
  const ConvLayer& layer = *job.layer;
  const size_t kernel = layer.kernel;
  const ptrdiff_t frame = layer.kernel / 2;
  for (size_t pair = job.first_pair; pair < job.last_pair; ++pair) {
    for (size_t x = 0; x < job.columns; x += Isa::kPositions) {
      const int16_t* weight = layer.packed.data() + pair * kernel * kernel * 2;
      typename Isa::Sum even = Isa::set_sum(layer.scales[2 * pair].bias);
      typename Isa::Sum odd = Isa::set_sum(layer.scales[2 * pair + 1].bias);
      for (size_t u = 0; u < kernel; ++u) {
        const int16_t* row = job.source[u] + static_cast<ptrdiff_t>(pair) * job.source_stride[u] +
                             2 * (static_cast<ptrdiff_t>(x) - frame);
        for (size_t t = 0; t < kernel; ++t, weight += 2) {
          const int16_t first[2] = {weight[0], 0}, second[2] = {0, weight[1]};
          const typename Isa::Vector values = Isa::load(row + 2 * t);
          even = Isa::multiply_add(even, values, Isa::pair(first));
          odd = Isa::multiply_add(odd, values, Isa::pair(second));
        }
      }
      finish_pair<1>(job, pair, x, &even, &odd);
    }
    if (job.post_count != 0) post_tile(job, pair, 1, 0, job.columns);
  }
}

DLF_TARGET void pointwise_row(const RowJob& job) {
  for (size_t pair = job.first_pair; pair < job.last_pair; ++pair) {
    const int16_t* source = job.source[0] + static_cast<ptrdiff_t>(pair) * job.source_stride[0];
    int16_t* target = job.target + static_cast<ptrdiff_t>(pair) * job.target_stride;
    for (size_t x = 0; x < job.columns; x += Isa::kPositions) {
      Isa::store(target + 2 * x, apply_posts(job, pair, x, Isa::load(source + 2 * x)),
                 job.columns - x);
    }
  }
}

}  // namespace
}  // namespace dlf

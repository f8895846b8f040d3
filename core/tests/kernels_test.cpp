#include "kernels.h"

#include <algorithm>

#include "constants.h"
#include "parallel.h"
#include "support.h"
#include "test.h"

using dlf::ConvLayer;
using dlf::Tensor;

namespace {

// §8.3.1 once more, with wide arithmetic and no cleverness.
Tensor expected(const ConvLayer& layer, const Tensor& input) {
  Tensor out(layer.out_channels, input.height, input.width);
  const int k = layer.kernel, r = (k - 1) / 2;
  const size_t inputs = layer.depthwise ? 1 : layer.in_channels;
  for (size_t o = 0; o < layer.out_channels; ++o) {
    for (int y = 0; y < static_cast<int>(input.height); ++y) {
      for (int x = 0; x < static_cast<int>(input.width); ++x) {
        int64_t sum = layer.bias[o];
        for (size_t i = 0; i < inputs; ++i) {
          for (int u = 0; u < k; ++u) {
            for (int v = 0; v < k; ++v) {
              const int yy = y + u - r, xx = x + v - r;
              if (yy < 0 || xx < 0 || yy >= static_cast<int>(input.height) ||
                  xx >= static_cast<int>(input.width)) {
                continue;
              }
              const size_t tap =
                  (o * inputs + i) * static_cast<size_t>(k * k) + static_cast<size_t>(u * k + v);
              const size_t at = static_cast<size_t>(yy) * input.width + static_cast<size_t>(xx);
              sum += int64_t{layer.weights[tap]} * input.channel(layer.depthwise ? o : i)[at];
            }
          }
        }
        CHECK(sum >= -INT32_MAX && sum <= INT32_MAX);
        const __int128 scaled = (static_cast<__int128>(sum) * layer.multiplier[o] +
                                 (static_cast<__int128>(1) << (layer.shift[o] - 1))) >>
                                layer.shift[o];
        const __int128 low = INT16_MIN, high = INT16_MAX;
        out.channel(o)[static_cast<size_t>(y) * input.width + static_cast<size_t>(x)] =
            static_cast<int16_t>(std::clamp(scaled, low, high));
      }
    }
  }
  return out;
}

ConvLayer any_layer(dlf_test::Random& random) {
  const bool depthwise = random.coin();
  const uint16_t in_channels = static_cast<uint16_t>(random.in(1, 37));
  const uint16_t out_channels = depthwise ? in_channels : static_cast<uint16_t>(random.in(1, 21));
  ConvLayer layer =
      dlf_test::random_layer(random, depthwise, random.coin() ? 3 : 1, in_channels, out_channels);
  dlf::check_accumulators(layer, 0);
  dlf::pack_layer(layer);
  return layer;
}

// The largest sums that §8.4 allows, of both signs.
Tensor extreme_input(dlf_test::Random& random, const ConvLayer& layer) {
  Tensor out(layer.in_channels, static_cast<uint32_t>(random.in(1, 6)),
             static_cast<uint32_t>(random.in(1, 6)));
  const bool low = random.coin();
  for (int16_t& value : out.data) {
    value = low ? INT16_MIN : (random.coin() ? INT16_MAX : INT16_MIN);
  }
  return out;
}

}  // namespace

TEST(plain_convolutions_follow_the_specification) {
  dlf_test::Random random(30);
  for (int i = 0; i < 150; ++i) {
    const ConvLayer layer = any_layer(random);
    const Tensor input =
        random.coin() ? extreme_input(random, layer)
                      : random.tensor(layer.in_channels, static_cast<uint32_t>(random.in(1, 9)),
                                      static_cast<uint32_t>(random.in(1, 19)));
    CHECK(dlf::convolve_plain(layer, input, 1).data == expected(layer, input).data);
  }
}

TEST(simd_convolutions_equal_the_plain_ones) {
  if (!dlf::simd_supported()) {
    return;  // this processor runs only the plain kernels, which the test above covers
  }
  dlf_test::Random random(31);
  for (int i = 0; i < 400; ++i) {
    const ConvLayer layer = any_layer(random);
    const Tensor input =
        random.coin() ? extreme_input(random, layer)
                      : random.tensor(layer.in_channels, static_cast<uint32_t>(random.in(1, 25)),
                                      static_cast<uint32_t>(random.in(1, 40)));
    CHECK(dlf::convolve_simd(layer, input, 1).data == dlf::convolve_plain(layer, input, 1).data);
  }
}

TEST(threads_do_not_change_convolutions) {
  dlf_test::Random random(32);
  for (const bool depthwise : {false, true}) {
    ConvLayer layer = dlf_test::random_layer(random, depthwise, 3, 48, 48);
    dlf::pack_layer(layer);
    const Tensor input = random.tensor(48, 90, 110);  // enough work to be split
    const Tensor one = dlf::convolve_plain(layer, input, 1);
    for (const int threads : {2, 3, 7}) {
      CHECK(dlf::convolve(layer, input, {threads, true}).data == one.data);
      CHECK(dlf::convolve(layer, input, {threads, false}).data == one.data);
    }
  }
}

TEST(rescaling_rounds_halves_up_and_saturates) {
  CHECK_EQ(dlf::rescale(1, 1, 1), 1);
  CHECK_EQ(dlf::rescale(-1, 1, 1), 0);
  CHECK_EQ(dlf::rescale(-3, 1, 1), -1);
  CHECK_EQ(dlf::rescale(INT32_MAX, INT32_MAX, 1), INT16_MAX);
  CHECK_EQ(dlf::rescale(-INT32_MAX, INT32_MAX, 1), INT16_MIN);
  CHECK_EQ(dlf::rescale(INT32_MAX, INT32_MAX, 46), INT16_MAX);
  CHECK_EQ(dlf::rescale(12345, 0, 46), 0);
}

TEST(parallel_ranges_cover_everything_once) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{7}, size_t{100}}) {
    for (const int threads : {-1, 0, 1, 3, 200}) {
      std::vector<int> seen(count, 0);
      dlf::parallel_for(count, 2, threads, [&](size_t part, size_t begin, size_t end) {
        if (part < dlf::thread_count(threads)) {
          for (size_t i = begin; i < end; ++i) ++seen[i];
        }
      });
      CHECK(seen == std::vector<int>(count, 1));
    }
  }
}

#include "kernels.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "kernel_layout.h"
#include "parallel.h"

namespace dlf {
namespace {

// One output channel, straight from §8.3.1: out-of-range neighbours are zero.
void plain_channel(const ConvLayer& layer, const Tensor& input, size_t out_channel, int32_t* sums,
                   int16_t* output) {
  const int height = static_cast<int>(input.height), width = static_cast<int>(input.width);
  const int kernel = layer.kernel, reach = kernel / 2;
  const size_t inputs = layer.depthwise ? 1 : layer.in_channels;
  const int8_t* weight = layer.weights.data() + out_channel * inputs * size_t(kernel * kernel);
  std::fill(sums, sums + input.plane(), layer.bias[out_channel]);
  for (size_t i = 0; i < inputs; ++i) {
    const int16_t* plane = input.channel(layer.depthwise ? out_channel : i);
    for (int dy = -reach; dy <= reach; ++dy) {
      for (int dx = -reach; dx <= reach; ++dx) {
        const int32_t w = *weight++;
        const int x0 = std::max(0, -dx), x1 = std::min(width, width - dx);
        for (int y = std::max(0, -dy); y < std::min(height, height - dy); ++y) {
          int32_t* sum = sums + size_t(y) * input.width;
          const int16_t* row = plane + size_t(y + dy) * input.width;
          for (int x = x0; x < x1; ++x) {
            sum[x] += w * row[x + dx];
          }
        }
      }
    }
  }
  for (size_t n = 0; n < input.plane(); ++n) {
    output[n] = rescale(sums[n], layer.multiplier[out_channel], layer.shift[out_channel]);
  }
}

bool scalar_is_forced() {
  const char* value = std::getenv("DLF_FORCE_SCALAR");
  return value != nullptr && value[0] != '\0' && std::string(value) != "0";
}

}  // namespace

Tensor convolve_plain(const ConvLayer& layer, const Tensor& input, int threads) {
  Tensor output(layer.out_channels, input.height, input.width);
  const size_t plane = input.plane();
  std::vector<int32_t> sums(checked_multiply(plane, thread_count(threads), "convolution"));
  const size_t per_channel = layer.weights.size() / layer.out_channels * plane;
  const size_t grain = kMacsPerThread / std::max<size_t>(per_channel, 1) + 1;
  parallel_for(layer.out_channels, grain, threads, [&](size_t part, size_t begin, size_t end) {
    for (size_t c = begin; c < end; ++c) {
      plain_channel(layer, input, c, sums.data() + part * plane, output.channel(c));
    }
  });
  return output;
}

bool simd_supported() {
#if defined(DLF_HAVE_AVX2)
  return __builtin_cpu_supports("avx2");
#elif defined(DLF_HAVE_NEON)
  return true;  // part of the architecture
#else
  return false;
#endif
}

bool simd_enabled() { return simd_supported() && !scalar_is_forced(); }

Tensor convolve(const ConvLayer& layer, const Tensor& input, const KernelOptions& options) {
  return options.force_plain || !simd_supported() ? convolve_plain(layer, input, options.threads)
                                                  : convolve_simd(layer, input, options.threads);
}

}  // namespace dlf

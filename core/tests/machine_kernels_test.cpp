#include "machine/kernels.h"

#include <algorithm>

#include "machine/kernel_choice.h"
#include "machine/pack.h"
#include "machine/tensors.h"
#include "machine_support.h"
#include "test.h"

using dlf::ConvLayer;
using dlf::Kernels;
using dlf::Op;
using dlf::Tensor;
using dlf_test::Random;

namespace {

// One layer as a program, on the grid of cell 1.
Tensor convolve(const ConvLayer& layer, const Tensor& source, const Kernels& kernels) {
  const std::vector<ConvLayer> layers = {layer};
  dlf::ProgramContract contract;
  contract.window = 1;
  contract.inputs = {{layer.in_channels, 1, {-1, 1}}};
  contract.outputs = {{0, 1}};
  dlf::Program program;
  program.registers = 2;
  program.inputs = 1;
  program.instructions = {{Op::kConv, 1, {0}, 0, 0}};
  program.outputs = {1};
  dlf::check_program(layers, contract, program, "one layer");
  dlf::MachineOptions options;
  options.kernels = &kernels;
  return dlf::run_program(layers, program, {source.height, source.width},
                          {dlf::from_tensor(source)}, 16, options)[0];
}

void check_all(const ConvLayer& layer, const Tensor& source) {
  const Tensor expected = dlf_test::naive_convolution(layer, source);
  for (const Kernels* kernels : dlf::available_kernels()) {
    CHECK_EQ(std::string(convolve(layer, source, *kernels).data == expected.data ? "" : "not "),
             std::string());
  }
}

}  // namespace

TEST(plain_kernels_are_always_there) {
  CHECK_EQ(std::string(dlf::available_kernels()[0]->name), "plain");
}

#ifdef __wasm_simd128__
TEST(kernels_of_webassembly_are_the_default) {
  CHECK_EQ(std::string(dlf::default_kernels().name), "wasm");
}
#endif

TEST(every_kernel_equals_the_definition_of_a_convolution) {
  Random random(50);
  for (int trial = 0; trial < 150; ++trial) {
    const bool depthwise = random.in(0, 3) == 0;
    const auto in_channels = static_cast<uint16_t>(random.in(1, 40));
    const auto out_channels = static_cast<uint16_t>(depthwise ? in_channels : random.in(1, 21));
    const ConvLayer layer = dlf_test::bounded_layer(random, depthwise, random.coin() ? 3 : 1,
                                                    in_channels, out_channels, 32768);
    check_all(layer, random.tensor(in_channels, static_cast<uint32_t>(random.in(1, 5)),
                                   static_cast<uint32_t>(random.in(1, 110))));
  }
}

// The widest sums that §8.4 allows, of either sign: every product of one output has the same sign.
TEST(every_kernel_is_exact_at_the_bounds_of_the_accumulators) {
  for (const int sign : {1, -1}) {
    for (const uint8_t kernel : {uint8_t{1}, uint8_t{3}}) {
      ConvLayer layer;
      layer.kernel = kernel;
      layer.edge_padding = true;
      layer.in_channels = static_cast<uint16_t>(kernel == 3 ? 56 : 511);
      layer.out_channels = 9;
      const size_t count = size_t{kernel} * kernel * layer.in_channels;
      for (size_t o = 0; o < layer.out_channels; ++o) {
        const int64_t weight = sign > 0 ? -128 : 127;
        layer.weights.insert(layer.weights.end(), count, static_cast<int8_t>(weight));
        const int64_t sum = 32768 * std::abs(weight) * static_cast<int64_t>(count);
        const int64_t room = INT32_MAX - sum;
        layer.bias.push_back(static_cast<int32_t>(sign * room));
        layer.multiplier.push_back(o % 2 == 0 ? INT32_MAX : 1);
        layer.shift.push_back(static_cast<uint8_t>(o % 2 == 0 ? 46 : 1 + o));
      }
      dlf::check_accumulators(layer, 32768, "test: ");
      dlf::pack_layer(layer);
      check_all(layer, Tensor(layer.in_channels, 2, 19, INT16_MIN));
      layer.shift.assign(9, 46);  // scales down everywhere: another way through the kernels
      dlf::pack_layer(layer);
      check_all(layer, Tensor(layer.in_channels, 2, 19, INT16_MIN));
    }
  }
}

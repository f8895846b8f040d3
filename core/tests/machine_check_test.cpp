#include "machine/check.h"

#include "machine/pack.h"
#include "machine_support.h"
#include "test.h"

using dlf::ConvLayer;
using dlf::Interval;
using dlf::Op;
using dlf::Program;
using dlf::ProgramContract;

namespace {

// From 4 to 5 channels.
std::vector<ConvLayer> one_layer() {
  dlf_test::Random random(40);
  std::vector<ConvLayer> layers = {dlf_test::bounded_layer(random, false, 3, 4, 5, 100)};
  layers[0].low = -2000;
  layers[0].high = 3000;
  return layers;
}

Program one_instruction(Op op, std::vector<uint16_t> sources, int32_t arg0, int32_t arg1 = 0) {
  Program program;
  program.inputs = 3;
  program.registers = 4;
  program.instructions = {{op, 3, std::move(sources), arg0, arg1}};
  program.outputs = {3};
  return program;
}

// Four channels at cell 4, eight at cell 8, four at cell 4 with other values; windows of 16 pixels.
ProgramContract contract_for(uint32_t channels, uint32_t cell) {
  ProgramContract contract;
  contract.window = 16;
  contract.inputs = {{4, 4, {-100, 50}}, {8, 8, {-1, 1}}, {4, 4, {-7, 32000}}};
  contract.outputs = {{channels, cell}};
  return contract;
}

dlf_status check(Program program, uint32_t cell = 4, uint32_t channels = 0) {
  return dlf_test::status_of(
      [&] { dlf::check_program(one_layer(), contract_for(channels, cell), program, "test"); });
}

void check_values(Program program, int32_t low, int32_t high, uint32_t cell = 4) {
  dlf::check_program(one_layer(), contract_for(0, cell), program, "test");
  CHECK_EQ(program.shapes[3].values.low, low);
  CHECK_EQ(program.shapes[3].values.high, high);
}

constexpr dlf_status kBad = DLF_MODEL_ERROR;

}  // namespace

TEST(programs_that_break_a_rule_are_refused) {
  CHECK_EQ(check(one_instruction(Op::kConv, {0}, 0), 4, 5), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kConv, {0}, 0), 4, 4), kBad);  // output channels
  CHECK_EQ(check(one_instruction(Op::kConv, {0}, 0), 8), kBad);     // output grid
  CHECK_EQ(check(one_instruction(Op::kConv, {0}, 1)), kBad);        // no such layer
  CHECK_EQ(check(one_instruction(Op::kConv, {0}, -1)), kBad);
  CHECK_EQ(check(one_instruction(Op::kConv, {1}, 0), 8), kBad);  // channels
  CHECK_EQ(check(one_instruction(Op::kConv, {0, 0}, 0)), kBad);  // sources
  CHECK_EQ(check(one_instruction(Op::kConv, {0}, 0, 1)), kBad);  // argument 1
  CHECK_EQ(check(one_instruction(Op::kConv, {3}, 0)), kBad);     // not written yet
  CHECK_EQ(check(one_instruction(Op::kConv, {9}, 0)), kBad);
  CHECK_EQ(check(one_instruction(Op::kConv, {2}, 0)), kBad);  // its sums can leave int32
  CHECK_EQ(check(one_instruction(Op::kLeaky, {0}, 32767)), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kLeaky, {0}, 32768)), kBad);
  CHECK_EQ(check(one_instruction(Op::kLeaky, {0}, -1)), kBad);
  CHECK_EQ(check(one_instruction(Op::kAdd, {0}, 0)), kBad);
  CHECK_EQ(check(one_instruction(Op::kAdd, {0, 1}, 0)), kBad);  // grids
  CHECK_EQ(check(one_instruction(Op::kAdd, {0, 0}, 3)), kBad);
  CHECK_EQ(check(one_instruction(Op::kConcat, {0, 1}, 0)), kBad);
  CHECK_EQ(check(one_instruction(Op::kSlice, {0}, 3, 1)), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kSlice, {0}, 3, 2)), kBad);
  CHECK_EQ(check(one_instruction(Op::kSlice, {0}, 0, 0)), kBad);
  CHECK_EQ(check(one_instruction(Op::kSlice, {0}, INT32_MAX, INT32_MAX)), kBad);
  CHECK_EQ(check(one_instruction(Op::kSlice, {0}, -1, 2)), kBad);
  CHECK_EQ(check(one_instruction(Op::kDepthToSpace, {1}, 2)), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kDepthToSpace, {0}, 2), 2), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kDepthToSpace, {1}, 1), 8), kBad);
  CHECK_EQ(check(one_instruction(Op::kDepthToSpace, {1}, 3)), kBad);
  CHECK_EQ(check(one_instruction(Op::kDepthToSpace, {1}, 4), 2), kBad);  // channels
  CHECK_EQ(check(one_instruction(Op::kDepthToSpace, {1}, 16), 1), kBad);
  CHECK_EQ(check(one_instruction(Op::kSpaceToDepth, {0}, 4), 16, 64), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kSpaceToDepth, {0}, 8), 32), kBad);  // beyond the window
  CHECK_EQ(check(one_instruction(Op::kSpaceToDepth, {0}, 3), 12), kBad);
  CHECK_EQ(check(one_instruction(Op::kSpaceToDepth, {0}, -2), 8), kBad);
  CHECK_EQ(check(one_instruction(Op::kMax, {0}, 32768)), kBad);
  CHECK_EQ(check(one_instruction(Op::kMin, {0}, -32769)), kBad);
  CHECK_EQ(check(one_instruction(Op::kProduct, {0, 2}, 1)), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kProduct, {0, 2}, 30)), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kProduct, {0, 2}, 0)), kBad);
  CHECK_EQ(check(one_instruction(Op::kProduct, {0, 2}, 31)), kBad);
  CHECK_EQ(check(one_instruction(Op::kProduct, {0}, 4)), kBad);

  Program twice = one_instruction(Op::kMax, {0}, 0);
  twice.instructions.push_back(twice.instructions[0]);
  CHECK_EQ(check(twice), kBad);
  Program over_input = one_instruction(Op::kMax, {0}, 0);
  over_input.instructions[0].target = 1;
  over_input.outputs = {1};
  CHECK_EQ(check(over_input), kBad);
  Program outside = one_instruction(Op::kMax, {0}, 0);
  outside.instructions[0].target = 4;
  CHECK_EQ(check(outside), kBad);
  Program silent = one_instruction(Op::kMax, {0}, 0);
  silent.registers = 5;
  silent.outputs = {4};
  CHECK_EQ(check(silent), kBad);
}

TEST(format_1_has_fewer_instructions_and_one_factor) {
  const auto status = [](Program program) {
    ProgramContract contract = contract_for(0, 8);
    contract.inputs[1] = {8, 16, {}};
    contract.only_factor = 2;
    return dlf_test::status_of([&] { dlf::check_program(one_layer(), contract, program, "test"); });
  };
  CHECK_EQ(status(one_instruction(Op::kDepthToSpace, {1}, 2)), DLF_OK);
  CHECK_EQ(status(one_instruction(Op::kSpaceToDepth, {0}, 2)), kBad);
  Program finer = one_instruction(Op::kDepthToSpace, {0}, 2);
  CHECK_EQ(status(finer), kBad);
}

TEST(bounds_follow_the_instructions) {
  check_values(one_instruction(Op::kConv, {0}, 0), -2000, 3000);
  check_values(one_instruction(Op::kLeaky, {0}, 16384), -50, 50);
  check_values(one_instruction(Op::kAdd, {0, 2}, 0), -107, 32050);
  check_values(one_instruction(Op::kAdd, {2, 2}, 0), -14, 32767);
  check_values(one_instruction(Op::kConcat, {0, 2}, 0), -100, 32000);
  check_values(one_instruction(Op::kSlice, {2}, 0, 1), -7, 32000);
  check_values(one_instruction(Op::kDepthToSpace, {1}, 2), -1, 1);
  check_values(one_instruction(Op::kSpaceToDepth, {0}, 2), -100, 50, 8);
  check_values(one_instruction(Op::kMax, {0}, 60), 60, 60);
  check_values(one_instruction(Op::kMin, {0}, 7), -100, 7);
  check_values(one_instruction(Op::kProduct, {0, 0}, 1), -2500, 5000);
  check_values(one_instruction(Op::kProduct, {0, 2}, 4), -32768, 32767);
}

TEST(reach_counts_kernels_in_pixels_of_their_grids) {
  dlf_test::Random random(41);
  std::vector<ConvLayer> layers;
  layers.push_back(dlf_test::bounded_layer(random, false, 3, 4, 4, 32768));
  layers.push_back(dlf_test::bounded_layer(random, false, 1, 4, 4, 32768));
  ProgramContract contract;
  contract.window = 16;
  contract.inputs = {{4, 16, {}}};
  contract.outputs = {{1, 8}};
  Program program;
  program.inputs = 1;
  program.registers = 6;
  program.instructions = {{Op::kConv, 1, {0}, 1, 0},
                          {Op::kDepthToSpace, 2, {1}, 2, 0},
                          {Op::kConcat, 3, {2, 2, 2, 2}, 0, 0},
                          {Op::kConv, 4, {3}, 0, 0},
                          {Op::kSlice, 5, {4}, 0, 1}};
  program.outputs = {5};
  dlf::check_program(layers, contract, program, "test");
  CHECK_EQ(program.distance[3], 8u);   // one cell of 8 pixels
  CHECK_EQ(program.distance[1], 16u);  // rounded up to a cell of 16
  CHECK_EQ(dlf::reach_of(program, 16), 1u);
  CHECK_EQ(dlf::reach_of(program, 4), 4u);
  CHECK_EQ(dlf::macs_of(layers, program, 33, 16), 16u * 3 + 144u * 5 * 2);
  program.instructions[0].arg0 = 0;
  dlf::check_program(layers, contract, program, "test");
  CHECK_EQ(dlf::reach_of(program, 16), 2u);
}

TEST(layers_whose_accumulators_can_overflow_are_refused) {
  ConvLayer layer;
  layer.kernel = 1;
  layer.in_channels = 512;
  layer.out_channels = 1;
  layer.weights.assign(512, 127);
  layer.bias = {INT32_MAX - 32768 * 127 * 512};
  const auto status = [&](int64_t bound) {
    return dlf_test::status_of([&] { dlf::check_accumulators(layer, bound, "test: "); });
  };
  CHECK_EQ(status(32768), DLF_OK);
  layer.bias[0] += 1;
  CHECK_EQ(status(32768), kBad);
  CHECK_EQ(status(32767), DLF_OK);
  layer.bias[0] = -layer.bias[0];
  CHECK_EQ(status(32768), kBad);
  layer.bias[0] = INT32_MIN;
  layer.weights.assign(512, 0);
  CHECK_EQ(status(0), kBad);
  layer.bias[0] = 0;
  layer.weights.assign(512, -128);  // 32768 * 128 * 512 = 2^31
  CHECK_EQ(status(32768), kBad);
  layer.weights[0] = 127;
  CHECK_EQ(status(32768), DLF_OK);
}

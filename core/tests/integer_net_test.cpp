#include "integer_net.h"

#include "support.h"
#include "test.h"

using dlf::NormativePart;
using dlf::Op;
using dlf::Program;
using dlf::ProgramContract;
using dlf::Tensor;

namespace {

// A model that has just enough for programs: one layer, windows of 4 latents.
NormativePart tiny_model() {
  dlf_test::Random random(40);
  NormativePart model;
  model.window = 64;
  model.latent_stride = 32;
  model.layers.push_back(dlf_test::random_layer(random, false, 3, 4, 5));
  dlf::pack_layer(model.layers[0]);
  return model;
}

Program one_instruction(Op op, std::vector<uint16_t> sources, int32_t arg0, int32_t arg1 = 0) {
  Program program;
  program.inputs = 2;
  program.registers = 3;
  program.instructions = {{op, 2, std::move(sources), arg0, arg1}};
  program.outputs = {2};
  return program;
}

// Four channels on the latent grid and eight on the window grid.
ProgramContract contract_for(uint32_t output_channels) { return {{4, 8}, 1, {output_channels}}; }

Tensor run(Program program, const Tensor& latent, const Tensor& window) {
  const NormativePart model = tiny_model();
  dlf::check_program(model, contract_for(0), program, "test");
  return dlf::run_program(model, program, {latent, window}, latent.height, latent.width, {})[0];
}

dlf_status check(Program program, uint32_t output_channels = 0) {
  const NormativePart model = tiny_model();
  return dlf_test::status_of(
      [&] { dlf::check_program(model, contract_for(output_channels), program, "test"); });
}

struct Inputs {
  Tensor latent, window;
  Inputs() {
    dlf_test::Random random(41);
    latent = random.tensor(4, 3, 5);
    window = random.tensor(8, 2, 3);
  }
};

}  // namespace

TEST(leaky_multiplies_negative_values_and_rounds) {
  Tensor tensor(1, 1, 5);
  tensor.data = {100, -1, -3, -32768, 32767};
  dlf::apply_leaky(tensor, 16384);
  CHECK(tensor.data == std::vector<int16_t>({100, 0, -1, -16384, 32767}));
  dlf::apply_leaky(tensor, 0);
  CHECK(tensor.data == std::vector<int16_t>({100, 0, 0, 0, 32767}));
}

TEST(add_saturates) {
  const Inputs in;
  const Tensor out = run(one_instruction(Op::kAdd, {0, 0}, 0), in.latent, in.window);
  for (size_t i = 0; i < out.data.size(); ++i) {
    const int sum = 2 * in.latent.data[i];
    CHECK_EQ(out.data[i], static_cast<int16_t>(std::min(std::max(sum, -32768), 32767)));
  }
}

TEST(max_concat_and_slice_move_what_they_should) {
  const Inputs in;
  const Tensor floor = run(one_instruction(Op::kMax, {0}, -5), in.latent, in.window);
  for (size_t i = 0; i < floor.data.size(); ++i) {
    CHECK_EQ(floor.data[i], std::max<int16_t>(in.latent.data[i], -5));
  }
  const Tensor twice = run(one_instruction(Op::kConcat, {0, 0}, 0), in.latent, in.window);
  CHECK_EQ(twice.channels, 8u);
  const size_t half = in.latent.data.size();
  for (size_t i = 0; i < 2 * half; ++i) {
    CHECK_EQ(twice.data[i], in.latent.data[i % half]);
  }
  const Tensor part = run(one_instruction(Op::kSlice, {0}, 1, 2), in.latent, in.window);
  CHECK_EQ(part.channels, 2u);
  for (size_t i = 0; i < part.data.size(); ++i) {
    CHECK_EQ(part.data[i], in.latent.data[i + in.latent.plane()]);
  }
}

TEST(depth_to_space_spreads_channels_and_crops) {
  const Inputs in;
  const Tensor out = run(one_instruction(Op::kDepthToSpace, {1}, 2), in.latent, in.window);
  CHECK_EQ(out.channels, 2u);
  CHECK_EQ(out.height, 3u);
  CHECK_EQ(out.width, 5u);
  for (size_t c = 0; c < 2; ++c) {
    for (size_t y = 0; y < 3; ++y) {
      for (size_t x = 0; x < 5; ++x) {
        CHECK_EQ(out.channel(c)[y * 5 + x],
                 in.window.channel((c * 2 + y % 2) * 2 + x % 2)[y / 2 * 3 + x / 2]);
      }
    }
  }
}

TEST(registers_live_as_long_as_they_are_read) {
  const Inputs in;
  Program program;
  program.inputs = 2;
  program.registers = 6;
  program.instructions = {{Op::kMax, 2, {0}, 7, 0},
                          {Op::kLeaky, 3, {2}, 0, 0},  // 2 is read again below
                          {Op::kAdd, 4, {2, 2}, 0, 0},
                          {Op::kAdd, 5, {3, 4}, 0, 0}};
  program.outputs = {5, 2, 2};
  const NormativePart model = tiny_model();
  const ProgramContract contract = {{4, 8}, 1, {4, 4, 4}};
  dlf::check_program(model, contract, program, "test");
  const std::vector<Tensor> out =
      dlf::run_program(model, program, {in.latent, in.window}, 3, 5, {});
  for (size_t i = 0; i < in.latent.data.size(); ++i) {
    const int value = std::max<int>(in.latent.data[i], 7);
    CHECK_EQ(out[1].data[i], value);
    CHECK_EQ(out[2].data[i], value);
    CHECK_EQ(out[0].data[i], std::min(value + std::min(2 * value, 32767), 32767));
  }
}

TEST(programs_that_break_a_rule_are_refused) {
  CHECK_EQ(check(one_instruction(Op::kConv, {0}, 0), 5), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kConv, {0}, 0), 4), DLF_MODEL_ERROR);  // output channels
  CHECK_EQ(check(one_instruction(Op::kConv, {0}, 1)), DLF_MODEL_ERROR);     // no such layer
  CHECK_EQ(check(one_instruction(Op::kConv, {0}, -1)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kConv, {1}, 0)), DLF_MODEL_ERROR);     // channels
  CHECK_EQ(check(one_instruction(Op::kConv, {0, 0}, 0)), DLF_MODEL_ERROR);  // sources
  CHECK_EQ(check(one_instruction(Op::kConv, {0}, 0, 1)), DLF_MODEL_ERROR);  // argument 1
  CHECK_EQ(check(one_instruction(Op::kConv, {2}, 0)), DLF_MODEL_ERROR);     // not written yet
  CHECK_EQ(check(one_instruction(Op::kConv, {9}, 0)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kLeaky, {0}, 32767)), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kLeaky, {0}, 32768)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kLeaky, {0}, -1)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kAdd, {0}, 0)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kAdd, {0, 1}, 0)), DLF_MODEL_ERROR);  // grids
  CHECK_EQ(check(one_instruction(Op::kAdd, {0, 0}, 3)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kConcat, {0, 1}, 0)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kSlice, {0}, 3, 1)), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kSlice, {0}, 3, 2)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kSlice, {0}, 0, 0)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kSlice, {0}, INT32_MAX, INT32_MAX)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kSlice, {0}, -1, 2)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kDepthToSpace, {1}, 2)), DLF_OK);
  CHECK_EQ(check(one_instruction(Op::kDepthToSpace, {1}, 1)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kDepthToSpace, {0}, 2)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kMax, {0}, 32768)), DLF_MODEL_ERROR);
  CHECK_EQ(check(one_instruction(Op::kMax, {1}, 0)), DLF_MODEL_ERROR);  // output on window grid

  Program twice = one_instruction(Op::kMax, {0}, 0);
  twice.instructions.push_back(twice.instructions[0]);
  CHECK_EQ(check(twice), DLF_MODEL_ERROR);
  Program over_input = one_instruction(Op::kMax, {0}, 0);
  over_input.instructions[0].target = 1;
  over_input.outputs = {1};
  CHECK_EQ(check(over_input), DLF_MODEL_ERROR);
  Program outside = one_instruction(Op::kMax, {0}, 0);
  outside.instructions[0].target = 3;
  CHECK_EQ(check(outside), DLF_MODEL_ERROR);
  Program silent = one_instruction(Op::kMax, {0}, 0);
  silent.registers = 4;
  silent.outputs = {3};
  CHECK_EQ(check(silent), DLF_MODEL_ERROR);
}

TEST(layers_whose_accumulators_can_overflow_are_refused) {
  dlf::ConvLayer layer;
  layer.kernel = 1;
  layer.in_channels = 512;
  layer.out_channels = 1;
  layer.weights.assign(512, 127);
  layer.bias = {INT32_MAX - 32768 * 127 * 512 + 0};
  CHECK_STATUS(DLF_OK, dlf::check_accumulators(layer, 0));
  layer.bias[0] += 1;
  CHECK_STATUS(DLF_MODEL_ERROR, dlf::check_accumulators(layer, 0));
  layer.bias[0] = -layer.bias[0];
  CHECK_STATUS(DLF_MODEL_ERROR, dlf::check_accumulators(layer, 0));
  layer.bias[0] = INT32_MIN;
  layer.weights.assign(512, 0);
  CHECK_STATUS(DLF_MODEL_ERROR, dlf::check_accumulators(layer, 0));
  layer.bias[0] = 0;
  layer.weights.assign(512, -128);  // 32768 * 128 * 512 = 2^31
  CHECK_STATUS(DLF_MODEL_ERROR, dlf::check_accumulators(layer, 0));
  layer.weights[0] = 127;
  CHECK_STATUS(DLF_OK, dlf::check_accumulators(layer, 0));
}

#include "machine/executor.h"

#include <algorithm>
#include <atomic>
#include <string>

#include "machine/kernel_choice.h"
#include "machine/tensors.h"
#include "machine_support.h"
#include "test.h"

using dlf::Canvas;
using dlf::FillRow;
using dlf::MachineOptions;
using dlf::PixelArea;
using dlf::Plan;
using dlf::TakeRow;
using dlf::Tensor;
using dlf_test::Random;
using dlf_test::RandomProgram;

namespace {

std::vector<Tensor> random_inputs(Random& random, const RandomProgram& test, const Canvas& canvas) {
  std::vector<Tensor> inputs;
  for (const dlf::RegisterShape& shape : test.contract.inputs) {
    inputs.push_back(
        random.tensor(shape.channels, canvas.rows(shape.cell), canvas.columns(shape.cell)));
    for (int16_t& value : inputs.back().data) {
      value = static_cast<int16_t>(std::clamp<int32_t>(value, shape.values.low, shape.values.high));
    }
  }
  return inputs;
}

Canvas random_canvas(Random& random, uint32_t window) {
  // Padded pictures are multiples of the latent align, which need not be whole windows.
  const uint32_t align = window / (random.coin() ? 1 : 2);
  return {align * static_cast<uint32_t>(random.in(1, 5)),
          align * static_cast<uint32_t>(random.in(1, 5))};
}

const char* text(bool equal) { return equal ? "equal" : "different"; }

// Runs the program over `area` and compares what it gives with the whole tensors.
void check_area(const RandomProgram& test, const Canvas& canvas, const std::vector<Tensor>& inputs,
                const std::vector<Tensor>& expected, const PixelArea& area, uint32_t block,
                const MachineOptions& options) {
  std::vector<FillRow> fill;
  for (const Tensor& input : inputs) fill.push_back(dlf::from_tensor(input));
  std::vector<Tensor> results;
  for (const Tensor& each : expected) results.emplace_back(each.channels, each.height, each.width);
  std::vector<TakeRow> take;
  std::atomic<size_t> rows{0};
  for (size_t i = 0; i < results.size(); ++i) {
    take.push_back([&, i](const dlf::ConstRow& row) {
      rows.fetch_add(1);
      dlf::to_tensor (&results[i])(row);
    });
  }
  const Plan plan(test.layers, test.program, canvas, area, block);
  CHECK(dlf::execute(plan, fill, take, options));
  for (size_t i = 0; i < expected.size(); ++i) {
    const uint32_t cell = test.contract.outputs[i].cell;
    const Tensor& a = expected[i];
    const uint32_t bottom = std::min(a.height, (area.rows.end + cell - 1) / cell);
    const uint32_t right = std::min(a.width, (area.columns.end + cell - 1) / cell);
    for (uint32_t c = 0; c < a.channels; ++c) {
      for (uint32_t y = area.rows.begin / cell; y < bottom; ++y) {
        const size_t from = size_t{y} * a.width + area.columns.begin / cell;
        const size_t to = size_t{y} * a.width + right;
        const bool equal =
            std::equal(a.channel(c) + from, a.channel(c) + to, results[i].channel(c) + from);
        CHECK_EQ(std::string(text(equal)), "equal");
      }
    }
  }
  CHECK(rows.load() > 0);
}

}  // namespace

TEST(executor_equals_a_naive_interpreter) {
  Random random(70);
  for (int trial = 0; trial < 400; ++trial) {
    const uint32_t window = 4u << random.in(0, 3);
    const RandomProgram test = dlf_test::random_program(random, window);
    const Canvas canvas = random_canvas(random, window);
    const std::vector<Tensor> inputs = random_inputs(random, test, canvas);
    const std::vector<Tensor> expected =
        dlf_test::naive_run(test.layers, test.program, canvas, inputs);
    for (const dlf::Kernels* kernels : dlf::available_kernels()) {
      MachineOptions options;
      options.kernels = kernels;
      options.threads = static_cast<int>(random.in(1, 3));
      const uint32_t block =
          random.coin() ? 1u << random.in(0, 6) : static_cast<uint32_t>(random.in(1, 100));
      check_area(test, canvas, inputs, expected, dlf::whole(canvas), block, options);
      const auto top = static_cast<uint32_t>(random.in(0, canvas.height - 1));
      const auto left = static_cast<uint32_t>(random.in(0, canvas.width - 1));
      const PixelArea area = {{top, static_cast<uint32_t>(random.in(top + 1, canvas.height))},
                              {left, static_cast<uint32_t>(random.in(left + 1, canvas.width))}};
      check_area(test, canvas, inputs, expected, area, block, options);
    }
  }
}

TEST(rows_divided_over_threads_by_channels_are_the_same) {
  Random random(71);
  RandomProgram test;
  test.layers.push_back(dlf_test::bounded_layer(random, false, 3, 40, 71, 32768));
  test.contract.window = 1;
  test.contract.inputs = {{40, 1, {}}};
  test.contract.outputs = {{71, 1}};
  test.program.registers = 2;
  test.program.inputs = 1;
  test.program.instructions = {{dlf::Op::kConv, 1, {0}, 0, 0}};
  test.program.outputs = {1};
  dlf::check_program(test.layers, test.contract, test.program, "one layer");
  const Canvas canvas = {3, 70};
  const std::vector<Tensor> inputs = random_inputs(random, test, canvas);
  const std::vector<Tensor> expected =
      dlf_test::naive_run(test.layers, test.program, canvas, inputs);
  for (int threads = 1; threads <= 5; ++threads) {
    MachineOptions options;
    options.threads = threads;
    check_area(test, canvas, inputs, expected, dlf::whole(canvas), 1, options);
  }
}

TEST(memory_does_not_grow_with_the_height) {
  Random random(72);
  for (int trial = 0; trial < 100; ++trial) {
    const RandomProgram test = dlf_test::random_program(random, 16);
    const Canvas tall = {16 * 4000, 64}, taller = {16 * 100000, 64};
    const Plan one(test.layers, test.program, tall, dlf::whole(tall), 16);
    const Plan other(test.layers, test.program, taller, dlf::whole(taller), 16);
    CHECK_EQ(dlf::execution_bytes(one), dlf::execution_bytes(other));
  }
}

TEST(a_run_can_be_ended_between_blocks) {
  Random random(73);
  const RandomProgram test = dlf_test::random_program(random, 16);
  const Canvas canvas = {16 * 64, 16};
  const std::vector<Tensor> inputs = random_inputs(random, test, canvas);
  std::vector<FillRow> fill;
  for (const Tensor& input : inputs) fill.push_back(dlf::from_tensor(input));
  const std::vector<TakeRow> take(test.program.outputs.size(), [](const dlf::ConstRow&) {});
  const Plan plan(test.layers, test.program, canvas, dlf::whole(canvas), 16);
  MachineOptions options;  // one thread: helpers might be done before the caller is asked
  uint64_t last = 0;
  options.progress = [&](uint64_t done, uint64_t total) {
    CHECK(done > last && done < total);
    last = done;
    return done < 5;
  };
  CHECK(!dlf::execute(plan, fill, take, options));
  CHECK(last >= 5);
  options.progress = [](uint64_t, uint64_t) -> bool { throw dlf_test::Failure{"mine"}; };
  bool is_thrown = false;
  try {
    dlf::execute(plan, fill, take, options);
  } catch (const dlf_test::Failure&) {
    is_thrown = true;
  }
  CHECK(is_thrown);
  options.progress = [](uint64_t, uint64_t) { return true; };
  CHECK(dlf::execute(plan, fill, take, options));
}

// So that a caller can give up the rows that have been read (ProgramRunner::reads_in_order).
TEST(rows_of_inputs_are_read_once_and_none_that_lies_behind) {
  Random random(74);
  for (int trial = 0; trial < 60; ++trial) {
    const RandomProgram test = dlf_test::random_program(random, 16);
    const Canvas canvas = {16 * 40, 48};
    const std::vector<Tensor> inputs = random_inputs(random, test, canvas);
    std::atomic<uint32_t> behind{0};  // pixels
    std::atomic<int> wrong{0};
    std::vector<std::vector<std::atomic<int>>> reads(inputs.size());
    std::vector<FillRow> fill;
    for (size_t i = 0; i < inputs.size(); ++i) {
      reads[i] = std::vector<std::atomic<int>>(inputs[i].height);
      const uint32_t cell = test.contract.inputs[i].cell;
      fill.push_back([&, i, cell, from = dlf::from_tensor(inputs[i])](const dlf::Row& row) {
        from(row);
        if (row.row < behind / cell || ++reads[i][row.row] > 1) ++wrong;
      });
    }
    const std::vector<TakeRow> take(test.program.outputs.size(), [](const dlf::ConstRow&) {});
    const Plan plan(test.layers, test.program, canvas, dlf::whole(canvas), 16);
    MachineOptions options;
    options.threads = 2;
    options.progress = [&](uint64_t done, uint64_t total) {
      const uint64_t left = std::min<uint64_t>((total - done) * 16, canvas.height);
      behind = canvas.height - static_cast<uint32_t>(left);
      return true;
    };
    CHECK(dlf::execute(plan, fill, take, options));
    CHECK_EQ(wrong.load(), 0);
  }
}

TEST(layers_that_are_not_packed_are_refused) {
  Random random(75);
  RandomProgram test = dlf_test::random_program(random, 16);
  test.layers.push_back(dlf_test::bounded_layer(random, false, 1, 4, 4, 32768));
  test.layers.back().packed.clear();
  dlf::Program program;
  program.registers = 2;
  program.inputs = 1;
  program.instructions = {
      {dlf::Op::kConv, 1, {0}, static_cast<int32_t>(test.layers.size() - 1), 0}};
  program.outputs = {1};
  dlf::ProgramContract contract;
  contract.window = 1;
  contract.inputs = {{4, 1, {}}};
  contract.outputs = {{4, 1}};
  dlf::check_program(test.layers, contract, program, "one layer");
  const Canvas canvas = {3, 3};
  const Tensor input(4, 3, 3);
  const Plan plan(test.layers, program, canvas, dlf::whole(canvas), 1);
  CHECK_STATUS(DLF_INTERNAL,
               dlf::execute(plan, {dlf::from_tensor(input)}, {[](const dlf::ConstRow&) {}}, {}));
}

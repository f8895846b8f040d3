#include "torch/torch_program.h"

#include <ATen/ops/_convolution.h>
#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/clamp_min.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/pixel_shuffle.h>
#include <ATen/ops/pixel_unshuffle.h>
#include <ATen/ops/replication_pad2d.h>

#include <algorithm>
#include <cmath>

#include "base/constants.h"
#include "machine/pack.h"

namespace dlf {
namespace {

// Whole numbers below this are exact in float32, with half of one.
constexpr int64_t kExact = int64_t{1} << 23;

int64_t bound_of(const RegisterShape& shape) {
  return std::max<int64_t>({-int64_t{shape.values.low}, shape.values.high, 0});
}

at::Tensor per_channel(const std::vector<double>& values, c10::Device device) {
  at::Tensor tensor = at::empty({1, static_cast<int64_t>(values.size()), 1, 1}, at::kDouble);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<double>());
  return tensor.to(device);
}

TorchLayer copy_of(const ConvLayer& layer, c10::Device device) {
  const int64_t inputs = layer.depthwise ? 1 : layer.in_channels, kernel = layer.kernel;
  at::Tensor weight = at::empty({layer.out_channels, inputs, kernel, kernel}, at::kFloat);
  const std::vector<int8_t> weights = weights_of(layer);
  std::copy(weights.begin(), weights.end(), weight.mutable_data_ptr<float>());
  std::vector<double> scales, offsets;
  for (size_t c = 0; c < layer.out_channels; ++c) {
    const double scale = std::ldexp(static_cast<double>(layer.multiplier[c]), -layer.shift[c]);
    scales.push_back(scale);
    offsets.push_back(static_cast<double>(layer.bias[c]) * scale + 0.5);
  }
  return {weight.to(device).contiguous(at::MemoryFormat::ChannelsLast), per_channel(scales, device),
          per_channel(offsets, device)};
}

// The tensor itself, or in float64 where products of `largest` are not exact in float32.
at::Tensor wide_enough(const at::Tensor& a, int64_t largest) {
  return largest < kExact ? a : a.to(at::kDouble);
}

// floor(value * 2^-shift + 1/2), in float32 again.
at::Tensor shifted(at::Tensor value, int shift) {
  return value.mul_(std::ldexp(1.0, -shift)).add_(0.5).floor_().to(at::kFloat);
}

class Interpreter {
 public:
  Interpreter(const TorchLayers& copies, const std::vector<ConvLayer>& layers,
              const Program& program, const Canvas& canvas)
      : copies_(copies), layers_(layers), program_(program), canvas_(canvas) {}

  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs) {
    registers_ = inputs;
    registers_.resize(program_.registers);
    const std::vector<size_t> last = last_readers(program_);
    for (size_t i = 0; i < program_.instructions.size(); ++i) {
      const Instruction& instruction = program_.instructions[i];
      if (!program_.leads_to_output[instruction.target]) continue;
      registers_[instruction.target] = result(instruction);
      for (const uint16_t source : instruction.sources) {
        if (last[source] == i) registers_[source].reset();
      }
    }
    std::vector<at::Tensor> outputs;
    for (const uint16_t output : program_.outputs) outputs.push_back(registers_[output]);
    return outputs;
  }

  // The instruction that reads a register last; none for outputs.
  static std::vector<size_t> last_readers(const Program& program) {
    constexpr size_t kNone = ~size_t{0};
    std::vector<size_t> last(program.registers, kNone);
    for (size_t i = 0; i < program.instructions.size(); ++i) {
      const Instruction& instruction = program.instructions[i];
      if (!program.leads_to_output[instruction.target]) continue;
      for (const uint16_t source : instruction.sources) last[source] = i;
    }
    for (const uint16_t output : program.outputs) last[output] = kNone;
    return last;
  }

 private:
  at::Tensor result(const Instruction& instruction) const {
    const at::Tensor& a = registers_[instruction.sources[0]];
    switch (instruction.op) {
      case Op::kConv:
        return convolution(a, layers_[static_cast<size_t>(instruction.arg0)]);
      case Op::kLeaky:
        return leaky(instruction, a);
      case Op::kAdd:
        return saturated(at::add(a, second(instruction)), sum_of_bounds(instruction));
      case Op::kConcat: {
        std::vector<at::Tensor> all;
        for (const uint16_t source : instruction.sources) all.push_back(registers_[source]);
        return at::cat(all, 1);
      }
      case Op::kSlice:
        return a.narrow(1, instruction.arg0, instruction.arg1);
      case Op::kDepthToSpace:
        return cropped(at::pixel_shuffle(a, instruction.arg0), shape(instruction.target));
      case Op::kMax:
        return at::clamp_min(a, instruction.arg0);
      case Op::kMin:
        return at::clamp_max(a, instruction.arg0);
      case Op::kSpaceToDepth:
        return at::pixel_unshuffle(extended(a, instruction.arg0, shape(instruction.target)),
                                   instruction.arg0);
      case Op::kProduct:
        return product(instruction, a);
    }
    return {};
  }

  const RegisterShape& shape(uint16_t index) const { return program_.shapes[index]; }
  const at::Tensor& second(const Instruction& instruction) const {
    return registers_[instruction.sources[1]];
  }

  int64_t sum_of_bounds(const Instruction& instruction) const {
    return bound_of(shape(instruction.sources[0])) + bound_of(shape(instruction.sources[1]));
  }

  // §8.3.1: the sums in float32, what follows them in float64.
  at::Tensor convolution(const at::Tensor& a, const ConvLayer& layer) const {
    const TorchLayer& copy = copies_.of(layer);
    const int64_t around = layer.kernel / 2;
    const bool extends = around > 0 && layer.edge_padding;
    const at::Tensor source =
        extends ? at::replication_pad2d(a, {around, around, around, around}) : a;
    const int64_t padding = extends ? 0 : around;
    // As exact_convolutions of torch_module.cpp: nothing is left to the settings of the process.
    const at::Tensor sums =
        at::_convolution(source, copy.weight, {}, {1, 1}, {padding, padding}, {1, 1}, false, {0, 0},
                         layer.depthwise ? layer.out_channels : 1, false, true, true, false);
    return sums.to(at::kDouble)
        .mul_(copy.scale)
        .add_(copy.offset)
        .floor_()
        .clamp_(layer.low, layer.high)
        .to(at::kFloat);
  }

  // §8.3.2: as the slope is below 1, the greater of a value and its rounded part is the result.
  at::Tensor leaky(const Instruction& instruction, const at::Tensor& a) const {
    int64_t slope = instruction.arg0;
    int shift = kLeakyBits;
    for (; slope % 2 == 0 && shift > 0; --shift) slope /= 2;
    const at::Tensor wide = wide_enough(a, bound_of(shape(instruction.sources[0])) * slope);
    return at::maximum(a, shifted(at::mul(wide, slope), shift));
  }

  // §8.3.10
  at::Tensor product(const Instruction& instruction, const at::Tensor& a) const {
    const int64_t largest =
        bound_of(shape(instruction.sources[0])) * bound_of(shape(instruction.sources[1]));
    return saturated(
        shifted(at::mul(wide_enough(a, largest), wide_enough(second(instruction), largest)),
                instruction.arg0),
        (largest >> instruction.arg0) + 1);
  }

  static at::Tensor saturated(at::Tensor value, int64_t bound) {
    return bound <= INT16_MAX ? value : value.clamp_(INT16_MIN, INT16_MAX);
  }

  // §8.3.6: what lies beyond the grid is dropped.
  at::Tensor cropped(const at::Tensor& a, const RegisterShape& to) const {
    return a.narrow(2, 0, canvas_.rows(to.cell)).narrow(3, 0, canvas_.columns(to.cell));
  }

  // §8.3.9: rows and columns of `a` are clamped to those that it has.
  at::Tensor extended(const at::Tensor& a, int64_t factor, const RegisterShape& to) const {
    const int64_t below = canvas_.rows(to.cell) * factor - a.size(2);
    const int64_t right = canvas_.columns(to.cell) * factor - a.size(3);
    return below == 0 && right == 0 ? a : at::replication_pad2d(a, {0, right, 0, below});
  }

  const TorchLayers& copies_;
  const std::vector<ConvLayer>& layers_;
  const Program& program_;
  const Canvas& canvas_;
  std::vector<at::Tensor> registers_;
};

}  // namespace

void TorchLayers::add(const std::vector<ConvLayer>& layers, const Program& program) {
  for (const Instruction& instruction : program.instructions) {
    if (instruction.op != Op::kConv || !program.leads_to_output[instruction.target]) continue;
    const ConvLayer& layer = layers[static_cast<size_t>(instruction.arg0)];
    if (layers_.count(&layer) == 0) layers_.emplace(&layer, copy_of(layer, device_));
  }
}

std::vector<at::Tensor> run_program(const TorchLayers& copies, const std::vector<ConvLayer>& layers,
                                    const Program& program, const Canvas& canvas,
                                    const std::vector<at::Tensor>& inputs) {
  return Interpreter(copies, layers, program, canvas).run(inputs);
}

uint64_t run_bytes(const Program& program, const Canvas& canvas) {
  const std::vector<size_t> last = Interpreter::last_readers(program);
  const auto values = [&](uint16_t index) {
    const RegisterShape& shape = program.shapes[index];
    return uint64_t{shape.channels} * canvas.rows(shape.cell) * canvas.columns(shape.cell);
  };
  uint64_t held = 0, most = 0;
  for (uint16_t i = 0; i < program.inputs; ++i) {
    if (program.leads_to_output[i]) held += sizeof(float) * values(i);
  }
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    if (!program.leads_to_output[instruction.target]) continue;
    const uint64_t result = values(instruction.target);
    // A convolution extends its source; results are worked on in float64.
    const uint64_t working =
        sizeof(double) * result + sizeof(float) * values(instruction.sources[0]);
    held += sizeof(float) * result;
    most = std::max(most, held + working);
    for (const uint16_t source : instruction.sources) {
      if (last[source] == i) held -= sizeof(float) * values(source);
    }
  }
  return most;
}

}  // namespace dlf

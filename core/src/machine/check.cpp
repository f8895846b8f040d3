#include "machine/check.h"

#include <algorithm>

#include "base/constants.h"
#include "base/status.h"
#include "machine/arithmetic.h"

namespace dlf {
namespace {

class Checker {
 public:
  Checker(const std::vector<ConvLayer>& layers, const ProgramContract& contract, Program& program,
          const std::string& name)
      : layers_(layers), contract_(contract), program_(program), name_(name) {}

  void run() {
    require(program_.inputs == contract_.inputs.size(), "wrong number of inputs");
    require(program_.inputs <= program_.registers, "more inputs than registers");
    program_.shapes.assign(program_.registers, RegisterShape{});
    std::copy(contract_.inputs.begin(), contract_.inputs.end(), program_.shapes.begin());
    for (index_ = 0; index_ < program_.instructions.size(); ++index_) {
      check_instruction(program_.instructions[index_]);
    }
    require(program_.outputs.size() == contract_.outputs.size(), "wrong number of outputs");
    for (size_t i = 0; i < program_.outputs.size(); ++i) {
      const RegisterShape& shape = written(program_.outputs[i]);
      const OutputContract& wanted = contract_.outputs[i];
      require(shape.cell == wanted.cell, "an output is on the wrong grid");
      require(wanted.channels == 0 || shape.channels == wanted.channels,
              "an output has the wrong number of channels");
    }
    distances();
  }

 private:
  void require(bool condition, const char* what) const {
    if (!condition) fail(DLF_MODEL_ERROR, where() + what);
  }

  std::string where() const {
    return "model package: program " + name_ + ", instruction " + std::to_string(index_) + ": ";
  }

  const RegisterShape& written(uint16_t index) const {
    require(index < program_.registers && program_.shapes[index].channels != 0,
            "reads a register that holds nothing");
    return program_.shapes[index];
  }

  void check_instruction(const Instruction& instruction) {
    RegisterShape result = written(instruction.sources[0]);
    for (const uint16_t source : instruction.sources) {
      require(written(source).cell == result.cell, "sources on different grids");
    }
    const size_t wanted = instruction.op == Op::kAdd || instruction.op == Op::kProduct ? 2 : 1;
    require(instruction.op == Op::kConcat || instruction.sources.size() == wanted,
            "wrong number of sources");
    require(instruction.op == Op::kSlice || instruction.arg1 == 0, "argument 1 is not 0");
    require(contract_.only_factor == 0 || instruction.op <= Op::kMax, "unknown instruction");
    arguments(instruction, result);
    require(result.channels <= kMaxLayerChannels, "too many channels");
    require(instruction.target < program_.registers &&
                program_.shapes[instruction.target].channels == 0,
            "the target is written twice or does not exist");
    program_.shapes[instruction.target] = result;
  }

  // Turns the shape of the first source into that of the result.
  void arguments(const Instruction& instruction, RegisterShape& shape) const {
    Interval& values = shape.values;
    switch (instruction.op) {
      case Op::kConv:
        convolution(instruction, shape);
        break;
      case Op::kLeaky:
        require(instruction.arg0 >= 0 && instruction.arg0 <= INT16_MAX, "slope out of range");
        values = {leaky(values.low, instruction.arg0), leaky(values.high, instruction.arg0)};
        break;
      case Op::kAdd: {
        const Interval other = second(instruction, shape).values;
        require(instruction.arg0 == 0, "argument 0 is not 0");
        values = {sat16(values.low + other.low), sat16(values.high + other.high)};
        break;
      }
      case Op::kConcat:
        require(instruction.arg0 == 0, "argument 0 is not 0");
        shape.channels = 0;
        for (const uint16_t source : instruction.sources) {
          const RegisterShape& each = program_.shapes[source];
          shape.channels += each.channels;
          values = {std::min(values.low, each.values.low), std::max(values.high, each.values.high)};
        }
        break;
      case Op::kSlice:
        require(instruction.arg0 >= 0 && instruction.arg1 >= 1 &&
                    int64_t{instruction.arg0} + instruction.arg1 <= int64_t{shape.channels},
                "slice out of range");
        shape.channels = static_cast<uint32_t>(instruction.arg1);
        break;
      case Op::kDepthToSpace:
        depth_to_space(instruction, shape);
        break;
      case Op::kMax:
        constant(instruction);
        values = {std::max(values.low, instruction.arg0), std::max(values.high, instruction.arg0)};
        break;
      case Op::kMin:
        constant(instruction);
        values = {std::min(values.low, instruction.arg0), std::min(values.high, instruction.arg0)};
        break;
      case Op::kSpaceToDepth:
        require(is_factor(instruction.arg0), "wrong factor");
        require(uint64_t{shape.cell} * static_cast<uint32_t>(instruction.arg0) <= contract_.window,
                "the result's cell is larger than a window");
        shape.cell *= static_cast<uint32_t>(instruction.arg0);
        shape.channels *= static_cast<uint32_t>(instruction.arg0 * instruction.arg0);
        break;
      case Op::kProduct: {
        const Interval other = second(instruction, shape).values;
        require(instruction.arg0 >= 1 && instruction.arg0 <= kMaxProductShift,
                "shift out of range");
        const auto [low, high] = std::minmax({product(values.low, other.low, instruction.arg0),
                                              product(values.low, other.high, instruction.arg0),
                                              product(values.high, other.low, instruction.arg0),
                                              product(values.high, other.high, instruction.arg0)});
        values = {low, high};
        break;
      }
    }
  }

  const RegisterShape& second(const Instruction& instruction, const RegisterShape& first) const {
    const RegisterShape& other = program_.shapes[instruction.sources[1]];
    require(other.channels == first.channels, "channels differ");
    return other;
  }

  void constant(const Instruction& instruction) const {
    require(instruction.arg0 >= INT16_MIN && instruction.arg0 <= INT16_MAX,
            "constant out of range");
  }

  static bool is_factor(int32_t factor) {
    return factor >= 2 && factor <= kMaxFactor && is_power_of_two(factor);
  }

  void depth_to_space(const Instruction& instruction, RegisterShape& shape) const {
    if (contract_.only_factor != 0) {
      require(shape.cell == contract_.window, "the source is not on the window grid");
      require(instruction.arg0 == static_cast<int32_t>(contract_.only_factor), "wrong factor");
    } else {
      require(is_factor(instruction.arg0), "wrong factor");
    }
    const auto factor = static_cast<uint32_t>(instruction.arg0);
    require(shape.cell >= factor, "the result's cell is smaller than a pixel");
    require(shape.channels % (factor * factor) == 0, "channels do not divide");
    shape.channels /= factor * factor;
    shape.cell /= factor;
  }

  void convolution(const Instruction& instruction, RegisterShape& shape) const {
    require(instruction.arg0 >= 0 && static_cast<size_t>(instruction.arg0) < layers_.size(),
            "no such layer");
    const ConvLayer& layer = layers_[static_cast<size_t>(instruction.arg0)];
    require(layer.in_channels == shape.channels, "the layer wants other channels");
    const int64_t bound = std::max(-int64_t{shape.values.low}, int64_t{shape.values.high});
    check_accumulators(layer, std::max<int64_t>(bound, 0), where());
    shape.channels = layer.out_channels;
    shape.values = {layer.low, layer.high};
  }

  void distances() {  // §8.5
    program_.distance.assign(program_.registers, 0);
    program_.leads_to_output.assign(program_.registers, false);
    for (const uint16_t output : program_.outputs) {
      program_.leads_to_output[output] = true;
    }
    for (size_t i = program_.instructions.size(); i-- > 0;) {
      const Instruction& instruction = program_.instructions[i];
      if (!program_.leads_to_output[instruction.target]) continue;
      uint64_t needed = program_.distance[instruction.target];
      const uint32_t cell = program_.shapes[instruction.sources[0]].cell;
      if (instruction.op == Op::kConv &&
          layers_[static_cast<size_t>(instruction.arg0)].kernel == 3) {
        needed += cell;
      } else if (instruction.op == Op::kDepthToSpace) {
        needed = (needed + cell - 1) / cell * cell;
      }
      for (const uint16_t source : instruction.sources) {
        program_.leads_to_output[source] = true;
        program_.distance[source] =
            std::max(program_.distance[source], static_cast<uint32_t>(needed));
      }
    }
  }

  const std::vector<ConvLayer>& layers_;
  const ProgramContract& contract_;
  Program& program_;
  const std::string& name_;
  size_t index_ = 0;
};

}  // namespace

void check_program(const std::vector<ConvLayer>& layers, const ProgramContract& contract,
                   Program& program, const std::string& name) {
  Checker(layers, contract, program, name).run();
}

void check_accumulators(const ConvLayer& layer, int64_t bound, const std::string& where) {
  const size_t per_output = layer.weights.size() / layer.out_channels;
  for (size_t c = 0; c < layer.out_channels; ++c) {
    int64_t sum = 0;
    for (size_t i = 0; i < per_output; ++i) {
      const int64_t weight = layer.weights[c * per_output + i];
      sum += weight < 0 ? -weight : weight;
    }
    const int64_t bias = layer.bias[c];
    if ((bias < 0 ? -bias : bias) + bound * sum > INT32_MAX) {
      fail(DLF_MODEL_ERROR,
           where + "channel " + std::to_string(c) + ": the accumulator can overflow");
    }
  }
}

uint32_t reach_of(const Program& program, uint32_t latent_stride) {
  uint32_t distance = 0;
  for (size_t i = 0; i < program.inputs; ++i) {
    if (program.leads_to_output[i]) distance = std::max(distance, program.distance[i]);
  }
  return (distance + latent_stride - 1) / latent_stride;
}

uint64_t macs_of(const std::vector<ConvLayer>& layers, const Program& program,
                 uint64_t padded_height, uint64_t padded_width) {
  uint64_t total = 0;
  for (const Instruction& instruction : program.instructions) {
    if (instruction.op != Op::kConv || !program.leads_to_output[instruction.target]) continue;
    const uint64_t cell = program.shapes[instruction.target].cell;
    total += layers[static_cast<size_t>(instruction.arg0)].weight_count() *
             ((padded_height + cell - 1) / cell) * ((padded_width + cell - 1) / cell);
  }
  return total;
}

}  // namespace dlf

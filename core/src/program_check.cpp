// The checks that let the interpreter run a program without any check of its own (§8.2, §8.4).

#include <algorithm>
#include <string>

#include "constants.h"
#include "normative.h"

namespace dlf {
namespace {

class Checker {
 public:
  Checker(const NormativePart& model, Program& program, const char* name)
      : model_(model), program_(program), name_(name) {}

  void run(const ProgramContract& contract) {
    require(program_.inputs == contract.input_channels.size(), "wrong number of inputs");
    require(program_.inputs <= program_.registers, "more inputs than registers");
    program_.shapes.assign(program_.registers, RegisterShape{});
    for (size_t i = 0; i < contract.input_channels.size(); ++i) {
      program_.shapes[i].channels = contract.input_channels[i];
      program_.shapes[i].on_windows = static_cast<int>(i) == contract.window_input;
    }
    for (index_ = 0; index_ < program_.instructions.size(); ++index_) {
      instruction(program_.instructions[index_]);
    }
    require(program_.outputs.size() == contract.output_channels.size(), "wrong number of outputs");
    for (size_t i = 0; i < program_.outputs.size(); ++i) {
      RegisterShape& shape = written(program_.outputs[i]);
      require(!shape.on_windows, "an output is not on the latent grid");
      require(contract.output_channels[i] == 0 || shape.channels == contract.output_channels[i],
              "an output has the wrong number of channels");
      shape.last_use = static_cast<uint32_t>(program_.instructions.size());
    }
    measure();
  }

 private:
  void require(bool condition, const char* what) const {
    if (!condition) {
      fail(DLF_MODEL_ERROR, std::string("model package: program ") + name_ + ", instruction " +
                                std::to_string(index_) + ": " + what);
    }
  }

  RegisterShape& written(uint16_t index) {
    require(index < program_.registers && program_.shapes[index].channels != 0,
            "reads a register that holds nothing");
    return program_.shapes[index];
  }

  void instruction(const Instruction& step) {
    RegisterShape result = written(step.sources[0]);
    for (const uint16_t source : step.sources) {
      RegisterShape& shape = written(source);
      require(shape.on_windows == result.on_windows, "sources on different grids");
      shape.last_use = static_cast<uint32_t>(index_);
    }
    const size_t wanted = step.op == Op::kAdd ? 2 : 1;
    require(step.op == Op::kConcat || step.sources.size() == wanted, "wrong number of sources");
    require(step.op == Op::kSlice || step.arg1 == 0, "argument 1 is not 0");
    arguments(step, result);
    require(result.channels <= kMaxLayerChannels, "too many channels");
    require(step.target < program_.registers && program_.shapes[step.target].channels == 0,
            "the target is written twice or does not exist");
    result.last_use = static_cast<uint32_t>(index_);
    program_.shapes[step.target] = result;
  }

  // Turns the shape of the first source into that of the result.
  void arguments(const Instruction& step, RegisterShape& shape) {
    const uint32_t channels = shape.channels;
    switch (step.op) {
      case Op::kConv:
        convolution(step, shape);
        break;
      case Op::kLeaky:
        require(step.arg0 >= 0 && step.arg0 <= INT16_MAX, "slope out of range");
        break;
      case Op::kAdd:
        require(step.arg0 == 0, "argument 0 is not 0");
        require(program_.shapes[step.sources[1]].channels == channels, "channels differ");
        break;
      case Op::kConcat:
        require(step.arg0 == 0, "argument 0 is not 0");
        shape.channels = 0;
        for (const uint16_t source : step.sources) {
          shape.channels += program_.shapes[source].channels;
        }
        break;
      case Op::kSlice:
        require(
            step.arg0 >= 0 && step.arg1 >= 1 && int64_t{step.arg0} + step.arg1 <= int64_t{channels},
            "slice out of range");
        shape.channels = static_cast<uint32_t>(step.arg1);
        break;
      case Op::kDepthToSpace: {
        const uint32_t factor = uint32_t{model_.window} / model_.latent_stride;
        require(shape.on_windows, "the source is not on the window grid");
        require(step.arg0 == static_cast<int32_t>(factor), "wrong factor");
        require(channels % (factor * factor) == 0, "channels do not divide");
        shape.channels = channels / (factor * factor);
        shape.on_windows = false;
        break;
      }
      case Op::kMax:
        require(step.arg0 >= INT16_MIN && step.arg0 <= INT16_MAX, "constant out of range");
        break;
    }
  }

  void convolution(const Instruction& step, RegisterShape& shape) {
    require(step.arg0 >= 0 && static_cast<size_t>(step.arg0) < model_.layers.size(),
            "no such layer");
    const ConvLayer& layer = model_.layers[static_cast<size_t>(step.arg0)];
    require(layer.in_channels == shape.channels, "the layer wants other channels");
    const uint64_t macs = layer.weights.size();
    (shape.on_windows ? program_.window_macs : program_.latent_macs) += macs;
    shape.channels = layer.out_channels;
  }

  // The most channels alive at once: what the interpreter has in memory (it frees after last use).
  void measure() {
    uint32_t live[2] = {0, 0}, peak[2] = {0, 0};
    for (size_t i = 0; i < program_.inputs; ++i) {
      live[program_.shapes[i].on_windows ? 1 : 0] += program_.shapes[i].channels;
    }
    for (uint32_t i = 0; i < program_.instructions.size(); ++i) {
      const Instruction& step = program_.instructions[i];
      const RegisterShape& result = program_.shapes[step.target];
      live[result.on_windows ? 1 : 0] += result.channels;
      peak[0] = std::max(peak[0], live[0]);
      peak[1] = std::max(peak[1], live[1]);
      for (size_t r = 0; r < program_.shapes.size(); ++r) {
        const RegisterShape& shape = program_.shapes[r];
        const bool reads = r == step.target || std::count(step.sources.begin(), step.sources.end(),
                                                          static_cast<uint16_t>(r)) > 0;
        if (reads && shape.last_use == i) {
          live[shape.on_windows ? 1 : 0] -= shape.channels;
        }
      }
    }
    program_.peak_latent_channels = std::max(peak[0], live[0]);
    program_.peak_window_channels = std::max(peak[1], live[1]);
  }

  const NormativePart& model_;
  Program& program_;
  const char* name_;
  size_t index_ = 0;
};

}  // namespace

void check_program(const NormativePart& model, const ProgramContract& contract, Program& program,
                   const char* name) {
  Checker(model, program, name).run(contract);
}

void check_accumulators(const ConvLayer& layer, size_t index) {
  const size_t per_output = layer.weights.size() / layer.out_channels;
  for (size_t c = 0; c < layer.out_channels; ++c) {
    int64_t sum = 0;
    for (size_t i = 0; i < per_output; ++i) {
      const int64_t weight = layer.weights[c * per_output + i];
      sum += weight < 0 ? -weight : weight;
    }
    const int64_t bias = layer.bias[c];
    if ((bias < 0 ? -bias : bias) + 32768 * sum > INT32_MAX) {
      fail(DLF_MODEL_ERROR, "model package: layer " + std::to_string(index) + ", channel " +
                                std::to_string(c) + ": the accumulator can overflow");
    }
  }
}

}  // namespace dlf

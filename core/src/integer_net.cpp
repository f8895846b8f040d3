#include "integer_net.h"

#include <algorithm>
#include <cstring>

#include "constants.h"

namespace dlf {
namespace {

int16_t saturate(int32_t value) {
  return static_cast<int16_t>(std::clamp<int32_t>(value, INT16_MIN, INT16_MAX));
}

Tensor add(const Tensor& a, const Tensor& b) {  // §8.3.3
  Tensor out(a.channels, a.height, a.width);
  for (size_t i = 0; i < out.data.size(); ++i) {
    out.data[i] = saturate(int32_t{a.data[i]} + b.data[i]);
  }
  return out;
}

Tensor slice(const Tensor& source, size_t first, size_t count) {  // §8.3.5
  Tensor out(static_cast<uint32_t>(count), source.height, source.width);
  std::copy_n(source.channel(first), out.data.size(), out.data.begin());
  return out;
}

// §8.3.6
Tensor depth_to_space(const Tensor& source, uint32_t factor, uint32_t height, uint32_t width) {
  Tensor out(source.channels / (factor * factor), height, width);
  for (size_t c = 0; c < out.channels; ++c) {
    for (size_t y = 0; y < height; ++y) {
      for (size_t x = 0; x < width; ++x) {
        const size_t from = (c * factor + y % factor) * factor + x % factor;
        out.channel(c)[y * width + x] =
            source.channel(from)[(y / factor) * source.width + x / factor];
      }
    }
  }
  return out;
}

class Machine {
 public:
  Machine(const NormativePart& model, const Program& program, uint32_t latent_h, uint32_t latent_w,
          const KernelOptions& options)
      : model_(model),
        program_(program),
        latent_h_(latent_h),
        latent_w_(latent_w),
        options_(options),
        registers_(program.registers) {}

  std::vector<Tensor> run(std::vector<Tensor> inputs) {
    for (size_t i = 0; i < program_.inputs; ++i) {
      registers_[i] = std::move(inputs[i]);
    }
    for (uint32_t i = 0; i < program_.instructions.size(); ++i) {
      const Instruction& step = program_.instructions[i];
      registers_[step.target] = execute(step, i);
      release(step, i);
    }
    std::vector<Tensor> outputs;
    for (const uint16_t output : program_.outputs) {  // copied: two outputs may be one register
      outputs.push_back(registers_[output]);
    }
    return outputs;
  }

 private:
  // The source, moved out when this instruction is its last reader and may work in place.
  Tensor take(uint16_t source, uint32_t index) {
    return program_.shapes[source].last_use == index ? std::move(registers_[source])
                                                     : registers_[source];
  }

  Tensor execute(const Instruction& step, uint32_t index) {
    const Tensor& source = registers_[step.sources[0]];
    switch (step.op) {
      case Op::kConv:
        return convolve(model_.layers[static_cast<size_t>(step.arg0)], source, options_);
      case Op::kLeaky: {
        Tensor out = take(step.sources[0], index);
        apply_leaky(out, step.arg0);
        return out;
      }
      case Op::kAdd:
        return add(source, registers_[step.sources[1]]);
      case Op::kConcat:
        return concat(step);
      case Op::kSlice:
        return slice(source, static_cast<size_t>(step.arg0), static_cast<size_t>(step.arg1));
      case Op::kDepthToSpace:
        return depth_to_space(source, static_cast<uint32_t>(step.arg0), latent_h_, latent_w_);
      case Op::kMax: {
        Tensor out = take(step.sources[0], index);
        apply_max(out, step.arg0);
        return out;
      }
    }
    fail(DLF_INTERNAL, "unknown instruction");
  }

  Tensor concat(const Instruction& step) const {  // §8.3.4
    Tensor out;
    for (const uint16_t source : step.sources) {
      out.channels += registers_[source].channels;
      out.height = registers_[source].height;
      out.width = registers_[source].width;
    }
    out.data.reserve(checked_multiply(out.channels, out.plane(), "concat"));
    for (const uint16_t source : step.sources) {
      const std::vector<int16_t>& data = registers_[source].data;
      out.data.insert(out.data.end(), data.begin(), data.end());
    }
    return out;
  }

  void release(const Instruction& step, uint32_t index) {
    for (const uint16_t source : step.sources) {
      if (program_.shapes[source].last_use == index) {
        registers_[source] = Tensor();
      }
    }
    if (program_.shapes[step.target].last_use == index) {
      registers_[step.target] = Tensor();
    }
  }

  const NormativePart& model_;
  const Program& program_;
  uint32_t latent_h_, latent_w_;
  KernelOptions options_;
  std::vector<Tensor> registers_;
};

}  // namespace

void apply_leaky(Tensor& tensor, int32_t slope) {
  for (int16_t& value : tensor.data) {
    const int32_t scaled = (value * slope + kLeakyRound) >> kLeakyBits;
    value = value >= 0 ? value : static_cast<int16_t>(scaled);
  }
}

void apply_max(Tensor& tensor, int32_t constant) {
  const int16_t floor = static_cast<int16_t>(constant);
  for (int16_t& value : tensor.data) {
    value = std::max(value, floor);
  }
}

std::vector<Tensor> run_program(const NormativePart& model, const Program& program,
                                std::vector<Tensor> inputs, uint32_t latent_h, uint32_t latent_w,
                                const KernelOptions& options) {
  return Machine(model, program, latent_h, latent_w, options).run(std::move(inputs));
}

}  // namespace dlf

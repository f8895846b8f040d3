#include "machine_support.h"

#include <algorithm>

#include "base/constants.h"
#include "machine/pack.h"
#include "test.h"

using dlf::Canvas;
using dlf::ConvLayer;
using dlf::Instruction;
using dlf::Op;
using dlf::Program;
using dlf::RegisterShape;
using dlf::Tensor;

namespace dlf_test {
namespace {

int64_t clamp16(int64_t value) { return std::clamp<int64_t>(value, INT16_MIN, INT16_MAX); }

// floor(value / 2^shift + 1/2), by division.
int64_t round_shift(__int128 value, int shift) {
  const __int128 unit = static_cast<__int128>(1) << shift;
  const __int128 sum = value + unit / 2;
  return static_cast<int64_t>(sum / unit - (sum % unit < 0));
}

int16_t sample_at(const Tensor& tensor, size_t c, int64_t y, int64_t x) {
  return tensor.channel(c)[static_cast<size_t>(y * tensor.width + x)];
}

template <typename Value>
Tensor filled(uint32_t channels, uint32_t height, uint32_t width, const Value& value) {
  Tensor out(channels, height, width);
  size_t at = 0;
  for (uint32_t c = 0; c < channels; ++c) {
    for (uint32_t y = 0; y < height; ++y) {
      for (uint32_t x = 0; x < width; ++x) {
        out.data[at++] = static_cast<int16_t>(value(c, y, x));
      }
    }
  }
  return out;
}

Tensor concatenated(const std::vector<const Tensor*>& sources) {
  Tensor out = *sources[0];
  for (size_t i = 1; i < sources.size(); ++i) {
    out.channels += sources[i]->channels;
    out.data.insert(out.data.end(), sources[i]->data.begin(), sources[i]->data.end());
  }
  return out;
}

Tensor naive_instruction(const std::vector<ConvLayer>& layers, const Instruction& instruction,
                         const RegisterShape& shape, const Canvas& canvas,
                         const std::vector<const Tensor*>& sources) {
  const Tensor& a = *sources[0];
  const int64_t n = instruction.arg0;
  if (instruction.op == Op::kConv) return naive_convolution(layers[static_cast<size_t>(n)], a);
  if (instruction.op == Op::kConcat) return concatenated(sources);
  const auto value = [&](uint32_t c, uint32_t y, uint32_t x) -> int64_t {
    const int64_t f = n;
    switch (instruction.op) {
      case Op::kDepthToSpace:
        return sample_at(a, static_cast<size_t>((c * f + y % f) * f + x % f), y / f, x / f);
      case Op::kSpaceToDepth:
        return sample_at(a, static_cast<size_t>(c / (f * f)),
                         std::min<int64_t>(y * f + c % (f * f) / f, a.height - 1),
                         std::min<int64_t>(x * f + c % f, a.width - 1));
      case Op::kSlice:
        return sample_at(a, c + static_cast<size_t>(n), y, x);
      default:
        break;
    }
    const int64_t first = sample_at(a, c, y, x);
    switch (instruction.op) {
      case Op::kLeaky:
        return first >= 0 ? first : round_shift(first * n, dlf::kLeakyBits);
      case Op::kAdd:
        return clamp16(first + sample_at(*sources[1], c, y, x));
      case Op::kMax:
        return std::max(first, n);
      case Op::kMin:
        return std::min(first, n);
      default:
        return clamp16(round_shift(first * sample_at(*sources[1], c, y, x), instruction.arg0));
    }
  };
  return filled(shape.channels, canvas.rows(shape.cell), canvas.columns(shape.cell), value);
}

}  // namespace

ConvLayer bounded_layer(Random& random, bool depthwise, uint8_t kernel, uint16_t in_channels,
                        uint16_t out_channels, int64_t bound) {
  ConvLayer layer;
  layer.depthwise = depthwise;
  layer.kernel = kernel;
  layer.edge_padding = random.coin();
  layer.in_channels = in_channels;
  layer.out_channels = out_channels;
  const size_t per_output = size_t{kernel} * kernel * (depthwise ? 1 : in_channels);
  const bool scales_down = random.in(0, 3) != 0;
  for (size_t o = 0; o < out_channels; ++o) {
    // As large as the accumulator allows, at most int8.
    const int64_t most = INT32_MAX / std::max<int64_t>(bound, 1) / static_cast<int64_t>(per_output);
    const int64_t range =
        random.coin() ? std::min<int64_t>(127, most - 1) : std::min<int64_t>(5, most - 1);
    int64_t sum = 0;
    for (size_t i = 0; i < per_output; ++i) {
      layer.weights.push_back(static_cast<int8_t>(random.in(-range - 1, range)));
      sum += std::abs(int64_t{layer.weights.back()});
    }
    const int64_t room = INT32_MAX - bound * sum;
    const int64_t bias =
        random.in(0, 3) == 0 ? room : random.in(0, std::min<int64_t>(room, 1 << 20));
    layer.bias.push_back(static_cast<int32_t>(random.coin() ? bias : -bias));
    // Results that fill int16 more often than not.
    int shift = 1;
    while (shift < dlf::kMaxShift && (bound * sum + bias) >> shift > 40000) ++shift;
    if (scales_down) {
      const int64_t multiplier = random.in((int64_t{1} << 29), INT32_MAX);
      layer.shift.push_back(static_cast<uint8_t>(std::min(shift + 30, dlf::kMaxShift)));
      layer.multiplier.push_back(
          static_cast<int32_t>(std::min(multiplier, (int64_t{1} << layer.shift.back()) - 1)));
    } else {
      layer.shift.push_back(static_cast<uint8_t>(random.in(1, dlf::kMaxShift)));
      layer.multiplier.push_back(static_cast<int32_t>(random.in(0, INT32_MAX)));
    }
  }
  if (random.coin()) {
    layer.low = static_cast<int16_t>(random.in(-2048, 0));
    layer.high = static_cast<int16_t>(random.in(layer.low, 2047));
  }
  dlf::pack_layer(layer);
  return layer;
}

Tensor naive_convolution(const ConvLayer& layer, const Tensor& source) {
  const int64_t k = layer.kernel, r = (k - 1) / 2;
  const int64_t height = source.height, width = source.width;
  const size_t inputs = layer.depthwise ? 1 : layer.in_channels;
  const std::vector<int8_t> weights = dlf::weights_of(layer);
  return filled(
      layer.out_channels, source.height, source.width, [&](uint32_t o, uint32_t y, uint32_t x) {
        int64_t sum = layer.bias[o];
        const int8_t* weight = weights.data() + o * inputs * static_cast<size_t>(k * k);
        for (size_t i = 0; i < inputs; ++i) {
          for (int64_t u = y - r; u <= y + r; ++u) {
            for (int64_t v = x - r; v <= x + r; ++v, ++weight) {
              const int64_t uu = std::clamp<int64_t>(u, 0, height - 1);
              const int64_t vv = std::clamp<int64_t>(v, 0, width - 1);
              if ((uu != u || vv != v) && !layer.edge_padding) continue;
              sum += int64_t{*weight} * sample_at(source, layer.depthwise ? o : i, uu, vv);
            }
          }
        }
        CHECK(sum >= -INT32_MAX && sum <= INT32_MAX);
        return std::clamp<int64_t>(
            round_shift(static_cast<__int128>(sum) * layer.multiplier[o], layer.shift[o]),
            layer.low, layer.high);
      });
}

std::vector<Tensor> naive_run(const std::vector<ConvLayer>& layers, const Program& program,
                              const Canvas& canvas, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> registers = inputs;
  registers.resize(program.registers);
  for (const Instruction& instruction : program.instructions) {
    std::vector<const Tensor*> sources;
    for (const uint16_t source : instruction.sources) sources.push_back(&registers[source]);
    registers[instruction.target] =
        naive_instruction(layers, instruction, program.shapes[instruction.target], canvas, sources);
  }
  std::vector<Tensor> outputs;
  for (const uint16_t output : program.outputs) outputs.push_back(registers[output]);
  return outputs;
}

namespace {

// Adds random instructions, keeping the shapes of all registers up to date.
class Writer {
 public:
  Writer(Random& random, uint32_t window) : random_(random), window_(window) {}

  RandomProgram write() {
    const size_t inputs = static_cast<size_t>(random_.in(1, 3));
    for (size_t i = 0; i < inputs; ++i) {
      RegisterShape shape;
      shape.channels = static_cast<uint32_t>(random_.in(1, 9));
      shape.cell = random_cell();
      if (random_.coin()) shape.values = {-2040, 2040};
      out_.contract.inputs.push_back(shape);
    }
    out_.contract.window = window_;
    out_.program.inputs = static_cast<uint8_t>(inputs);
    out_.program.registers = static_cast<uint16_t>(inputs);
    shapes_ = out_.contract.inputs;
    const int64_t count = random_.in(1, 14);
    for (int64_t i = 0; i < count; ++i) add_instruction();
    const int64_t outputs = random_.in(1, 3);
    for (int64_t i = 0; i < outputs; ++i) {
      // Mostly what was written last, so that most of the program matters.
      const int64_t last = out_.program.registers - 1;
      const auto output =
          static_cast<uint16_t>(i == 0 ? last : random_.in(std::max<int64_t>(last - 4, 0), last));
      out_.program.outputs.push_back(output);
      out_.contract.outputs.push_back({shapes_[output].channels, shapes_[output].cell});
    }
    dlf::check_program(out_.layers, out_.contract, out_.program, "random");
    return std::move(out_);
  }

 private:
  uint32_t random_cell() {
    uint32_t cell = 1;
    while (cell < window_ && random_.in(0, 2) != 0) cell *= 2;
    return cell;
  }

  uint16_t any() {
    const int64_t last = out_.program.registers - 1;
    return static_cast<uint16_t>(
        random_.in(random_.coin() ? 0 : std::max<int64_t>(last - 2, 0), last));
  }

  void emit(Op op, std::vector<uint16_t> sources, int32_t arg0 = 0, int32_t arg1 = 0) {
    out_.program.instructions.push_back(
        {op, out_.program.registers++, std::move(sources), arg0, arg1});
    // The checker knows the new register's shape best.
    Program so_far = out_.program;
    so_far.outputs = {static_cast<uint16_t>(so_far.registers - 1)};
    dlf::ProgramContract contract = out_.contract;
    contract.outputs = {{0, cell_after(op, so_far.instructions.back())}};
    dlf::check_program(out_.layers, contract, so_far, "random");
    shapes_ = so_far.shapes;
  }

  uint32_t cell_after(Op op, const Instruction& instruction) const {
    const uint32_t cell = shapes_[instruction.sources[0]].cell;
    const auto factor = static_cast<uint32_t>(instruction.arg0);
    return op == Op::kDepthToSpace ? cell / factor : op == Op::kSpaceToDepth ? cell * factor : cell;
  }

  void convolution(uint16_t source, uint16_t out_channels) {
    const RegisterShape& shape = shapes_[source];
    const bool depthwise = random_.in(0, 4) == 0;
    const auto in_channels = static_cast<uint16_t>(shape.channels);
    const int64_t bound = std::max(-int64_t{shape.values.low}, int64_t{shape.values.high});
    out_.layers.push_back(bounded_layer(random_, depthwise, random_.coin() ? 3 : 1, in_channels,
                                        depthwise ? in_channels : out_channels, bound));
    emit(Op::kConv, {source}, static_cast<int32_t>(out_.layers.size() - 1));
  }

  // Another register like `first`, or `first` itself.
  uint16_t like(uint16_t first) {
    std::vector<uint16_t> found;
    for (uint16_t i = 0; i < out_.program.registers; ++i) {
      if (shapes_[i].cell == shapes_[first].cell && shapes_[i].channels == shapes_[first].channels)
        found.push_back(i);
    }
    return found[static_cast<size_t>(random_.in(0, static_cast<int64_t>(found.size()) - 1))];
  }

  void add_instruction() {
    const uint16_t source = any();
    const RegisterShape shape = shapes_[source];
    switch (random_.in(0, 11)) {
      case 0:
        return emit(Op::kLeaky, {source}, static_cast<int32_t>(random_.in(0, INT16_MAX)));
      case 1:
        return emit(Op::kAdd, {source, like(source)});
      case 2:
        return concat(source);
      case 3: {
        const auto first = static_cast<int32_t>(random_.in(0, shape.channels - 1));
        return emit(Op::kSlice, {source}, first,
                    static_cast<int32_t>(random_.in(1, int64_t{shape.channels} - first)));
      }
      case 4:
        return emit(Op::kMax, {source}, static_cast<int32_t>(random_.in(-300, 300)));
      case 5:
        return emit(Op::kMin, {source}, static_cast<int32_t>(random_.in(-300, 300)));
      case 6:
        return emit(Op::kProduct, {source, like(source)}, static_cast<int32_t>(random_.in(1, 18)));
      case 7:
        return depth_to_space(source);
      case 8: {
        const int32_t factor = random_.coin() ? 2 : 4;
        if (shape.cell * static_cast<uint32_t>(factor) > window_ || shape.channels > 8) return;
        return emit(Op::kSpaceToDepth, {source}, factor);
      }
      default:
        return convolution(source, static_cast<uint16_t>(random_.in(1, 21)));
    }
  }

  void concat(uint16_t source) {
    std::vector<uint16_t> sources = {source};
    const int64_t more = random_.in(0, 2);
    for (int64_t i = 0; i < more; ++i) {
      const uint16_t other = any();
      if (shapes_[other].cell == shapes_[source].cell) sources.push_back(other);
    }
    emit(Op::kConcat, sources);
  }

  void depth_to_space(uint16_t source) {
    const uint32_t factor = random_.in(0, 3) == 0 ? 4 : 2;
    if (shapes_[source].cell < factor) return;
    convolution(source, static_cast<uint16_t>(factor * factor * random_.in(1, 3)));
    const auto last = static_cast<uint16_t>(out_.program.registers - 1);
    if (shapes_[last].channels % (factor * factor) != 0) return;
    emit(Op::kDepthToSpace, {last}, static_cast<int32_t>(factor));
  }

  Random& random_;
  uint32_t window_;
  RandomProgram out_;
  std::vector<RegisterShape> shapes_;
};

}  // namespace

RandomProgram random_program(Random& random, uint32_t window) {
  return Writer(random, window).write();
}

}  // namespace dlf_test

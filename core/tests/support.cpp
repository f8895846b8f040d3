#include "support.h"

#include <algorithm>

#include "base/constants.h"
#include "part_writer.h"

namespace dlf_test {

using dlf::ByteWriter;
using dlf::ConvLayer;
using dlf::FrequencyTable;
using dlf::Instruction;
using dlf::NormativePart;
using dlf::Op;
using dlf::Program;

int16_t Random::sample() {
  switch (in(0, 9)) {
    case 0:
      return INT16_MIN;
    case 1:
      return INT16_MAX;
    case 2:
      return 0;
    default:
      return static_cast<int16_t>(in(-3000, 3000));
  }
}

std::vector<uint8_t> Random::bytes(size_t count) {
  std::vector<uint8_t> out(count);
  for (uint8_t& byte : out) {
    byte = static_cast<uint8_t>(in(0, 255));
  }
  return out;
}

dlf::Tensor Random::tensor(uint32_t channels, uint32_t height, uint32_t width) {
  dlf::Tensor out(channels, height, width);
  for (int16_t& value : out.data) {
    value = sample();
  }
  return out;
}

FrequencyTable random_table(Random& random, uint32_t count, int32_t first) {
  std::vector<uint32_t> frequencies(count, 1);
  uint32_t left = dlf::kFrequencyTotal - count;
  for (uint32_t i = 0; i + 1 < count; ++i) {
    const uint32_t share = static_cast<uint32_t>(random.in(0, left / 2));
    frequencies[i] += share;
    left -= share;
  }
  frequencies[static_cast<size_t>(random.in(0, count - 1))] += left;
  FrequencyTable table;
  table.first = first;
  table.cumulative.push_back(0);
  for (const uint32_t frequency : frequencies) {
    table.cumulative.push_back(table.cumulative.back() + frequency);
  }
  return table;
}

ConvLayer random_layer(Random& random, bool depthwise, uint8_t kernel, uint16_t in_channels,
                       uint16_t out_channels) {
  ConvLayer layer;
  layer.depthwise = depthwise;
  layer.kernel = kernel;
  layer.in_channels = in_channels;
  layer.out_channels = out_channels;
  const size_t per_output = size_t{kernel} * kernel * (depthwise ? 1 : in_channels);
  for (size_t o = 0; o < out_channels; ++o) {
    int64_t sum = 0;
    const int64_t range = random.coin() ? 127 : 9;
    for (size_t i = 0; i < per_output; ++i) {
      const int64_t weight = random.in(-range - 1, range);
      layer.weights.push_back(static_cast<int8_t>(weight));
      sum += weight < 0 ? -weight : weight;
    }
    const int64_t room = INT32_MAX - 32768 * sum;  // §8.4
    const int64_t bias = random.coin() ? room : random.in(0, std::min<int64_t>(room, 1 << 20));
    layer.bias.push_back(static_cast<int32_t>(random.coin() ? bias : -bias));
    layer.multiplier.push_back(static_cast<int32_t>(
        random.coin() ? random.in(0, INT32_MAX) : random.in(INT32_MAX - 3, INT32_MAX)));
    layer.shift.push_back(static_cast<uint8_t>(random.in(1, dlf::kMaxShift)));
  }
  return layer;
}

namespace {

// A layer that keeps values of some hundreds in that range, so that symbols stay lively.
uint16_t add_mild_layer(Random& random, NormativePart& part, bool depthwise, uint8_t kernel,
                        uint16_t in_channels, uint16_t out_channels, int32_t bias) {
  ConvLayer layer = random_layer(random, depthwise, kernel, in_channels, out_channels);
  const int64_t inputs = int64_t{kernel} * kernel * (depthwise ? 1 : in_channels);
  for (size_t o = 0; o < out_channels; ++o) {
    layer.shift[o] = 24;
    layer.multiplier[o] = static_cast<int32_t>((1 << 18) / std::max<int64_t>(inputs / 4, 1));
    layer.bias[o] =
        static_cast<int32_t>((int64_t{bias} << 24) / layer.multiplier[o] + random.in(-2000, 2000));
  }
  part.layers.push_back(layer);
  return static_cast<uint16_t>(part.layers.size() - 1);
}

class Builder {
 public:
  explicit Builder(uint8_t inputs) { program_.inputs = inputs, program_.registers = inputs; }
  uint16_t emit(Op op, std::vector<uint16_t> sources, int32_t arg0 = 0, int32_t arg1 = 0) {
    program_.instructions.push_back({op, program_.registers, std::move(sources), arg0, arg1});
    return program_.registers++;
  }
  Program finish(std::vector<uint16_t> outputs) {
    program_.outputs = std::move(outputs);
    return program_;
  }

 private:
  Program program_;
};

Program init_program(Random& random, NormativePart& part, uint16_t rate_width, bool use_tokens) {
  const uint16_t channels = part.latent_channels, hidden = 6;
  Builder build(use_tokens ? 2 : 1);
  uint16_t features =
      build.emit(Op::kConv, {0}, add_mild_layer(random, part, false, 1, rate_width, hidden, 0));
  if (use_tokens) {
    const int32_t factor = part.window / part.latent_stride;
    const uint16_t stride = static_cast<uint16_t>(part.tokens_per_window * part.levels.size());
    const uint16_t wide = static_cast<uint16_t>(hidden * factor * factor);
    uint16_t tokens =
        build.emit(Op::kConv, {1}, add_mild_layer(random, part, false, 3, stride, wide, 0));
    tokens = build.emit(Op::kLeaky, {tokens}, 3277);
    tokens = build.emit(Op::kDepthToSpace, {tokens}, factor);
    features = build.emit(Op::kAdd, {features, tokens});
  }
  const uint16_t context =
      build.emit(Op::kConv, {features}, add_mild_layer(random, part, false, 3, hidden, hidden, 0));
  const uint16_t both = build.emit(
      Op::kConv, {context},
      add_mild_layer(random, part, false, 1, hidden, static_cast<uint16_t>(2 * channels), 40));
  const uint16_t scale = build.emit(Op::kSlice, {both}, 0, channels);
  const uint16_t mean = build.emit(Op::kSlice, {both}, channels, channels);
  uint16_t step =
      build.emit(Op::kConv, {0}, add_mild_layer(random, part, false, 1, rate_width, channels, 900));
  step = build.emit(Op::kMax, {step}, 512);
  return build.finish({step, scale, mean, context});
}

Program quarter_program(Random& random, NormativePart& part) {
  const uint16_t channels = part.latent_channels, hidden = 6;
  Builder build(2);
  uint16_t joined = build.emit(Op::kConcat, {0, 1});
  const uint16_t width = static_cast<uint16_t>(channels + hidden);
  joined = build.emit(Op::kConv, {joined}, add_mild_layer(random, part, true, 3, width, width, 0));
  joined = build.emit(Op::kLeaky, {joined}, 6554);
  const uint16_t both = build.emit(
      Op::kConv, {joined},
      add_mild_layer(random, part, false, 3, width, static_cast<uint16_t>(2 * channels), 40));
  return build.finish({build.emit(Op::kSlice, {both}, 0, channels),
                       build.emit(Op::kSlice, {both}, channels, channels)});
}

}  // namespace

NormativePart random_part(Random& random, const PartOptions& options) {
  NormativePart part;
  part.format = dlf::kPackageFormatOld;
  part.window = options.window;
  part.tokens_per_window = options.tokens;
  part.levels = options.levels;
  part.token_context = options.context;
  part.banks = options.banks;
  part.latent_align = options.align;
  part.latent_channels = options.channels;
  part.rate_points = 3;
  part.mean_fraction = 4;
  part.step_fraction = 10;
  part.tile_core = 2;
  part.tile_margin = 1;
  part.whole_limit = 6;
  part.analysis_macs = 1000;
  part.synthesis_macs = 2000;
  if (options.banks > 1) {
    part.token_tables.push_back(random_table(random, options.banks, 0));
  }
  for (uint32_t bank_slot = 0; bank_slot < uint32_t{options.banks} * options.tokens; ++bank_slot) {
    for (const uint16_t levels : options.levels) {
      const size_t rows = part.token_tables.size();
      part.token_tables.push_back(random_table(random, levels, 0));
      part.token_tables.push_back(random_table(random, levels, 0));
      const int side = options.context ? levels + 1 : 1;
      for (int i = 0; i < side * side; ++i) {
        part.token_map.push_back(static_cast<uint16_t>(rows + (random.coin() ? 1 : 0)));
      }
    }
  }
  for (int i = 0; i < 5; ++i) {
    part.thresholds.push_back(static_cast<int16_t>(-20 + 25 * i));
    part.scale_tables.push_back(
        random_table(random, static_cast<uint32_t>(2 + 2 * i), -i + static_cast<int>(i == 2)));
  }
  const uint16_t rate_width = 3;
  for (int rate = 0; rate < part.rate_points; ++rate) {
    std::vector<int16_t> vector;
    for (int i = 0; i < rate_width; ++i) {
      vector.push_back(static_cast<int16_t>(random.in(-900, 900)));
    }
    part.rate_vectors.push_back(vector);
  }
  part.programs[0] = init_program(random, part, rate_width, options.use_tokens);
  for (int s = 1; s < 4; ++s) {
    part.programs[s] = quarter_program(random, part);
  }
  return part;
}

std::shared_ptr<const dlf::ModelPackage> random_package(uint64_t seed, const PartOptions& options) {
  Random random(seed);
  return dlf::ModelPackage::from_normative(to_bytes(random_part(random, options)));
}

dlf::Digest digest_of(std::vector<Member> members) {
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.name < b.name; });
  ByteWriter all;
  for (const Member& member : members) {
    all.u32(static_cast<uint32_t>(member.name.size()));
    all.bytes(std::vector<uint8_t>(member.name.begin(), member.name.end()));
    all.u32(static_cast<uint32_t>(member.content.size()));
    all.u32(0);
    all.bytes(member.content);
  }
  return dlf::sha256(all.view());
}

std::vector<uint8_t> make_package(NormativePart part, const std::vector<Member>& more) {
  std::vector<Member> members = {
      {"version", {'3', '\n'}}, {"extra/model.json", {'{', '}'}}, {"code/a.py", {'#'}}};
  members.insert(members.end(), more.begin(), more.end());
  part.network_digest = digest_of(members);
  members.push_back({"extra/normative.bin", to_bytes(part)});
  return make_archive(members);
}

}  // namespace dlf_test

#include "integer_support.h"

#include <algorithm>

#include "base/constants.h"
#include "machine/check.h"
#include "machine/pack.h"
#include "part_writer.h"

using dlf::ConvLayer;
using dlf::EncoderPart;
using dlf::NormativePart;
using dlf::Op;
using dlf::Program;

namespace dlf_test {
namespace {

// Appends layers and instructions; a layer keeps values of some thousands in that range.
class Builder {
 public:
  Builder(Random& random, std::vector<ConvLayer>& layers, uint32_t inputs)
      : random_(random), layers_(layers) {
    program_.inputs = static_cast<uint8_t>(inputs);
    program_.registers = static_cast<uint16_t>(inputs);
  }

  uint16_t emit(Op op, std::vector<uint16_t> sources, int32_t arg0 = 0, int32_t arg1 = 0) {
    program_.instructions.push_back({op, program_.registers, std::move(sources), arg0, arg1});
    return program_.registers++;
  }

  uint16_t conv(uint16_t source, uint16_t in_channels, uint16_t out_channels, uint8_t kernel) {
    ConvLayer layer;
    layer.kernel = kernel;
    layer.edge_padding = random_.coin();
    layer.in_channels = in_channels;
    layer.out_channels = out_channels;
    layer.low = -2048;
    layer.high = 2047;
    const size_t per_output = size_t{kernel} * kernel * in_channels;
    for (size_t i = 0; i < per_output * out_channels; ++i) {
      layer.weights.push_back(static_cast<int8_t>(random_.in(-60, 60)));
    }
    for (uint16_t o = 0; o < out_channels; ++o) {
      layer.bias.push_back(static_cast<int32_t>(random_.in(-3000, 3000)));
      layer.multiplier.push_back(
          static_cast<int32_t>((1 << 24) / (8 * std::max<size_t>(per_output / 4, 1))));
      layer.shift.push_back(24);
    }
    dlf::pack_layer(layer);
    layers_.push_back(layer);
    return emit(Op::kConv, {source}, static_cast<int32_t>(layers_.size() - 1));
  }

  Program finish(std::vector<uint16_t> outputs) {
    program_.outputs = std::move(outputs);
    return program_;
  }

 private:
  Random& random_;
  std::vector<ConvLayer>& layers_;
  Program program_;
};

// Latents, tokens, rates, noise at 4, noise at 2 -> three channels at `cell`, 1 or 2.
Program synthesis_program(Random& random, NormativePart& part, uint32_t cell) {
  const auto channels = part.latent_channels;
  const auto tokens = static_cast<uint16_t>(part.tokens_stride());
  const auto rates = static_cast<uint16_t>(part.synthesis->rate_vectors[0].size());
  Builder build(random, part.layers, 5);
  uint16_t wide = build.conv(1, tokens, 16, 1);
  wide = build.emit(Op::kDepthToSpace, {wide}, 2);
  uint16_t x = build.emit(Op::kConcat, {0, wide, 2});
  x = build.conv(x, static_cast<uint16_t>(channels + 4 + rates), 96, 3);
  x = build.emit(Op::kLeaky, {x}, 4096);
  x = build.emit(Op::kDepthToSpace, {x}, 4);
  const uint16_t before = x;
  x = build.conv(x, 6, 6, 3);
  x = build.emit(Op::kAdd, {x, before});
  x = build.conv(x, 6, 20, 1);
  x = build.emit(Op::kDepthToSpace, {x}, 2);
  x = build.emit(Op::kConcat, {x, 3});
  x = build.conv(x, 6, 16, 3);
  x = build.emit(Op::kDepthToSpace, {x}, 2);
  x = build.emit(Op::kConcat, {x, 4});
  if (cell == 2) return build.finish({build.conv(x, 5, 3, 3)});
  x = build.conv(x, 5, 12, 3);
  return build.finish({build.emit(Op::kDepthToSpace, {x}, 2)});
}

dlf::Synthesis synthesis_at(Random& random, NormativePart& part, uint32_t cell) {
  dlf::Synthesis out;
  out.program = synthesis_program(random, part, cell);
  dlf::ProgramContract contract;
  contract.window = part.window;
  contract.inputs = {{part.latent_channels, part.latent_stride, {-1500, 1500}},
                     part.token_register(),
                     part.rate_register(part.synthesis->rate_vectors),
                     {1, 4, {-510, 510}},
                     {1, 2, {-510, 510}}};
  contract.outputs = {{3, cell}};
  dlf::check_program(part.layers, contract, out.program, "test");
  out.reach = static_cast<uint16_t>(dlf::reach_of(out.program, part.latent_stride));
  return out;
}

dlf::RateVectors vectors_of(Random& random, int rate_points, int width) {
  dlf::RateVectors vectors;
  for (int rate = 0; rate < rate_points; ++rate) {
    std::vector<int16_t> vector;
    for (int i = 0; i < width; ++i) {
      vector.push_back(static_cast<int16_t>(random.in(-900, 900)));
    }
    vectors.push_back(vector);
  }
  return vectors;
}

}  // namespace

NormativePart integer_part(Random& random) {
  NormativePart part = random_part(random);
  part.format = dlf::kPackageFormat;
  part.flags = dlf::kPackageInteger | dlf::kPackageRateMaps;
  part.map_unit = 1;
  dlf::IntegerSynthesis synthesis;
  synthesis.latent_shift = 6;
  synthesis.latent_bound = 1500;
  synthesis.sample_bits = 3;
  synthesis.noise_cells = 4 | 2;
  synthesis.rate_vectors = vectors_of(random, part.rate_points, 2);
  part.synthesis = synthesis;
  part.synthesis->whole = synthesis_at(random, part, 1);
  part.synthesis->reduced[0] = synthesis_at(random, part, 2);
  return part;
}

EncoderPart encoder_part(Random& random, const NormativePart& part) {
  EncoderPart out;
  for (const uint16_t levels : part.levels) {
    std::vector<int16_t> thresholds;
    for (int i = 1; i < levels; ++i) {
      thresholds.push_back(static_cast<int16_t>(-600 + 1200 * i / levels));
    }
    out.thresholds.push_back(thresholds);
  }
  out.y_fraction = 3;
  out.rate_vectors = vectors_of(random, part.rate_points, 2);
  Builder analysis(random, out.layers, 1);
  uint16_t x = analysis.emit(Op::kSpaceToDepth, {0}, 8);
  x = analysis.conv(x, 192, 6, 1);
  x = analysis.conv(x, 6, 6, 3);
  x = analysis.emit(Op::kSpaceToDepth, {x}, 4);
  const uint16_t features = analysis.conv(x, 96, 10, 1);
  x = analysis.emit(Op::kSpaceToDepth, {features}, 2);
  x = analysis.conv(x, 40, static_cast<uint16_t>(part.tokens_stride()), 1);
  out.analysis = analysis.finish({x, features});
  Builder bottleneck(random, out.layers, 2);
  x = bottleneck.emit(Op::kConcat, {0, 1});
  x = bottleneck.conv(x, 12, part.latent_channels, 3);
  out.bottleneck = bottleneck.finish({x});
  return out;
}

std::vector<uint8_t> integer_archive(uint64_t seed) {
  Random random(seed);
  const NormativePart part = integer_part(random);
  return make_package(part, {{"extra/encoder.bin", to_bytes(encoder_part(random, part))}});
}

std::shared_ptr<const dlf::ModelPackage> integer_package(uint64_t seed) {
  return dlf::ModelPackage::from_archive(integer_archive(seed), "random");
}

}  // namespace dlf_test

#include "model/encoder_part.h"

#include <cstring>

#include "base/constants.h"
#include "machine/check.h"
#include "model/normative.h"

namespace dlf {
namespace {

constexpr char kMagic[4] = {'D', 'L', 'F', 'E'};
constexpr uint16_t kEncoderImportance = 1;  // flag

std::vector<std::vector<int16_t>> read_thresholds(PartReader& reader,
                                                  const std::vector<uint16_t>& levels) {
  std::vector<std::vector<int16_t>> all;
  for (const uint16_t count : levels) {
    std::vector<int16_t> thresholds(size_t{count} - 1);
    for (size_t i = 0; i < thresholds.size(); ++i) {
      thresholds[i] = reader.bytes().i16();
      reader.require(i == 0 || thresholds[i] > thresholds[i - 1],
                     "the thresholds of a digit do not ascend");
    }
    all.push_back(std::move(thresholds));
  }
  return all;
}

}  // namespace

EncoderPart parse_encoder(ByteView bytes, const NormativePart& model) {
  PartReader reader(bytes);
  const ByteView magic = reader.bytes().bytes(sizeof kMagic);
  reader.require(std::memcmp(magic.data(), kMagic, sizeof kMagic) == 0, "not an encoder part");
  const uint16_t format = reader.bytes().u16();
  reader.require(format == kPackageFormat, "the encoder's format is not known");
  const uint16_t flags = reader.bytes().u16();
  reader.require((flags & ~kEncoderImportance) == 0, "reserved flags of the encoder are set");

  EncoderPart part;
  part.thresholds = read_thresholds(reader, model.levels);
  part.y_fraction = static_cast<uint8_t>(
      reader.in_range(reader.bytes().u8(), 0, kMaxFractionBits, "fraction bits"));
  part.rate_vectors = reader.rate_vectors(model.rate_points, 0);
  part.layers = reader.layers(format);
  part.analysis = reader.program(format);
  part.bottleneck = reader.program(format);
  if ((flags & kEncoderImportance) != 0) part.importance = reader.program(format);
  reader.end();

  const uint32_t cell = model.latent_stride;
  ProgramContract analysis;
  analysis.window = model.window;
  analysis.inputs = {{kSynthesisChannels, 1, {-kSampleOffset, kSampleOffset}}};
  analysis.outputs = {{model.tokens_stride(), model.window}, {0, cell}};
  if (part.importance) analysis.outputs.push_back({0, cell});
  check_program(part.layers, analysis, part.analysis, "analysis");

  ProgramContract bottleneck;
  bottleneck.window = model.window;
  bottleneck.inputs = {part.analysis.shapes[part.analysis.outputs[1]]};
  if (!part.rate_vectors[0].empty()) {
    bottleneck.inputs.push_back(model.rate_register(part.rate_vectors));
  }
  bottleneck.outputs = {{model.latent_channels, cell}};
  check_program(part.layers, bottleneck, part.bottleneck, "bottleneck");

  if (part.importance) {
    ProgramContract importance;
    importance.window = model.window;
    importance.inputs = {part.analysis.shapes[part.analysis.outputs[2]]};
    importance.outputs = {{1, cell}};
    check_program(part.layers, importance, *part.importance, "importance");
  }
  return part;
}

}  // namespace dlf

#include "part_writer.h"

#include <string>

#include "base/bytes.h"
#include "base/constants.h"
#include "machine/pack.h"

using dlf::ByteWriter;
using dlf::ConvLayer;
using dlf::FrequencyTable;
using dlf::Instruction;
using dlf::NormativePart;
using dlf::Program;

namespace dlf_test {
namespace {

void put_i16(ByteWriter& writer, int16_t value) { writer.u16(static_cast<uint16_t>(value)); }

void put_letters(ByteWriter& writer, const std::string& letters) {
  for (const char letter : letters) writer.u8(static_cast<uint8_t>(letter));
}

void put_table(ByteWriter& writer, const FrequencyTable& table) {
  for (uint32_t i = 0; i < table.count(); ++i) {
    writer.u16(static_cast<uint16_t>(table.frequency(i) - 1));
  }
}

void put_rate_vectors(ByteWriter& writer, const dlf::RateVectors& vectors) {
  writer.u16(static_cast<uint16_t>(vectors.at(0).size()));
  for (const std::vector<int16_t>& vector : vectors) {
    for (const int16_t value : vector) put_i16(writer, value);
  }
}

void put_layers(ByteWriter& writer, const std::vector<ConvLayer>& layers, uint16_t format) {
  writer.u16(static_cast<uint16_t>(layers.size()));
  for (const ConvLayer& layer : layers) {
    writer.u8(static_cast<uint8_t>((layer.depthwise ? dlf::kLayerDepthwise : 0) |
                                   (layer.edge_padding ? dlf::kLayerEdgePadding : 0)));
    writer.u8(layer.kernel);
    writer.u16(layer.in_channels);
    writer.u16(layer.out_channels);
    for (const int8_t weight : dlf::weights_of(layer)) writer.u8(static_cast<uint8_t>(weight));
    for (const int32_t bias : layer.bias) writer.u32(static_cast<uint32_t>(bias));
    for (const int32_t multiplier : layer.multiplier) {
      writer.u32(static_cast<uint32_t>(multiplier));
    }
    writer.bytes(layer.shift);
    if (format == dlf::kPackageFormatOld) continue;
    put_i16(writer, layer.low);
    put_i16(writer, layer.high);
  }
}

void put_program(ByteWriter& writer, const Program& program) {
  writer.u16(program.registers);
  writer.u8(program.inputs);
  writer.u16(static_cast<uint16_t>(program.instructions.size()));
  for (const Instruction& instruction : program.instructions) {
    writer.u8(static_cast<uint8_t>(instruction.op));
    writer.u16(instruction.target);
    writer.u8(static_cast<uint8_t>(instruction.sources.size()));
    for (const uint16_t source : instruction.sources) writer.u16(source);
    writer.u32(static_cast<uint32_t>(instruction.arg0));
    writer.u32(static_cast<uint32_t>(instruction.arg1));
  }
  writer.u8(static_cast<uint8_t>(program.outputs.size()));
  for (const uint16_t output : program.outputs) writer.u16(output);
}

void put_shape(ByteWriter& writer, const NormativePart& part) {
  writer.u16(part.window);
  writer.u16(part.tokens_per_window);
  writer.u8(static_cast<uint8_t>(part.levels.size()));
  for (const uint16_t levels : part.levels) writer.u16(levels);
  writer.u8(part.token_context ? 1 : 0);
  writer.u8(part.banks);
  writer.u16(part.latent_stride);
  writer.u16(part.latent_align);
  writer.u16(part.latent_channels);
  writer.u8(part.rate_points);
  writer.u8(part.mean_fraction);
  writer.u8(part.step_fraction);
}

void put_entropy_model(ByteWriter& writer, const NormativePart& part) {
  writer.u32(static_cast<uint32_t>(part.token_tables.size()));
  for (const FrequencyTable& table : part.token_tables) {
    writer.u16(static_cast<uint16_t>(table.count()));
    put_table(writer, table);
  }
  writer.u32(static_cast<uint32_t>(part.token_map.size()));
  for (const uint16_t row : part.token_map) writer.u16(row);
  writer.u16(static_cast<uint16_t>(part.thresholds.size()));
  for (const int16_t threshold : part.thresholds) put_i16(writer, threshold);
  for (const FrequencyTable& table : part.scale_tables) {
    writer.u16(static_cast<uint16_t>(table.first));
    writer.u16(static_cast<uint16_t>(table.count()));
    put_table(writer, table);
  }
}

void put_synthesis(ByteWriter& writer, const dlf::IntegerSynthesis& synthesis) {  // A.2.11
  writer.u8(synthesis.latent_shift);
  put_i16(writer, synthesis.latent_bound);
  writer.u8(synthesis.sample_bits);
  writer.u8(synthesis.noise_cells);
  put_rate_vectors(writer, synthesis.rate_vectors);
  writer.u16(synthesis.whole.reach);
  put_program(writer, synthesis.whole.program);
  uint8_t mask = 0;
  for (uint32_t i = 0; i < dlf::kMaxReduced; ++i) {
    if (synthesis.reduced[i]) mask = static_cast<uint8_t>(mask | 1 << i);
  }
  writer.u8(mask);
  for (const std::optional<dlf::Synthesis>& each : synthesis.reduced) {
    if (!each) continue;
    writer.u16(each->reach);
    put_program(writer, each->program);
  }
}

}  // namespace

std::vector<uint8_t> to_bytes(const NormativePart& part) {
  ByteWriter writer;
  put_letters(writer, "DLFN");
  writer.u16(part.format);
  writer.u16(part.flags);
  writer.bytes(dlf::ByteView(part.network_digest.data(), part.network_digest.size()));
  put_shape(writer, part);
  if (!part.synthesis) {
    writer.u16(part.tile_core);
    writer.u16(part.tile_margin);
    writer.u32(part.whole_limit);
    writer.u32(part.analysis_macs);
    writer.u32(part.synthesis_macs);
  }
  put_entropy_model(writer, part);
  put_rate_vectors(writer, part.rate_vectors);
  if ((part.flags & dlf::kPackageRateMaps) != 0) writer.u8(part.map_unit);
  put_layers(writer, part.layers, part.format);
  for (const Program& program : part.programs) put_program(writer, program);
  if (part.synthesis) put_synthesis(writer, *part.synthesis);
  return writer.take();
}

std::vector<uint8_t> to_bytes(const dlf::EncoderPart& part) {
  ByteWriter writer;
  put_letters(writer, "DLFE");
  writer.u16(dlf::kPackageFormat);
  writer.u16(part.importance ? 1 : 0);
  for (const std::vector<int16_t>& thresholds : part.thresholds) {
    for (const int16_t threshold : thresholds) put_i16(writer, threshold);
  }
  writer.u8(part.y_fraction);
  put_rate_vectors(writer, part.rate_vectors);
  put_layers(writer, part.layers, dlf::kPackageFormat);
  put_program(writer, part.analysis);
  put_program(writer, part.bottleneck);
  if (part.importance) put_program(writer, *part.importance);
  return writer.take();
}

}  // namespace dlf_test

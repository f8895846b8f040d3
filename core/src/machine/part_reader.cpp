#include "machine/part_reader.h"

#include <cstring>

#include "base/constants.h"

namespace dlf {

void PartReader::require(bool condition, const std::string& what) const {
  if (!condition) fail(DLF_MODEL_ERROR, "model package: " + what, reader_.offset());
}

uint32_t PartReader::in_range(uint32_t value, uint32_t low, uint32_t high, const char* name) const {
  require(value >= low && value <= high, std::string(name) + " is " + std::to_string(value) +
                                             ", allowed are " + std::to_string(low) + " to " +
                                             std::to_string(high));
  return value;
}

RateVectors PartReader::rate_vectors(uint32_t rate_points, uint32_t least) {  // A.2.8
  const uint32_t width = in_range(reader_.u16(), least, kMaxLayerChannels, "rate vector");
  RateVectors vectors;
  for (uint32_t rate = 0; rate < rate_points; ++rate) {
    ByteReader values(reader_.bytes(size_t{width} * 2), DLF_MODEL_ERROR);
    std::vector<int16_t> vector(width);
    for (int16_t& value : vector) {
      value = values.i16();
    }
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

std::vector<int32_t> PartReader::int32_array(uint32_t count) {
  ByteReader values(reader_.bytes(size_t{count} * 4), DLF_MODEL_ERROR);
  std::vector<int32_t> array(count);
  for (int32_t& value : array) {
    value = values.i32();
  }
  return array;
}

ConvLayer PartReader::layer(uint16_t format) {
  ConvLayer layer;
  const uint32_t kinds = kLayerDepthwise | (format == kPackageFormatOld ? 0u : kLayerEdgePadding);
  const uint32_t kind = in_range(reader_.u8(), 0, kinds, "layer kind");
  layer.depthwise = (kind & kLayerDepthwise) != 0;
  layer.edge_padding = (kind & kLayerEdgePadding) != 0;
  layer.kernel = reader_.u8();
  require(layer.kernel == 1 || layer.kernel == 3, "a kernel is not 1 or 3 wide");
  layer.in_channels =
      static_cast<uint16_t>(in_range(reader_.u16(), 1, kMaxLayerChannels, "layer channels"));
  layer.out_channels =
      static_cast<uint16_t>(in_range(reader_.u16(), 1, kMaxLayerChannels, "layer channels"));
  require(!layer.depthwise || layer.in_channels == layer.out_channels,
          "a depthwise layer changes the number of channels");
  const size_t taps = size_t{layer.kernel} * layer.kernel;
  const size_t inputs = layer.depthwise ? 1 : layer.in_channels;
  const ByteView weights = reader_.bytes(layer.out_channels * inputs * taps);
  layer.weights.resize(weights.size());
  std::memcpy(layer.weights.data(), weights.data(), weights.size());
  layer.bias = int32_array(layer.out_channels);
  layer.multiplier = int32_array(layer.out_channels);
  const ByteView shifts = reader_.bytes(layer.out_channels);
  layer.shift.assign(shifts.data(), shifts.data() + shifts.size());
  for (uint32_t c = 0; c < layer.out_channels; ++c) {
    require(layer.multiplier[c] >= 0, "a multiplier is negative");
    in_range(layer.shift[c], 1, kMaxShift, "shift");
  }
  if (format != kPackageFormatOld) {
    layer.low = reader_.i16();
    layer.high = reader_.i16();
    require(layer.low <= layer.high, "a layer's range is empty");
  }
  return layer;
}

std::vector<ConvLayer> PartReader::layers(uint16_t format) {  // A.2.9
  const uint32_t count = in_range(reader_.u16(), 0, kMaxLayers, "layers");
  std::vector<ConvLayer> layers;
  for (uint32_t i = 0; i < count; ++i) {
    layers.push_back(layer(format));
  }
  return layers;
}

Program PartReader::program(uint16_t format) {  // A.2.10
  Program program;
  program.registers = static_cast<uint16_t>(in_range(reader_.u16(), 1, kMaxRegisters, "registers"));
  program.inputs = reader_.u8();
  const uint32_t count = in_range(reader_.u16(), 0, kMaxInstructions, "instructions");
  const uint32_t last = format == kPackageFormatOld ? static_cast<uint32_t>(Op::kMax) : kMaxOp;
  for (uint32_t i = 0; i < count; ++i) {
    Instruction instruction;
    instruction.op = static_cast<Op>(in_range(reader_.u8(), 0, last, "instruction"));
    instruction.target = reader_.u16();
    const uint32_t sources = in_range(reader_.u8(), 1, kMaxSources, "sources");
    for (uint32_t s = 0; s < sources; ++s) {
      instruction.sources.push_back(reader_.u16());
    }
    instruction.arg0 = reader_.i32();
    instruction.arg1 = reader_.i32();
    program.instructions.push_back(std::move(instruction));
  }
  const uint32_t outputs = in_range(reader_.u8(), 1, kMaxSources, "outputs");
  for (uint32_t i = 0; i < outputs; ++i) {
    program.outputs.push_back(reader_.u16());
  }
  return program;
}

}  // namespace dlf

#include "normative.h"

#include <algorithm>
#include <cstring>

#include "constants.h"
#include "kernels.h"

namespace dlf {
namespace {

constexpr char kMagic[4] = {'D', 'L', 'F', 'N'};

class Parser {
 public:
  explicit Parser(ByteView bytes) : reader_(bytes, DLF_MODEL_ERROR, DLF_MODEL_ERROR) {}

  NormativePart parse() {
    preamble();
    shape();
    tiles();
    token_tables();
    token_map();
    scale_tables();
    rate_vectors();
    layers();
    programs();
    require(reader_.remaining() == 0, "bytes behind the last program");
    return std::move(model_);
  }

 private:
  void require(bool condition, const std::string& what) const {
    if (!condition) {
      fail(DLF_MODEL_ERROR, "model package: " + what, reader_.offset());
    }
  }

  uint32_t in_range(uint32_t value, uint32_t low, uint32_t high, const char* name) const {
    require(value >= low && value <= high, std::string(name) + " is " + std::to_string(value) +
                                               ", allowed are " + std::to_string(low) + " to " +
                                               std::to_string(high));
    return value;
  }

  void preamble() {  // A.2.1
    const ByteView magic = reader_.bytes(sizeof(kMagic));
    require(std::memcmp(magic.data(), kMagic, sizeof(kMagic)) == 0, "not a normative part");
    const uint16_t format = reader_.u16();
    require(format == kPackageFormat, "format " + std::to_string(format) + " is not known");
    require(reader_.u16() == 0, "reserved flags are set");
    const ByteView digest = reader_.bytes(model_.network_digest.size());
    std::copy(digest.data(), digest.data() + digest.size(), model_.network_digest.begin());
  }

  void shape() {  // A.2.2
    model_.window = static_cast<uint16_t>(in_range(reader_.u16(), 1, kMaxWindow, "window"));
    model_.tokens_per_window =
        static_cast<uint16_t>(in_range(reader_.u16(), 1, kMaxTokensPerWindow, "tokens per window"));
    const uint32_t digits = in_range(reader_.u8(), 1, kMaxDigits, "digits");
    for (uint32_t d = 0; d < digits; ++d) {
      model_.levels.push_back(
          static_cast<uint16_t>(in_range(reader_.u16(), 2, kMaxLevels, "levels")));
    }
    model_.token_context = in_range(reader_.u8(), 0, 1, "token context") == 1;
    model_.banks = static_cast<uint8_t>(in_range(reader_.u8(), 1, 255, "banks"));
    model_.latent_stride =
        static_cast<uint16_t>(in_range(reader_.u16(), 1, kMaxWindow, "latent stride"));
    model_.latent_align =
        static_cast<uint16_t>(in_range(reader_.u16(), 1, kMaxWindow, "latent align"));
    require(model_.latent_align % model_.latent_stride == 0,
            "latent align is not a multiple of the latent stride");
    require(model_.window % model_.latent_align == 0,
            "the window is not a multiple of the latent align");
    model_.latent_channels =
        static_cast<uint16_t>(in_range(reader_.u16(), kQuarters, kMaxLatentChannels, "channels"));
    require(model_.latent_channels % kQuarters == 0, "channels are not a multiple of 4");
    model_.rate_points = static_cast<uint8_t>(in_range(reader_.u8(), 1, 255, "rate points"));
    model_.latent_fraction =
        static_cast<uint8_t>(in_range(reader_.u8(), 0, kMaxFractionBits, "fraction bits"));
    model_.step_fraction =
        static_cast<uint8_t>(in_range(reader_.u8(), 0, kMaxFractionBits, "fraction bits"));
  }

  void tiles() {  // A.2.3
    model_.tile_core = static_cast<uint16_t>(in_range(reader_.u16(), 1, kMaxTile, "tile core"));
    model_.tile_margin = static_cast<uint16_t>(in_range(reader_.u16(), 0, kMaxTile, "tile margin"));
    model_.whole_limit = in_range(reader_.u32(), 1, kMaxWholeLimit, "whole limit");
    model_.analysis_macs = reader_.u32();
    model_.synthesis_macs = reader_.u32();
  }

  FrequencyTable table(int32_t first, uint32_t count) {  // A.2.4
    FrequencyTable table;
    table.first = first;
    ByteReader frequencies(reader_.bytes(size_t{count} * 2), DLF_MODEL_ERROR, DLF_MODEL_ERROR,
                           reader_.offset());
    table.cumulative.reserve(size_t{count} + 1);
    uint32_t sum = 0;
    table.cumulative.push_back(0);
    for (uint32_t i = 0; i < count; ++i) {
      sum += frequencies.u16() + 1u;
      require(sum <= kFrequencyTotal, "frequencies sum to more than 65536");
      table.cumulative.push_back(sum);
    }
    require(sum == kFrequencyTotal, "frequencies sum to less than 65536");
    return table;
  }

  void token_tables() {  // A.2.5
    const uint32_t count = in_range(reader_.u32(), 1, kMaxTables, "token tables");
    for (uint32_t i = 0; i < count; ++i) {
      model_.token_tables.push_back(table(0, in_range(reader_.u16(), 1, 65535, "table entries")));
    }
    require(model_.banks == 1 || model_.token_tables[0].count() == model_.banks,
            "table 0 does not have one entry per bank");
  }

  void token_map() {  // A.2.6
    for (const uint16_t levels : model_.levels) {
      const size_t side = model_.token_context ? size_t{levels} + 1 : 1;
      model_.map_digit_offset.push_back(model_.map_slot_size);
      model_.map_slot_size += side * side;
    }
    const uint64_t size = uint64_t{model_.banks} * model_.tokens_per_window * model_.map_slot_size;
    require(size <= kMaxTokenMap, "the token map is too large");
    require(reader_.u32() == size, "the token map has the wrong size");
    ByteReader map(reader_.bytes(static_cast<size_t>(size) * 2), DLF_MODEL_ERROR);
    model_.token_map.resize(static_cast<size_t>(size));
    for (size_t i = 0; i < model_.token_map.size(); ++i) {
      const uint16_t row = map.u16();
      require(row < model_.token_tables.size(), "the token map names a table that is not there");
      const size_t within = i % model_.map_slot_size;
      const auto after =
          std::upper_bound(model_.map_digit_offset.begin(), model_.map_digit_offset.end(), within);
      const size_t digit = static_cast<size_t>(after - model_.map_digit_offset.begin()) - 1;
      require(model_.token_tables[row].count() == model_.levels[digit],
              "the token map names a table of another number of levels");
      model_.token_map[i] = row;
    }
  }

  void scale_tables() {  // A.2.7
    const uint32_t count = in_range(reader_.u16(), 0, kMaxScaleTables, "scale tables");
    for (uint32_t i = 0; i < count; ++i) {
      model_.thresholds.push_back(reader_.i16());
      require(i == 0 || model_.thresholds[i] > model_.thresholds[i - 1],
              "the thresholds do not ascend");
    }
    for (uint32_t i = 0; i < count; ++i) {
      const int32_t first = reader_.i16();
      const uint32_t entries = in_range(reader_.u16(), 2, 65535, "table entries");
      require(first + static_cast<int32_t>(entries) - 2 <= INT16_MAX, "table leaves int16");
      model_.scale_tables.push_back(table(first, entries));
    }
  }

  void rate_vectors() {  // A.2.8
    const uint32_t width = in_range(reader_.u16(), 1, kMaxLayerChannels, "rate vector");
    for (uint32_t rate = 0; rate < model_.rate_points; ++rate) {
      ByteReader values(reader_.bytes(size_t{width} * 2), DLF_MODEL_ERROR);
      std::vector<int16_t> vector(width);
      for (int16_t& value : vector) {
        value = values.i16();
      }
      model_.rate_vectors.push_back(std::move(vector));
    }
  }

  std::vector<int32_t> int32_array(uint32_t count) {
    ByteReader values(reader_.bytes(size_t{count} * 4), DLF_MODEL_ERROR);
    std::vector<int32_t> array(count);
    for (int32_t& value : array) {
      value = values.i32();
    }
    return array;
  }

  void layers() {  // A.2.9
    const uint32_t count = in_range(reader_.u16(), 0, kMaxLayers, "layers");
    for (uint32_t i = 0; i < count; ++i) {
      ConvLayer layer;
      layer.depthwise = in_range(reader_.u8(), 0, 1, "layer kind") == 1;
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
      check_accumulators(layer, i);
      pack_layer(layer);
      model_.layers.push_back(std::move(layer));
    }
  }

  Program program() {  // A.2.10
    Program program;
    program.registers =
        static_cast<uint16_t>(in_range(reader_.u16(), 1, kMaxRegisters, "registers"));
    program.inputs = reader_.u8();
    const uint32_t count = in_range(reader_.u16(), 0, kMaxInstructions, "instructions");
    for (uint32_t i = 0; i < count; ++i) {
      Instruction step;
      step.op = static_cast<Op>(in_range(reader_.u8(), 0, kMaxOp, "instruction"));
      step.target = reader_.u16();
      const uint32_t sources = in_range(reader_.u8(), 1, kMaxSources, "sources");
      for (uint32_t s = 0; s < sources; ++s) {
        step.sources.push_back(reader_.u16());
      }
      step.arg0 = reader_.i32();
      step.arg1 = reader_.i32();
      program.instructions.push_back(std::move(step));
    }
    const uint32_t outputs = in_range(reader_.u8(), 1, kMaxSources, "outputs");
    for (uint32_t i = 0; i < outputs; ++i) {
      program.outputs.push_back(reader_.u16());
    }
    return program;
  }

  void programs() {  // A.2.10, §8.2
    for (Program& each : model_.programs) {
      each = program();
    }
    const uint32_t channels = model_.latent_channels;
    ProgramContract init;
    init.input_channels = {static_cast<uint32_t>(model_.rate_vectors[0].size()),
                           model_.tokens_stride()};
    init.window_input = 1;
    require(model_.programs[kProgramInit].inputs >= 1, "program init has no input");
    if (model_.programs[kProgramInit].inputs == 1) {  // the token values are not used
      init.input_channels.pop_back();
    }
    init.output_channels = {channels, channels, channels, 0};
    check_program(model_, init, model_.programs[kProgramInit], "init");

    const Program& first = model_.programs[kProgramInit];
    ProgramContract step;
    step.input_channels = {channels, first.shapes[first.outputs[3]].channels};
    step.output_channels = {channels, channels};
    const char* const names[] = {"step 1", "step 2", "step 3"};
    for (size_t s = 1; s < kQuarters; ++s) {
      check_program(model_, step, model_.programs[s], names[s - 1]);
    }
  }

  ByteReader reader_;
  NormativePart model_;
};

}  // namespace

NormativePart parse_normative(ByteView bytes) { return Parser(bytes).parse(); }

}  // namespace dlf

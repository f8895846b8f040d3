#include "model/normative.h"

#include <algorithm>
#include <cstring>

#include "base/constants.h"
#include "machine/arithmetic.h"
#include "machine/check.h"
#include "machine/pack.h"

namespace dlf {
namespace {

constexpr char kMagic[4] = {'D', 'L', 'F', 'N'};

class Parser {
 public:
  explicit Parser(ByteView bytes) : reader_(bytes), bytes_(reader_.bytes()) {}

  NormativePart parse() {
    preamble();
    shape();
    if (!has(kPackageInteger)) tiles();
    token_tables();
    token_map();
    scale_tables();
    model_.rate_vectors = reader_.rate_vectors(model_.rate_points, 1);  // A.2.8
    if (has(kPackageRateMaps)) {
      model_.map_unit = static_cast<uint8_t>(in_range(bytes_.u8(), 1, 255, "map unit"));
    }
    layers();
    programs();
    if (has(kPackageInteger)) synthesis();
    reader_.end();
    pack_layers(&model_.layers);  // the last: the checks read the weights as they were
    return std::move(model_);
  }

 private:
  void require(bool condition, const std::string& what) const { reader_.require(condition, what); }
  uint32_t in_range(uint32_t value, uint32_t low, uint32_t high, const char* name) const {
    return reader_.in_range(value, low, high, name);
  }
  bool has(uint16_t flag) const { return (model_.flags & flag) != 0; }

  void preamble() {  // A.2.1
    require(is_normative(bytes_.bytes(sizeof(kMagic))), "not a normative part");
    model_.format = bytes_.u16();
    require(model_.format == kPackageFormat || model_.format == kPackageFormatOld,
            "format " + std::to_string(model_.format) + " is not known");
    model_.flags = bytes_.u16();
    const uint16_t known = is_old() ? 0 : kPackageInteger | kPackageRateMaps;
    require((model_.flags & ~known) == 0, "reserved flags are set");
    require(!has(kPackageRateMaps) || has(kPackageInteger),
            "rate maps without an integer synthesis");
    const ByteView digest = bytes_.bytes(model_.network_digest.size());
    std::copy(digest.data(), digest.data() + digest.size(), model_.network_digest.begin());
  }

  void shape() {  // A.2.2
    model_.window = static_cast<uint16_t>(in_range(bytes_.u16(), 1, kMaxWindow, "window"));
    model_.tokens_per_window =
        static_cast<uint16_t>(in_range(bytes_.u16(), 1, kMaxTokensPerWindow, "tokens per window"));
    const uint32_t digits = in_range(bytes_.u8(), 1, kMaxDigits, "digits");
    for (uint32_t d = 0; d < digits; ++d) {
      model_.levels.push_back(
          static_cast<uint16_t>(in_range(bytes_.u16(), 2, kMaxLevels, "levels")));
    }
    model_.token_context = in_range(bytes_.u8(), 0, 1, "token context") == 1;
    model_.banks = static_cast<uint8_t>(in_range(bytes_.u8(), 1, 255, "banks"));
    model_.latent_stride =
        static_cast<uint16_t>(in_range(bytes_.u16(), 1, kMaxWindow, "latent stride"));
    model_.latent_align =
        static_cast<uint16_t>(in_range(bytes_.u16(), 1, kMaxWindow, "latent align"));
    require(is_old() || (is_power_of_two(model_.window) && is_power_of_two(model_.latent_stride) &&
                         is_power_of_two(model_.latent_align)),
            "window, latent stride and latent align are not powers of two");
    require(model_.latent_align % model_.latent_stride == 0,
            "latent align is not a multiple of the latent stride");
    require(model_.window % model_.latent_align == 0,
            "the window is not a multiple of the latent align");
    model_.latent_channels =
        static_cast<uint16_t>(in_range(bytes_.u16(), kQuarters, kMaxLatentChannels, "channels"));
    require(model_.latent_channels % kQuarters == 0, "channels are not a multiple of 4");
    model_.rate_points = static_cast<uint8_t>(in_range(bytes_.u8(), 1, 255, "rate points"));
    model_.mean_fraction =
        static_cast<uint8_t>(in_range(bytes_.u8(), 0, kMaxFractionBits, "fraction bits"));
    model_.step_fraction =
        static_cast<uint8_t>(in_range(bytes_.u8(), 0, kMaxFractionBits, "fraction bits"));
  }

  void tiles() {  // A.2.3
    model_.tile_core = static_cast<uint16_t>(in_range(bytes_.u16(), 1, kMaxTile, "tile core"));
    model_.tile_margin = static_cast<uint16_t>(in_range(bytes_.u16(), 0, kMaxTile, "tile margin"));
    model_.whole_limit = in_range(bytes_.u32(), 1, kMaxWholeLimit, "whole limit");
    model_.analysis_macs = bytes_.u32();
    model_.synthesis_macs = bytes_.u32();
  }

  FrequencyTable table(int32_t first, uint32_t count) {  // A.2.4
    FrequencyTable table;
    table.first = first;
    ByteReader frequencies(bytes_.bytes(size_t{count} * 2), DLF_MODEL_ERROR, DLF_MODEL_ERROR,
                           bytes_.offset());
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
    const uint32_t count = in_range(bytes_.u32(), 1, kMaxTables, "token tables");
    for (uint32_t i = 0; i < count; ++i) {
      model_.token_tables.push_back(table(0, in_range(bytes_.u16(), 1, 65535, "table entries")));
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
    require(bytes_.u32() == size, "the token map has the wrong size");
    ByteReader map(bytes_.bytes(static_cast<size_t>(size) * 2), DLF_MODEL_ERROR);
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
    const uint32_t count = in_range(bytes_.u16(), 0, kMaxScaleTables, "scale tables");
    for (uint32_t i = 0; i < count; ++i) {
      model_.thresholds.push_back(bytes_.i16());
      require(i == 0 || model_.thresholds[i] > model_.thresholds[i - 1],
              "the thresholds do not ascend");
    }
    for (uint32_t i = 0; i < count; ++i) {
      const int32_t first = bytes_.i16();
      const uint32_t entries = in_range(bytes_.u16(), 2, 65535, "table entries");
      require(first + static_cast<int32_t>(entries) - 2 <= INT16_MAX, "table leaves int16");
      model_.scale_tables.push_back(table(first, entries));
    }
  }

  void layers() {  // A.2.9
    model_.layers = reader_.layers(model_.format);
    if (!is_old()) return;  // proved where a program uses the layer
    for (size_t i = 0; i < model_.layers.size(); ++i) {
      check_accumulators(model_.layers[i], -int64_t{INT16_MIN},
                         "model package: layer " + std::to_string(i) + ", ");
    }
  }

  void programs() {  // A.2.10, §8.2
    for (Program& each : model_.programs) {
      each = reader_.program(model_.format);
    }
    const uint32_t channels = model_.latent_channels, cell = model_.latent_stride;
    ProgramContract init = contract();
    init.inputs = {model_.rate_register(model_.rate_vectors), model_.token_register()};
    require(model_.programs[kProgramInit].inputs >= 1, "program init has no input");
    if (model_.programs[kProgramInit].inputs == 1) {  // the token values are not used
      init.inputs.pop_back();
    }
    init.outputs = {{channels, cell}, {channels, cell}, {channels, cell}, {0, cell}};
    check_program(model_.layers, init, model_.programs[kProgramInit], "init");

    const Program& first = model_.programs[kProgramInit];
    ProgramContract quarter = contract();
    quarter.inputs = {{channels, cell, {}}, first.shapes[first.outputs[3]]};
    quarter.outputs = {{channels, cell}, {channels, cell}};
    const char* const names[] = {"quarter 1", "quarter 2", "quarter 3"};
    for (size_t s = 1; s < kQuarters; ++s) {
      check_program(model_.layers, quarter, model_.programs[s], names[s - 1]);
    }
  }

  ProgramContract contract() const {
    ProgramContract contract;
    contract.window = model_.window;
    if (is_old()) contract.only_factor = uint32_t{model_.window} / model_.latent_stride;
    return contract;
  }

  void synthesis() {  // A.2.11
    IntegerSynthesis part;
    part.latent_shift =
        static_cast<uint8_t>(in_range(bytes_.u8(), 0, kMaxLatentShift, "latent shift"));
    part.latent_bound = static_cast<int16_t>(in_range(bytes_.u16(), 1, INT16_MAX, "latent bound"));
    part.sample_bits =
        static_cast<uint8_t>(in_range(bytes_.u8(), 0, kMaxSampleBits, "sample bits"));
    part.noise_cells =
        static_cast<uint8_t>(in_range(bytes_.u8(), 0, (1u << kMaxNoiseCells) - 1, "noise cells"));
    part.rate_vectors = reader_.rate_vectors(model_.rate_points, 0);

    ProgramContract whole = contract();
    whole.inputs = {{model_.latent_channels,
                     model_.latent_stride,
                     {-int32_t{part.latent_bound}, part.latent_bound}},
                    model_.token_register()};
    if (!part.rate_vectors[0].empty()) {
      whole.inputs.push_back(model_.rate_register(part.rate_vectors));
    }
    for (const uint32_t cell : part.noise()) {
      require(cell <= model_.window, "a cell of noise is larger than a window");
      whole.inputs.push_back({1, cell, {-kNoiseBytesMean, kNoiseBytesMean}});
    }
    part.whole = synthesis_at(whole, 1, "synthesis");
    const uint32_t mask = in_range(bytes_.u8(), 0, (1u << kMaxReduced) - 1, "reduced sizes");
    for (uint32_t i = 0; i < kMaxReduced; ++i) {
      const uint32_t divisor = 2u << i;
      if ((mask >> i & 1) == 0) continue;
      require(divisor <= model_.latent_align, "a reduced size is too small");
      part.reduced[i] = synthesis_at(whole, divisor, "synthesis at 1/" + std::to_string(divisor));
    }
    model_.synthesis = std::move(part);
  }

  Synthesis synthesis_at(ProgramContract contract, uint32_t cell, const std::string& name) {
    Synthesis synthesis;
    synthesis.reach = bytes_.u16();
    synthesis.program = reader_.program(model_.format);
    contract.outputs = {{kSynthesisChannels, cell}};
    check_program(model_.layers, contract, synthesis.program, name);
    const uint32_t reach = reach_of(synthesis.program, model_.latent_stride);
    require(synthesis.reach == reach, "program " + name + " reaches " + std::to_string(reach) +
                                          " cells, not " + std::to_string(synthesis.reach));
    return synthesis;
  }

  bool is_old() const { return model_.format == kPackageFormatOld; }

  PartReader reader_;
  ByteReader& bytes_;
  NormativePart model_;
};

}  // namespace

std::vector<uint32_t> IntegerSynthesis::noise() const {
  std::vector<uint32_t> cells;
  for (uint32_t i = kMaxNoiseCells; i-- > 0;) {
    if ((noise_cells >> i & 1) != 0) cells.push_back(1u << i);
  }
  return cells;
}

const Program* IntegerSynthesis::at(int downscale) const {
  if (downscale == 1) return &whole.program;
  const std::optional<Synthesis>& part = reduced[downscale == 2 ? 0 : downscale == 4 ? 1 : 2];
  return part ? &part->program : nullptr;
}

RegisterShape NormativePart::token_register() const {
  const int32_t span = *std::max_element(levels.begin(), levels.end()) - 1;
  return {
      tokens_stride(), window, {sat16(-span * kTokenInputScale), sat16(span * kTokenInputScale)}};
}

RegisterShape NormativePart::rate_register(const RateVectors& vectors) const {
  Interval values{INT16_MAX, INT16_MIN};
  for (const std::vector<int16_t>& vector : vectors) {
    for (const int32_t value : vector) {
      values = {std::min(values.low, value), std::max(values.high, value)};
    }
  }
  return {static_cast<uint32_t>(vectors[0].size()), latent_stride, values};
}

bool is_normative(ByteView bytes) {
  return bytes.size() >= sizeof(kMagic) && std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) == 0;
}

NormativePart parse_normative(ByteView bytes) { return Parser(bytes).parse(); }

}  // namespace dlf

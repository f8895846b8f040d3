// The normative part of a model package as plain structs (Annex A), parsed and fully validated.
//
// Thread safety: after parse_normative returns, everything here is only read.
#ifndef DLF_SRC_MODEL_NORMATIVE_H_
#define DLF_SRC_MODEL_NORMATIVE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/constants.h"
#include "container/sha256.h"
#include "machine/part_reader.h"
#include "machine/program.h"

namespace dlf {

// Frequencies of `count` consecutive symbols, summing to 2^16 (§5.2).
struct FrequencyTable {
  int32_t first = 0;                 // value of entry 0
  std::vector<uint32_t> cumulative;  // count + 1 entries, 0 .. 65536

  uint32_t count() const { return static_cast<uint32_t>(cumulative.size()) - 1; }
  uint32_t frequency(uint32_t entry) const { return cumulative[entry + 1] - cumulative[entry]; }
};

constexpr int kProgramInit = 0;  // programs[kProgramInit + s] is quarter s

// A program of A.2.11 and how far it reads around a place, in cells of the latent grid (§8.5).
struct Synthesis {
  uint16_t reach = 0;
  Program program;
};

// From latents to samples (A.2.11, §9).
struct IntegerSynthesis {
  uint8_t latent_shift = 0;
  int16_t latent_bound = INT16_MAX;
  uint8_t sample_bits = 0;   // fraction bits of the output
  uint8_t noise_cells = 0;   // bit i: a plane of noise on the grid of cell 2^i
  RateVectors rate_vectors;  // [R][P'], P' may be 0
  Synthesis whole;
  std::optional<Synthesis> reduced[kMaxReduced];  // at 1/2, 1/4, 1/8

  // The cells of the noise planes in the order of their registers.
  std::vector<uint32_t> noise() const;
  // The program that gives the picture at 1/downscale; null when the package has none.
  const Program* at(int downscale) const;
};

struct NormativePart {
  uint16_t format = kPackageFormat;
  uint16_t flags = 0;
  Digest network_digest{};

  uint16_t window = 0;             // px, multiple of latent_stride
  uint16_t tokens_per_window = 0;  // T
  std::vector<uint16_t> levels;    // per digit, D entries
  bool token_context = false;
  uint8_t banks = 1;  // K
  uint16_t latent_stride = 32;
  uint16_t latent_align = 32;
  uint16_t latent_channels = 0;  // C, multiple of 4
  uint8_t rate_points = 1;       // R
  uint8_t mean_fraction = 0;     // Fy
  uint8_t step_fraction = 0;     // Fq

  uint16_t tile_core = 0;
  uint16_t tile_margin = 0;
  uint32_t whole_limit = 0;
  uint32_t analysis_macs = 0;   // per pixel
  uint32_t synthesis_macs = 0;  // per pixel

  std::vector<FrequencyTable> token_tables;
  std::vector<uint16_t> token_map;
  std::vector<int16_t> thresholds;
  std::vector<FrequencyTable> scale_tables;  // last entry of each is the escape
  RateVectors rate_vectors;                  // [R][P]
  uint8_t map_unit = 0;  // what an offset of an importance map stands for; 0: no such maps
  std::vector<ConvLayer> layers;
  Program programs[4];
  std::optional<IntegerSynthesis> synthesis;  // none: the networks are TorchScript

  // The tokens as inputs of programs (§7.2.2), and the latent grid's own rate vectors.
  RegisterShape token_register() const;
  RegisterShape rate_register(const RateVectors& vectors) const;

  // Packages whose networks are TorchScript state tiles (A.2.3); exact pixels need none.
  bool has_tiles() const { return tile_core > 0; }
  uint32_t digits() const { return static_cast<uint32_t>(levels.size()); }
  // Number of int16 values per window: T * D.
  uint32_t tokens_stride() const { return uint32_t{tokens_per_window} * digits(); }
  // The table that codes a digit; left/above are neighbour digit + 1, or 0 for none (§6.3).
  uint16_t token_table(uint32_t bank, uint32_t slot, uint32_t digit, uint32_t left,
                       uint32_t above) const {
    const size_t side = token_context ? size_t{levels[digit]} + 1 : 1;
    const size_t row = size_t{bank} * tokens_per_window + slot;
    return token_map[row * map_slot_size + map_digit_offset[digit] +
                     (token_context ? left * side + above : 0)];
  }

  // Derived: entries of the map per slot, and where each digit starts within a slot.
  size_t map_slot_size = 0;
  std::vector<size_t> map_digit_offset;
};

// Whether these bytes begin as a normative part does.
bool is_normative(ByteView bytes);

// Parses and validates everything (Annex A.2): ranges, table sums, shapes and order of every
// program, and that no accumulator can overflow. Throws DLF_MODEL_ERROR naming the byte offset.
NormativePart parse_normative(ByteView bytes);

}  // namespace dlf

#endif  // DLF_SRC_MODEL_NORMATIVE_H_

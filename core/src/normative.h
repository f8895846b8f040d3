// The normative part of a model package as plain structs (Annex A), parsed and fully validated.
//
// Thread safety: after parse_normative returns, everything here is only read.
#ifndef DLF_SRC_NORMATIVE_H_
#define DLF_SRC_NORMATIVE_H_

#include <cstdint>
#include <vector>

#include "bytes.h"
#include "checksums.h"

namespace dlf {

// Frequencies of `count` consecutive symbols, summing to 2^16 (§5.2).
struct FrequencyTable {
  int32_t first = 0;                 // value of entry 0
  std::vector<uint32_t> cumulative;  // count + 1 entries, 0 .. 65536

  uint32_t count() const { return static_cast<uint32_t>(cumulative.size()) - 1; }
  uint32_t frequency(uint32_t entry) const { return cumulative[entry + 1] - cumulative[entry]; }
};

struct ConvLayer {
  bool depthwise = false;
  uint8_t kernel = 1;  // 1 or 3
  uint16_t in_channels = 0;
  uint16_t out_channels = 0;
  std::vector<int8_t> weights;      // dense [out][in][k][k], depthwise [c][k][k]
  std::vector<int32_t> bias;        // [out]
  std::vector<int32_t> multiplier;  // [out], >= 0
  std::vector<uint8_t> shift;       // [out], 1..46

  // Derived by pack_layer: the weights in the order that the SIMD kernels read (kernels.h).
  std::vector<int16_t> packed;
};

enum class Op : uint8_t {
  kConv = 0,
  kLeaky = 1,
  kAdd = 2,
  kConcat = 3,
  kSlice = 4,
  kDepthToSpace = 5,
  kMax = 6,
};

struct Instruction {
  Op op = Op::kConv;
  uint16_t target = 0;
  std::vector<uint16_t> sources;
  int32_t arg0 = 0;
  int32_t arg1 = 0;
};

// What a register holds: feature maps on the latent grid or on the (coarser) window grid.
struct RegisterShape {
  uint32_t channels = 0;  // 0: never written
  bool on_windows = false;
  // Index of the last instruction that reads it; the instruction count for an output.
  uint32_t last_use = 0;
};

struct Program {
  uint16_t registers = 0;
  uint8_t inputs = 0;  // registers 0 .. inputs-1 are given
  std::vector<Instruction> instructions;
  std::vector<uint16_t> outputs;

  // Derived by check_program.
  std::vector<RegisterShape> shapes;  // per register
  uint32_t peak_latent_channels = 0;  // most channels alive at once, per grid
  uint32_t peak_window_channels = 0;
  uint64_t latent_macs = 0;  // multiply-accumulates per position, per grid
  uint64_t window_macs = 0;
};

constexpr int kProgramInit = 0;  // programs[kProgramInit + s] is step s

struct NormativePart {
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
  uint8_t latent_fraction = 0;   // Fy
  uint8_t step_fraction = 0;     // Fq

  uint16_t tile_core = 0;
  uint16_t tile_margin = 0;
  uint32_t whole_limit = 0;
  uint32_t analysis_macs = 0;   // per pixel
  uint32_t synthesis_macs = 0;  // per pixel

  std::vector<FrequencyTable> token_tables;
  std::vector<uint16_t> token_map;
  std::vector<int16_t> thresholds;
  std::vector<FrequencyTable> scale_tables;        // last entry of each is the escape
  std::vector<std::vector<int16_t>> rate_vectors;  // [R][P]
  std::vector<ConvLayer> layers;
  Program programs[4];

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

// Parses and validates everything (Annex A.2): ranges, table sums, shapes and order of every
// program, and that no accumulator can overflow. Throws DLF_MODEL_ERROR naming the byte offset.
NormativePart parse_normative(ByteView bytes);

// The part of that which concerns programs (§8.2): order, shapes, argument ranges.
// `expected_inputs` are the channels of the given registers, `window_input` the index of the one on
// the window grid or -1; `expected_outputs` the channels of the outputs, 0 meaning any. Fills the
// derived fields.
struct ProgramContract {
  std::vector<uint32_t> input_channels;
  int window_input = -1;
  std::vector<uint32_t> output_channels;
};
void check_program(const NormativePart& model, const ProgramContract& contract, Program& program,
                   const char* name);

// Proves that no accumulator of the layer can leave int32 for any int16 input (§8.4).
void check_accumulators(const ConvLayer& layer, size_t index);

}  // namespace dlf

#endif  // DLF_SRC_NORMATIVE_H_

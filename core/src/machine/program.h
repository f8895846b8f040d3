// What the integer machine runs (§8): layers, instructions and programs as plain structs.
//
// Thread safety: plain values; after they are checked they are only read.
#ifndef DLF_SRC_MACHINE_PROGRAM_H_
#define DLF_SRC_MACHINE_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dlf {

// How one output channel begins and ends.
struct ChannelScale {
  int32_t bias = 0;
  int32_t multiplier = 0;
  int32_t shift = 1;
};

// A convolution (A.2.9).
struct ConvLayer {
  bool depthwise = false;
  bool edge_padding = false;  // beyond its grid the source is its nearest sample, not 0
  uint8_t kernel = 1;         // 1 or 3
  uint16_t in_channels = 0;
  uint16_t out_channels = 0;
  std::vector<int8_t> weights;      // dense [out][in][k][k], depthwise [c][k][k]; or only packed
  std::vector<int32_t> bias;        // [out]
  std::vector<int32_t> multiplier;  // [out], >= 0
  std::vector<uint8_t> shift;       // [out], 1..46
  int16_t low = INT16_MIN;          // results are clamped to [low, high]
  int16_t high = INT16_MAX;

  // Derived by pack_layer (machine/pack.h): what the kernels read.
  std::vector<int16_t> packed;       // the weights
  std::vector<ChannelScale> scales;  // of all outputs, then zeros up to whole blocks
  bool scales_down = false;          // multiplier < 2^shift everywhere: no result leaves int32

  size_t taps() const { return size_t{kernel} * kernel; }
  size_t weight_count() const {
    return taps() * out_channels * (depthwise ? size_t{1} : in_channels);
  }
};

enum class Op : uint8_t {  // §8.3
  kConv = 0,
  kLeaky = 1,
  kAdd = 2,
  kConcat = 3,
  kSlice = 4,
  kDepthToSpace = 5,
  kMax = 6,
  kMin = 7,
  kSpaceToDepth = 8,
  kProduct = 9,
};

struct Instruction {
  Op op = Op::kConv;
  uint16_t target = 0;
  std::vector<uint16_t> sources;
  int32_t arg0 = 0;
  int32_t arg1 = 0;
};

// The values that a register can hold, over all its channels (§8.4).
struct Interval {
  int32_t low = INT16_MIN;
  int32_t high = INT16_MAX;
};

// What a register holds: a tensor on the grid of one cell (§8.1).
struct RegisterShape {
  uint32_t channels = 0;  // 0: never written
  uint32_t cell = 0;      // side of a cell in pixels
  Interval values;
};

struct Program {
  uint16_t registers = 0;
  uint8_t inputs = 0;  // registers 0 .. inputs-1 are given
  std::vector<Instruction> instructions;
  std::vector<uint16_t> outputs;

  // Derived by check_program.
  std::vector<RegisterShape> shapes;  // per register
  std::vector<uint32_t> distance;     // per register, in pixels: how far beyond an output's place
                                      // its values are needed (§8.5)
  std::vector<bool> leads_to_output;  // per register
};

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_PROGRAM_H_

// The arithmetic of the machine on one row of a register: plain code that reads like §8.3, and the
// same for the instruction sets of CPUs. All give the same numbers: sums of integers do not
// depend on their order once no partial sum can overflow (§8.4).
//
// Registers lie in memory as pairs of channels, interleaved: [pair][column][2].
//
// Thread safety: functions without state.
#ifndef DLF_SRC_MACHINE_KERNELS_H_
#define DLF_SRC_MACHINE_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "machine/program.h"

namespace dlf {

// An element-wise instruction on values that a kernel has just made.
struct Post {
  Op op = Op::kLeaky;  // kLeaky, kAdd, kMax, kMin, kProduct
  int32_t argument = 0;
  const int16_t* operand = nullptr;  // the second source of ADD and PRODUCT: pair 0, first column
  ptrdiff_t operand_stride = 0;      // int16 from pair to pair
};

constexpr size_t kMaxPosts = 4;

// Some pairs of channels of one row. Strides count int16 from pair to pair.
struct RowJob {
  const ConvLayer* layer = nullptr;  // not for pointwise
  // One row for each row of taps, at pair 0 and the column above the first result; dense and
  // depthwise kernels of 3 read one column more on both sides. All read up to kReadAhead columns
  // after the last.
  const int16_t* source[3] = {};
  ptrdiff_t source_stride[3] = {};
  int16_t* target = nullptr;
  ptrdiff_t target_stride = 0;
  size_t columns = 0;
  size_t first_pair = 0, last_pair = 0;  // of the result
  Post posts[kMaxPosts];
  size_t post_count = 0;
};

constexpr size_t kReadAhead = 16;

struct Kernels {
  const char* name;
  void (*dense)(const RowJob&);
  void (*depthwise)(const RowJob&);
  void (*pointwise)(const RowJob&);  // the posts alone
};

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_KERNELS_H_

// What a plan is made of (plan.h): values, the stores where they lie, and nodes.
//
// Thread safety: plain values.
#ifndef DLF_SRC_MACHINE_PLAN_PARTS_H_
#define DLF_SRC_MACHINE_PLAN_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "machine/canvas.h"
#include "machine/program.h"

namespace dlf {

// A register that has a place in memory.
struct PlanValue {
  uint32_t channels = 0, cell = 0;
  uint32_t grid_rows = 0, grid_columns = 0;
  Span rows, columns;     // what is computed
  int64_t distance = 0;   // pixels that it is ahead of the outputs
  size_t store = 0;       // where it lies
  size_t first_pair = 0;  // within the store

  size_t pairs() const { return (size_t{channels} + 1) / 2; }
};

// What a row has beside its first and last column, at the edges of the grid.
enum class Frame : uint8_t { kNone, kZero, kEdge };

struct PlanStore {
  size_t pairs = 0;
  Span columns;
  uint32_t capacity = 0;  // rows
  Frame frame = Frame::kNone;
  size_t pitch = 0;   // int16 from pair to pair
  size_t offset = 0;  // int16 from the start of the memory to the first column of the first row

  size_t row_size() const { return pairs * pitch; }
};

struct PlanPost {
  Op op = Op::kLeaky;
  int32_t argument = 0;
  size_t operand = 0;  // a value, for ADD and PRODUCT

  bool has_operand() const { return op == Op::kAdd || op == Op::kProduct; }
};

enum class NodeKind : uint8_t {
  kInput,      // rows come from the caller
  kConv,       // and posts
  kPointwise,  // posts alone
  kDepthToSpace,
  kSpaceToDepth,
  kCopy,    // channels from `source_channel` of the source to `target_channel` of the target
  kAlias,   // the target contains the source, or is contained in it; nothing to do
  kOutput,  // rows go to the caller
};

struct PlanNode {
  NodeKind kind = NodeKind::kPointwise;
  size_t source = 0, target = 0;  // values; an output has only a source, an input only a target
  const ConvLayer* layer = nullptr;
  std::vector<PlanPost> posts;
  uint32_t factor = 1;
  uint32_t source_channel = 0, target_channel = 0, channels = 0;
  size_t index = 0;  // of the input or output

  // The value whose rows count what is done.
  size_t paced_by() const { return kind == NodeKind::kOutput ? source : target; }
  // Whether a result needs the samples around its place.
  bool reads_around() const { return kind == NodeKind::kConv && layer->kernel == 3; }
  // The rows or columns of the source (or of an operand) that those of the target need, on a grid
  // of `count`.
  Span needed(Span target, uint32_t count) const;
};

struct PlanParts {
  std::vector<PlanValue> values;
  std::vector<PlanStore> stores;
  std::vector<PlanNode> nodes;
};

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_PLAN_PARTS_H_

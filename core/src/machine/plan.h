// How a program is run over one picture, or a part of it, in blocks of rows.
//
// Every register keeps only the rows that later steps still read: a ring. A block moves all
// registers forward together; how far each is ahead of the outputs follows from the receptive
// fields, so that nothing is computed twice. Registers that are parts of others (CONCAT, SLICE) lie
// in one store; element-wise instructions are done by the step that makes their source.
//
// Thread safety: a plan never changes after it is made.
#ifndef DLF_SRC_MACHINE_PLAN_H_
#define DLF_SRC_MACHINE_PLAN_H_

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
  size_t offset = 0;  // int16 from the start of the memory to the first column of slot 0

  size_t row_size() const { return pairs * pitch; }
};

struct PlanPost {
  Op op = Op::kLeaky;
  int32_t argument = 0;
  size_t operand = 0;  // a value, for ADD and PRODUCT

  bool has_operand() const { return op == Op::kAdd || op == Op::kProduct; }
};

enum class StepKind : uint8_t {
  kInput,      // rows come from the caller
  kConv,       // and posts
  kPointwise,  // posts alone
  kDepthToSpace,
  kSpaceToDepth,
  kCopy,    // channels from `source_channel` of the source to `target_channel` of the target
  kAlias,   // the target contains the source, or is contained in it; nothing to do
  kOutput,  // rows go to the caller
};

struct PlanStep {
  StepKind kind = StepKind::kPointwise;
  size_t source = 0, target = 0;  // values; an output has only a source, an input only a target
  const ConvLayer* layer = nullptr;
  std::vector<PlanPost> posts;
  uint32_t factor = 1;
  uint32_t source_channel = 0, target_channel = 0, channels = 0;
  size_t index = 0;  // of the input or output

  // The value whose rows count what is done.
  size_t paced_by() const { return kind == StepKind::kOutput ? source : target; }
  // Whether a result needs the samples around its place.
  bool reads_around() const { return kind == StepKind::kConv && layer->kernel == 3; }
  // The rows or columns of the source (or of an operand) that those of the target need, on a grid
  // of `count`.
  Span needed(Span target, uint32_t count) const;
};

class Plan {
 public:
  // `layers` must outlive the plan. `program` must have been checked. `area`: what is wanted; of
  // each output the cells that it touches, at least one. `block`: pixels that the outputs move on
  // at a time, at least 1.
  Plan(const std::vector<ConvLayer>& layers, const Program& program, const Canvas& canvas,
       const PixelArea& area, uint32_t block);

  const std::vector<PlanValue>& values() const { return values_; }
  const std::vector<PlanStore>& stores() const { return stores_; }
  const std::vector<PlanStep>& steps() const { return steps_; }
  size_t blocks() const { return blocks_; }
  // The rows of a value that are done before `block`.
  uint32_t rows_done(const PlanValue& value, size_t block) const;
  // int16 of memory that the stores take together, and of the longest row of zeros.
  size_t memory_size() const { return memory_size_; }
  size_t zero_row_size() const { return zero_row_size_; }

 private:
  friend class PlanBuilder;
  void spans(const PixelArea& area);
  void distances();
  void rings();
  void places();

  std::vector<PlanValue> values_;
  std::vector<PlanStore> stores_;
  std::vector<PlanStep> steps_;
  uint32_t block_;
  int64_t first_pixel_ = 0;
  size_t blocks_ = 0, memory_size_ = 0, zero_row_size_ = 0;
};

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_PLAN_H_

// How a program is run over one picture, or a part of it, in blocks of rows.
//
// Every register keeps only the rows that later nodes still read: a ring. A block moves all
// registers forward together; how far each is ahead of the outputs follows from the receptive
// fields, so that nothing is computed twice. Registers that are parts of others (CONCAT, SLICE) lie
// in one store; element-wise instructions are done by the node that makes their source.
//
// Thread safety: a plan never changes after it is made.
#ifndef DLF_SRC_MACHINE_PLAN_H_
#define DLF_SRC_MACHINE_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "machine/canvas.h"
#include "machine/plan_parts.h"
#include "machine/program.h"

namespace dlf {

class Plan {
 public:
  // `layers` must outlive the plan. `program` must have been checked. `area`: what is wanted; of
  // each output the cells that it touches, at least one. `block`: pixels that the outputs move on
  // at a time, at least 1.
  Plan(const std::vector<ConvLayer>& layers, const Program& program, const Canvas& canvas,
       const PixelArea& area, uint32_t block);

  const std::vector<PlanValue>& values() const { return parts_.values; }
  const std::vector<PlanStore>& stores() const { return parts_.stores; }
  const std::vector<PlanNode>& nodes() const { return parts_.nodes; }
  size_t blocks() const { return blocks_; }
  // The rows of a value that are done before `block`.
  uint32_t rows_done(const PlanValue& value, size_t block) const;
  // int16 of memory that the stores take together, and of the longest row of zeros.
  size_t memory_size() const { return memory_size_; }
  size_t zero_row_size() const { return zero_row_size_; }

 private:
  void spans(const PixelArea& area);
  void distances();
  void rings();
  void places();

  PlanParts parts_;
  uint32_t block_;
  int64_t first_pixel_ = 0;
  size_t blocks_ = 0, memory_size_ = 0, zero_row_size_ = 0;
};

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_PLAN_H_

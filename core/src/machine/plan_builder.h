// From the instructions of a program to the values and nodes of a plan.
//
// Thread safety: one object belongs to one thread.
#ifndef DLF_SRC_MACHINE_PLAN_BUILDER_H_
#define DLF_SRC_MACHINE_PLAN_BUILDER_H_

#include <cstddef>
#include <vector>

#include "machine/canvas.h"
#include "machine/plan_parts.h"
#include "machine/program.h"

namespace dlf {

class PlanBuilder {
 public:
  // All three must outlive the builder, and `layers` what it builds.
  PlanBuilder(const std::vector<ConvLayer>& layers, const Program& program, const Canvas& canvas)
      : layers_(layers), program_(program), canvas_(canvas) {}

  // Returns values (but for rows, columns and distance), stores (pairs and frame alone) and nodes.
  // To be called once.
  PlanParts build();

 private:
  size_t add_value(uint32_t channels, uint32_t cell);
  size_t add_register(uint16_t reg);
  PlanNode& add_node(PlanNode node);
  void add_store(size_t value);
  void count_readers();
  void inputs();
  void add(const Instruction& instruction);
  void pointwise(const Instruction& instruction);
  bool extend(uint16_t reg, const PlanPost& post, uint16_t target);
  void concat(const Instruction& instruction);
  void slice(const Instruction& instruction);
  void outputs();
  void stores();
  void frames();

  const std::vector<ConvLayer>& layers_;
  const Program& program_;
  const Canvas& canvas_;
  PlanParts parts_;
  std::vector<size_t> readers_;  // per register: instructions and outputs that read it
  std::vector<size_t> made_by_;  // per register: the node that makes it, or kNothing
  std::vector<size_t> value_;    // per register, or kNothing
  // Per value: the one that it is a part of, and from which pair on.
  struct Part {
    size_t whole, first_pair;
  };
  std::vector<Part> part_of_;
};

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_PLAN_BUILDER_H_

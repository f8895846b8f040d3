// From the instructions of a program to the values and steps of a plan.
#ifndef DLF_SRC_MACHINE_PLAN_BUILDER_H_
#define DLF_SRC_MACHINE_PLAN_BUILDER_H_

#include <cstddef>
#include <vector>

#include "machine/plan.h"

namespace dlf {

class PlanBuilder {
 public:
  PlanBuilder(const std::vector<ConvLayer>& layers, const Program& program, const Canvas& canvas,
              Plan& plan)
      : layers_(layers), program_(program), canvas_(canvas), plan_(plan) {}

  // Fills values (but for rows, columns and distance), stores (pairs and frame) and steps.
  void build();

 private:
  size_t add_value(uint32_t channels, uint32_t cell);
  size_t add_register(uint16_t reg);
  PlanStep& add_step(PlanStep step);
  void add_store(size_t value);
  void count_readers();
  void inputs();
  void instruction(const Instruction& step);
  void pointwise(const Instruction& step);
  bool extend(uint16_t reg, const PlanPost& post, uint16_t target);
  void concat(const Instruction& step);
  void slice(const Instruction& step);
  void outputs();
  void stores();
  void frames();

  const std::vector<ConvLayer>& layers_;
  const Program& program_;
  const Canvas& canvas_;
  Plan& plan_;
  std::vector<size_t> readers_;  // per register: instructions and outputs that read it
  std::vector<size_t> made_by_;  // per register: the step that makes it, or kNothing
  std::vector<size_t> value_;    // per register, or kNothing
  // Per value: the one that it is a part of, and from which pair on.
  struct Part {
    size_t whole, first_pair;
  };
  std::vector<Part> part_;
};

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_PLAN_BUILDER_H_

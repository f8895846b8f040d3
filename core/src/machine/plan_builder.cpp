#include "machine/plan_builder.h"

#include <algorithm>
#include <utility>

#include "machine/kernels.h"

namespace dlf {
namespace {

constexpr size_t kNothing = ~size_t{0};

PlanStep step_of(StepKind kind, size_t source, size_t target) {
  PlanStep step;
  step.kind = kind;
  step.source = source;
  step.target = target;
  return step;
}

}  // namespace

PlanParts PlanBuilder::build() {
  made_by_.assign(program_.registers, kNothing);
  value_.assign(program_.registers, kNothing);
  count_readers();
  inputs();
  for (const Instruction& step : program_.instructions) {
    if (program_.leads_to_output[step.target]) instruction(step);
  }
  outputs();
  stores();
  frames();
  return std::move(parts_);
}

size_t PlanBuilder::add_value(uint32_t channels, uint32_t cell) {
  PlanValue value;
  value.channels = channels;
  value.cell = cell;
  value.grid_rows = canvas_.rows(cell);
  value.grid_columns = canvas_.columns(cell);
  parts_.values.push_back(value);
  part_of_.push_back({parts_.values.size() - 1, 0});
  return parts_.values.size() - 1;
}

size_t PlanBuilder::add_register(uint16_t reg) {
  const RegisterShape& shape = program_.shapes[reg];
  return value_[reg] = add_value(shape.channels, shape.cell);
}

PlanStep& PlanBuilder::add_step(PlanStep step) {
  parts_.steps.push_back(std::move(step));
  return parts_.steps.back();
}

void PlanBuilder::count_readers() {
  readers_.assign(program_.registers, 0);
  for (const Instruction& step : program_.instructions) {
    if (!program_.leads_to_output[step.target]) continue;
    for (const uint16_t source : step.sources) ++readers_[source];
  }
  for (const uint16_t output : program_.outputs) ++readers_[output];
}

void PlanBuilder::inputs() {
  for (uint16_t i = 0; i < program_.inputs; ++i) {
    if (!program_.leads_to_output[i]) continue;
    add_step(step_of(StepKind::kInput, 0, add_register(i))).index = i;
  }
}

void PlanBuilder::instruction(const Instruction& step) {
  const auto argument = static_cast<uint32_t>(step.arg0);
  const size_t source = value_[step.sources[0]];
  switch (step.op) {
    case Op::kConv:
      add_step(step_of(StepKind::kConv, source, add_register(step.target))).layer =
          &layers_[argument];
      made_by_[step.target] = parts_.steps.size() - 1;
      break;
    case Op::kDepthToSpace:
      add_step(step_of(StepKind::kDepthToSpace, source, add_register(step.target))).factor =
          argument;
      break;
    case Op::kSpaceToDepth:
      add_step(step_of(StepKind::kSpaceToDepth, source, add_register(step.target))).factor =
          argument;
      break;
    case Op::kConcat:
      concat(step);
      break;
    case Op::kSlice:
      slice(step);
      break;
    default:
      pointwise(step);
      break;
  }
}

// Does the instruction in the step that makes one of its sources, if nothing else reads that, or
// in a step of its own.
void PlanBuilder::pointwise(const Instruction& step) {
  PlanPost post;
  post.op = step.op;
  post.argument = step.arg0;
  if (step.sources.size() == 1) {
    if (extend(step.sources[0], post, step.target)) return;
  } else {
    for (const size_t other : {size_t{0}, size_t{1}}) {
      post.operand = value_[step.sources[other]];
      if (extend(step.sources[1 - other], post, step.target)) return;
    }
    post.operand = value_[step.sources[1]];
  }
  const size_t source = value_[step.sources[0]];
  add_step(step_of(StepKind::kPointwise, source, add_register(step.target))).posts = {post};
  made_by_[step.target] = parts_.steps.size() - 1;
}

bool PlanBuilder::extend(uint16_t reg, const PlanPost& post, uint16_t target) {
  const size_t made = made_by_[reg];
  if (made == kNothing || readers_[reg] != 1) return false;
  if (parts_.steps[made].posts.size() == kMaxPosts) return false;
  // Moved here, behind the step that makes the operand.
  PlanStep step = std::move(parts_.steps[made]);
  step.posts.push_back(post);
  parts_.steps[made] = step_of(StepKind::kAlias, step.target, step.target);
  made_by_[target] = parts_.steps.size();
  value_[target] = step.target;
  add_step(std::move(step));
  return true;
}

void PlanBuilder::concat(const Instruction& step) {
  const size_t whole = add_register(step.target);
  uint32_t channel = 0;
  for (size_t i = 0; i < step.sources.size(); ++i) {
    const size_t source = value_[step.sources[i]];
    const uint32_t channels = parts_.values[source].channels;
    const bool fits = channel % 2 == 0 && (channels % 2 == 0 || i + 1 == step.sources.size());
    if (fits && part_of_[source].whole == source) {
      part_of_[source] = {whole, channel / 2};
      add_step(step_of(StepKind::kAlias, source, whole));
    } else {
      PlanStep& copy = add_step(step_of(StepKind::kCopy, source, whole));
      copy.target_channel = channel;
      copy.channels = channels;
    }
    channel += channels;
  }
}

void PlanBuilder::slice(const Instruction& step) {
  const size_t source = value_[step.sources[0]], target = add_register(step.target);
  const auto first = static_cast<uint32_t>(step.arg0);
  if (first % 2 == 0) {
    part_of_[target] = {source, first / 2};
    add_step(step_of(StepKind::kAlias, source, target));
    return;
  }
  PlanStep& copy = add_step(step_of(StepKind::kCopy, source, target));
  copy.source_channel = first;
  copy.channels = static_cast<uint32_t>(step.arg1);
}

void PlanBuilder::outputs() {
  for (size_t i = 0; i < program_.outputs.size(); ++i) {
    add_step(step_of(StepKind::kOutput, value_[program_.outputs[i]], 0)).index = i;
  }
}

// A store for every value that is not a part of another.
void PlanBuilder::stores() {
  for (size_t v = 0; v < part_of_.size(); ++v) {
    if (part_of_[v].whole == v) add_store(v);
  }
  for (size_t v = 0; v < part_of_.size(); ++v) {
    size_t whole = v, first = 0;
    while (part_of_[whole].whole != whole) {
      first += part_of_[whole].first_pair;
      whole = part_of_[whole].whole;
    }
    parts_.values[v].store = parts_.values[whole].store;
    parts_.values[v].first_pair = first;
  }
}

void PlanBuilder::add_store(size_t value) {
  PlanStore store;
  store.pairs = parts_.values[value].pairs();
  parts_.values[value].store = parts_.stores.size();
  parts_.stores.push_back(store);
}

// What convolutions need beside the rows of a store. Where two need different things, one works on
// a copy.
void PlanBuilder::frames() {
  for (size_t i = 0; i < parts_.steps.size(); ++i) {
    if (!parts_.steps[i].reads_around()) continue;
    const Frame wanted = parts_.steps[i].layer->edge_padding ? Frame::kEdge : Frame::kZero;
    const size_t source = parts_.steps[i].source;
    Frame& frame = parts_.stores[parts_.values[source].store].frame;
    if (frame == Frame::kNone) frame = wanted;
    if (frame == wanted) continue;
    const PlanValue original = parts_.values[source];
    const size_t copy = add_value(original.channels, original.cell);
    add_store(copy);
    parts_.stores.back().frame = wanted;
    PlanStep step = step_of(StepKind::kCopy, source, copy);
    step.channels = original.channels;
    parts_.steps[i].source = copy;
    parts_.steps.insert(parts_.steps.begin() + static_cast<ptrdiff_t>(i), step);
    ++i;
  }
}

}  // namespace dlf

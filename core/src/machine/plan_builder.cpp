#include "machine/plan_builder.h"

#include <algorithm>
#include <utility>

#include "machine/kernels.h"

namespace dlf {
namespace {

constexpr size_t kNothing = ~size_t{0};

PlanNode node_of(NodeKind kind, size_t source, size_t target) {
  PlanNode node;
  node.kind = kind;
  node.source = source;
  node.target = target;
  return node;
}

}  // namespace

PlanParts PlanBuilder::build() {
  made_by_.assign(program_.registers, kNothing);
  value_.assign(program_.registers, kNothing);
  count_readers();
  inputs();
  for (const Instruction& instruction : program_.instructions) {
    if (program_.leads_to_output[instruction.target]) add(instruction);
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

PlanNode& PlanBuilder::add_node(PlanNode node) {
  parts_.nodes.push_back(std::move(node));
  return parts_.nodes.back();
}

void PlanBuilder::count_readers() {
  readers_.assign(program_.registers, 0);
  for (const Instruction& instruction : program_.instructions) {
    if (!program_.leads_to_output[instruction.target]) continue;
    for (const uint16_t source : instruction.sources) ++readers_[source];
  }
  for (const uint16_t output : program_.outputs) ++readers_[output];
}

void PlanBuilder::inputs() {
  for (uint16_t i = 0; i < program_.inputs; ++i) {
    if (!program_.leads_to_output[i]) continue;
    add_node(node_of(NodeKind::kInput, 0, add_register(i))).index = i;
  }
}

void PlanBuilder::add(const Instruction& instruction) {
  const auto argument = static_cast<uint32_t>(instruction.arg0);
  const size_t source = value_[instruction.sources[0]];
  switch (instruction.op) {
    case Op::kConv:
      add_node(node_of(NodeKind::kConv, source, add_register(instruction.target))).layer =
          &layers_[argument];
      made_by_[instruction.target] = parts_.nodes.size() - 1;
      break;
    case Op::kDepthToSpace:
      add_node(node_of(NodeKind::kDepthToSpace, source, add_register(instruction.target))).factor =
          argument;
      break;
    case Op::kSpaceToDepth:
      add_node(node_of(NodeKind::kSpaceToDepth, source, add_register(instruction.target))).factor =
          argument;
      break;
    case Op::kConcat:
      concat(instruction);
      break;
    case Op::kSlice:
      slice(instruction);
      break;
    default:
      pointwise(instruction);
      break;
  }
}

// Does the instruction in the node that makes one of its sources, if nothing else reads that, or
// in a node of its own.
void PlanBuilder::pointwise(const Instruction& instruction) {
  PlanPost post;
  post.op = instruction.op;
  post.argument = instruction.arg0;
  if (instruction.sources.size() == 1) {
    if (extend(instruction.sources[0], post, instruction.target)) return;
  } else {
    for (const size_t other : {size_t{0}, size_t{1}}) {
      post.operand = value_[instruction.sources[other]];
      if (extend(instruction.sources[1 - other], post, instruction.target)) return;
    }
    post.operand = value_[instruction.sources[1]];
  }
  const size_t source = value_[instruction.sources[0]];
  add_node(node_of(NodeKind::kPointwise, source, add_register(instruction.target))).posts = {post};
  made_by_[instruction.target] = parts_.nodes.size() - 1;
}

bool PlanBuilder::extend(uint16_t reg, const PlanPost& post, uint16_t target) {
  const size_t made = made_by_[reg];
  if (made == kNothing || readers_[reg] != 1) return false;
  if (parts_.nodes[made].posts.size() == kMaxPosts) return false;
  // Moved here, after the node that makes the operand.
  PlanNode node = std::move(parts_.nodes[made]);
  node.posts.push_back(post);
  parts_.nodes[made] = node_of(NodeKind::kAlias, node.target, node.target);
  made_by_[target] = parts_.nodes.size();
  value_[target] = node.target;
  add_node(std::move(node));
  return true;
}

void PlanBuilder::concat(const Instruction& instruction) {
  const size_t whole = add_register(instruction.target);
  uint32_t channel = 0;
  for (size_t i = 0; i < instruction.sources.size(); ++i) {
    const size_t source = value_[instruction.sources[i]];
    const uint32_t channels = parts_.values[source].channels;
    const bool fits =
        channel % 2 == 0 && (channels % 2 == 0 || i + 1 == instruction.sources.size());
    if (fits && part_of_[source].whole == source) {
      part_of_[source] = {whole, channel / 2};
      add_node(node_of(NodeKind::kAlias, source, whole));
    } else {
      PlanNode& copy = add_node(node_of(NodeKind::kCopy, source, whole));
      copy.target_channel = channel;
      copy.channels = channels;
    }
    channel += channels;
  }
}

void PlanBuilder::slice(const Instruction& instruction) {
  const size_t source = value_[instruction.sources[0]], target = add_register(instruction.target);
  const auto first = static_cast<uint32_t>(instruction.arg0);
  if (first % 2 == 0) {
    part_of_[target] = {source, first / 2};
    add_node(node_of(NodeKind::kAlias, source, target));
    return;
  }
  PlanNode& copy = add_node(node_of(NodeKind::kCopy, source, target));
  copy.source_channel = first;
  copy.channels = static_cast<uint32_t>(instruction.arg1);
}

void PlanBuilder::outputs() {
  for (size_t i = 0; i < program_.outputs.size(); ++i) {
    add_node(node_of(NodeKind::kOutput, value_[program_.outputs[i]], 0)).index = i;
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
  for (size_t i = 0; i < parts_.nodes.size(); ++i) {
    if (!parts_.nodes[i].reads_around()) continue;
    const Frame wanted = parts_.nodes[i].layer->edge_padding ? Frame::kEdge : Frame::kZero;
    const size_t source = parts_.nodes[i].source;
    Frame& frame = parts_.stores[parts_.values[source].store].frame;
    if (frame == Frame::kNone) frame = wanted;
    if (frame == wanted) continue;
    const PlanValue original = parts_.values[source];
    const size_t copy = add_value(original.channels, original.cell);
    add_store(copy);
    parts_.stores.back().frame = wanted;
    PlanNode node = node_of(NodeKind::kCopy, source, copy);
    node.channels = original.channels;
    parts_.nodes[i].source = copy;
    parts_.nodes.insert(parts_.nodes.begin() + static_cast<ptrdiff_t>(i), node);
    ++i;
  }
}

}  // namespace dlf

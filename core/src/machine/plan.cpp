#include "machine/plan.h"

#include <algorithm>
#include <numeric>

#include "base/bytes.h"
#include "machine/kernels.h"
#include "machine/plan_builder.h"

namespace dlf {
namespace {

// Columns from the start of one pair's row to the next are a multiple of this: whole cache lines.
constexpr size_t kColumnGrain = 16;

int64_t divide_down(int64_t a, int64_t b) { return a / b - (a % b != 0 && a < 0); }
int64_t divide_up_signed(int64_t a, int64_t b) { return -divide_down(-a, b); }
int64_t round_up(int64_t a, int64_t b) { return divide_up_signed(a, b) * b; }

}  // namespace

Plan::Plan(const std::vector<ConvLayer>& layers, const Program& program, const Canvas& canvas,
           const PixelArea& area, uint32_t block)
    : parts_(PlanBuilder(layers, program, canvas).build()), block_(block) {
  spans(area);
  distances();
  rings();
  // Nothing is done for these.
  parts_.nodes.erase(
      std::remove_if(parts_.nodes.begin(), parts_.nodes.end(),
                     [](const PlanNode& node) { return node.kind == NodeKind::kAlias; }),
      parts_.nodes.end());
  places();
}

// Which rows and columns of each value the outputs need.
void Plan::spans(const PixelArea& area) {
  for (size_t i = parts_.nodes.size(); i-- > 0;) {
    const PlanNode& node = parts_.nodes[i];
    PlanValue& source = parts_.values[node.source];
    if (node.kind == NodeKind::kInput) continue;
    if (node.kind == NodeKind::kOutput) {
      const auto cells = [&](Span pixels, uint32_t count) {
        const Span touched = cells_of(pixels, source.cell);
        return Span{touched.begin, std::min(touched.end, count)};
      };
      source.rows.include(cells(area.rows, source.grid_rows));
      source.columns.include(cells(area.columns, source.grid_columns));
      continue;
    }
    const PlanValue& target = parts_.values[node.target];
    source.rows.include(node.needed(target.rows, source.grid_rows));
    source.columns.include(node.needed(target.columns, source.grid_columns));
    for (const PlanPost& post : node.posts) {
      if (!post.has_operand()) continue;
      parts_.values[post.operand].rows.include(target.rows);
      parts_.values[post.operand].columns.include(target.columns);
    }
  }
  for (const PlanValue& value : parts_.values) {
    parts_.stores[value.store].columns.include(value.columns);
  }
}

// How far each value must be ahead of the outputs, so that with all values at `rows_done` of one
// block every node has the rows it needs.
void Plan::distances() {
  int64_t farthest = 0, largest_cell = 1, last_row = 0;
  for (size_t i = parts_.nodes.size(); i-- > 0;) {
    const PlanNode& node = parts_.nodes[i];
    if (node.kind == NodeKind::kInput) continue;
    PlanValue& source = parts_.values[node.source];
    const PlanValue& target = parts_.values[node.paced_by()];
    int64_t needed = target.distance;
    if (node.kind == NodeKind::kDepthToSpace) {
      needed = round_up(needed, source.cell);
    } else if (node.kind == NodeKind::kSpaceToDepth) {
      // The pixel that a block ends with may lie within a cell of the target.
      needed = round_up(needed + target.cell - std::gcd(block_, target.cell), source.cell);
    } else if (node.reads_around()) {
      needed += source.cell;
    }
    source.distance = std::max(source.distance, needed);
    for (const PlanPost& post : node.posts) {
      if (!post.has_operand()) continue;
      int64_t& distance = parts_.values[post.operand].distance;
      distance = std::max(distance, target.distance);
    }
    farthest = std::max(farthest, source.distance);
    largest_cell = std::max<int64_t>(largest_cell, source.cell);
  }
  int64_t first_row = INT64_MAX;
  for (const PlanNode& node : parts_.nodes) {
    if (node.kind != NodeKind::kOutput) continue;
    const PlanValue& source = parts_.values[node.source];
    first_row = std::min(first_row, int64_t{source.rows.begin} * source.cell);
    last_row = std::max(last_row, int64_t{source.rows.end} * source.cell);
  }
  // Begins where no value has anything to do, and moves on in equal blocks, so that rings need not
  // be larger for the start.
  first_pixel_ =
      divide_down(first_row, block_) * block_ - round_up(2 * farthest + largest_cell, block_);
  blocks_ = static_cast<size_t>(divide_up_signed(last_row - first_pixel_, block_));
}

// Rows that a store must hold: from the first that a later block reads to the last one done.
void Plan::rings() {
  int64_t period = 1;
  for (const PlanValue& value : parts_.values) {
    period = std::max<int64_t>(period, value.cell / std::gcd(block_, value.cell));
  }
  const auto ahead = [&](const PlanValue& value, int64_t block) {
    return divide_up_signed(block * block_ + value.distance, value.cell);
  };
  for (int64_t k = 0; k < period; ++k) {
    std::vector<int64_t> first(parts_.stores.size(), INT64_MAX), last(parts_.stores.size(), 0);
    for (const PlanValue& value : parts_.values) {
      last[value.store] = std::max(last[value.store], ahead(value, k + 1));
    }
    for (const PlanNode& node : parts_.nodes) {
      if (node.kind == NodeKind::kInput) continue;
      const int64_t done = ahead(parts_.values[node.paced_by()], k);
      int64_t row = done;
      if (node.kind == NodeKind::kDepthToSpace) row = divide_down(done, node.factor);
      if (node.kind == NodeKind::kSpaceToDepth) row = done * node.factor;
      if (node.reads_around()) row = done - 1;
      int64_t& needed = first[parts_.values[node.source].store];
      needed = std::min(needed, row);
      for (const PlanPost& post : node.posts) {
        if (!post.has_operand()) continue;
        int64_t& other = first[parts_.values[post.operand].store];
        other = std::min(other, done);
      }
    }
    for (size_t s = 0; s < parts_.stores.size(); ++s) {
      if (first[s] == INT64_MAX) continue;
      const auto rows = static_cast<uint32_t>(std::max<int64_t>(last[s] - first[s], 1));
      parts_.stores[s].capacity = std::max(parts_.stores[s].capacity, rows);
    }
  }
  std::vector<Span> rows(parts_.stores.size());
  for (const PlanValue& value : parts_.values) {
    rows[value.store].include(value.rows);
  }
  for (size_t s = 0; s < parts_.stores.size(); ++s) {
    parts_.stores[s].capacity = std::max(std::min(parts_.stores[s].capacity, rows[s].size()), 1u);
  }
}

void Plan::places() {
  size_t at = 2 * kReadAhead;  // a column before the first, and alignment
  for (PlanStore& store : parts_.stores) {
    // One more column on each side: the left one follows the row of the pair before.
    const size_t columns = size_t{store.columns.size()} + 2;
    store.pitch = 2 * ((columns + kColumnGrain - 1) / kColumnGrain * kColumnGrain);
    store.offset = at;
    const size_t row = checked_multiply(store.pairs, store.pitch, "network");
    at = checked_add(at, checked_multiply(row, store.capacity, "network"), "network");
    zero_row_size_ = std::max(zero_row_size_, store.pitch);
  }
  memory_size_ = checked_add(at, 4 * kReadAhead, "network");
  zero_row_size_ += 4 * kReadAhead;
}

uint32_t Plan::rows_done(const PlanValue& value, size_t block) const {
  const int64_t pixel = first_pixel_ + static_cast<int64_t>(block) * block_;
  const int64_t rows = divide_up_signed(pixel + value.distance, value.cell);
  if (value.rows.empty()) return value.rows.begin;
  return static_cast<uint32_t>(std::clamp<int64_t>(rows, value.rows.begin, value.rows.end));
}

}  // namespace dlf

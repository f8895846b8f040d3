#include "machine/executor.h"

#include <algorithm>
#include <memory>

#include "base/constants.h"
#include "base/parallel.h"
#include "base/status.h"
#include "machine/crew.h"
#include "machine/kernel_choice.h"
#include "machine/pack.h"
#include "machine/schedule.h"

namespace dlf {
namespace {

constexpr size_t kCacheLine = 64;
// Below so many multiply-accumulates a row is not worth being shared.
constexpr size_t kMacsPerTask = size_t{1} << 18;

// Zeros at a multiple of kCacheLine.
class Memory {
 public:
  explicit Memory(size_t count)
      : values_(std::make_unique<int16_t[]>(count + kCacheLine / sizeof(int16_t))) {
    void* start = values_.get();
    size_t space = (count + kCacheLine) * sizeof(int16_t);
    aligned_ = static_cast<int16_t*>(std::align(kCacheLine, 1, start, space));
  }
  int16_t* data() const { return aligned_; }

 private:
  std::unique_ptr<int16_t[]> values_;
  int16_t* aligned_;
};

class Execution : public Jobs {
 public:
  Execution(const Plan& plan, const std::vector<FillRow>& inputs,
            const std::vector<TakeRow>& outputs, const MachineOptions& options)
      : plan_(plan),
        inputs_(inputs),
        outputs_(outputs),
        threads_(static_cast<uint32_t>(thread_count(options.threads))),
        kernels_(options.kernels != nullptr ? *options.kernels : default_kernels()),
        memory_(plan.memory_size()),
        zeros_(plan.zero_row_size()) {
    for (const PlanNode& node : plan.nodes()) {
      if (node.kind == NodeKind::kConv && node.layer->packed.empty()) {
        fail(DLF_INTERNAL, "a layer is not packed");
      }
    }
  }

  uint64_t count() const override { return uint64_t{plan_.blocks()} * plan_.nodes().size(); }

  uint32_t tasks(uint64_t job) const override {
    const Work work(plan_, job);
    return work.rows.size() * shares(work);
  }

  void run(uint64_t job, uint32_t task) override {
    const Work work(plan_, job);
    const uint32_t count = shares(work), share = task % count;
    const uint32_t row = work.rows.begin + task / count;
    const size_t blocks = groups_of_pairs(*work.node);
    const Pairs pairs = {blocks * share / count * kPairsPerBlock,
                         blocks * (share + 1) / count * kPairsPerBlock};
    run_row(*work.node, row, pairs);
  }

 private:
  struct Pairs {
    size_t first, last;
  };

  // What a job stands for: the rows of one node within one block.
  struct Work {
    const PlanNode* node;
    Span rows;

    Work(const Plan& plan, uint64_t job) {
      const size_t block = static_cast<size_t>(job / plan.nodes().size());
      node = &plan.nodes()[static_cast<size_t>(job % plan.nodes().size())];
      const PlanValue& value = plan.values()[node->paced_by()];
      rows = {plan.rows_done(value, block), plan.rows_done(value, block + 1)};
    }
  };

  size_t groups_of_pairs(const PlanNode& node) const {
    const size_t pairs = plan_.values()[node.target].pairs();
    return (pairs + kPairsPerBlock - 1) / kPairsPerBlock;
  }

  // Parts that the channels of a row are divided into, so that every thread has something to do.
  uint32_t shares(const Work& work) const {
    if (work.node->kind != NodeKind::kConv || threads_ == 1) return 1;
    const uint32_t rows = work.rows.size();
    if (rows == 0 || rows >= 2 * threads_) return 1;
    const size_t columns = plan_.values()[work.node->target].columns.size();
    const size_t macs = work.node->layer->weight_count() * columns;
    const size_t useful = std::min(groups_of_pairs(*work.node), macs / kMacsPerTask);
    return static_cast<uint32_t>(std::clamp<size_t>(useful, 1, (2 * threads_ + rows - 1) / rows));
  }

  int16_t* place(const PlanValue& value, uint32_t row, uint32_t column) const {
    const PlanStore& store = plan_.stores()[value.store];
    return memory_.data() + store.offset + row % store.capacity * store.row_size() +
           value.first_pair * store.pitch + 2 * size_t{column - store.columns.begin};
  }

  Row row_of(size_t index, uint32_t row) const {
    const PlanValue& value = plan_.values()[index];
    Row out;
    out.data = place(value, row, value.columns.begin);
    out.stride = stride_of(index);
    out.channels = value.channels;
    out.row = row;
    out.columns = value.columns;
    return out;
  }

  ConstRow const_row_of(size_t index, uint32_t row) const {
    const Row from = row_of(index, row);
    return {from.data, from.stride, from.channels, from.row, from.columns};
  }

  ptrdiff_t stride_of(size_t index) const {
    return static_cast<ptrdiff_t>(plan_.stores()[plan_.values()[index].store].pitch);
  }

  void run_row(const PlanNode& node, uint32_t row, Pairs pairs) {
    if (node.kind == NodeKind::kOutput) {
      outputs_[node.index](const_row_of(node.source, row));
      return;
    }
    const PlanValue& value = plan_.values()[node.target];
    const Row target = row_of(node.target, row);
    pairs.last = std::min(pairs.last, value.pairs());
    switch (node.kind) {
      case NodeKind::kInput:
        inputs_[node.index](target);
        break;
      case NodeKind::kConv:
      case NodeKind::kPointwise:
        arithmetic(node, target, pairs);
        break;
      case NodeKind::kDepthToSpace:
        depth_to_space_row(const_row_of(node.source, row / node.factor), node.factor, target);
        break;
      case NodeKind::kSpaceToDepth:
        space_to_depth(node, target);
        break;
      default:
        copy_channels(const_row_of(node.source, row), node.source_channel, node.target_channel,
                      node.channels, target);
        break;
    }
    set_frame(target, pairs.first, pairs.last, value.grid_columns,
              plan_.stores()[value.store].frame);
  }

  void space_to_depth(const PlanNode& node, const Row& target) const {
    const PlanValue& source = plan_.values()[node.source];
    ConstRow rows[kMaxFactor];
    for (uint32_t i = 0; i < node.factor; ++i) {
      rows[i] =
          const_row_of(node.source, std::min(target.row * node.factor + i, source.grid_rows - 1));
    }
    space_to_depth_row(rows, node.factor, source.grid_columns, target);
  }

  void arithmetic(const PlanNode& node, const Row& target, Pairs pairs) const {
    RowJob job;
    job.layer = node.layer;
    job.target = target.data;
    job.target_stride = target.stride;
    job.columns = target.columns.size();
    job.first_pair = pairs.first;
    job.last_pair = pairs.last;
    const uint32_t taps = node.reads_around() ? 3 : 1;
    for (uint32_t u = 0; u < taps; ++u) {
      source_row(node, target, u, taps, &job);
    }
    for (const PlanPost& post : node.posts) {
      Post& each = job.posts[job.post_count++];
      each.op = post.op;
      each.argument = post.argument;
      if (post.has_operand()) {
        each.operand = place(plan_.values()[post.operand], target.row, target.columns.begin);
        each.operand_stride = stride_of(post.operand);
      }
    }
    if (node.kind == NodeKind::kPointwise) {
      kernels_.pointwise(job);
    } else if (node.layer->depthwise) {
      kernels_.depthwise(job);
    } else {
      kernels_.dense(job);
    }
  }

  // The row above (u = 0), at or below the target's; beyond the grid the nearest one, or zeros.
  void source_row(const PlanNode& node, const Row& target, uint32_t u, uint32_t taps,
                  RowJob* job) const {
    const PlanValue& source = plan_.values()[node.source];
    const int64_t wanted = int64_t{target.row} + u - taps / 2;
    const int64_t inside = std::clamp<int64_t>(wanted, 0, int64_t{source.grid_rows} - 1);
    if (wanted != inside && !node.layer->edge_padding) {
      job->source[u] = zeros_.data() + kReadAhead;
      job->source_stride[u] = 0;
      return;
    }
    job->source[u] = place(source, static_cast<uint32_t>(inside), target.columns.begin);
    job->source_stride[u] = stride_of(node.source);
  }

  const Plan& plan_;
  const std::vector<FillRow>& inputs_;
  const std::vector<TakeRow>& outputs_;
  const uint32_t threads_;
  const Kernels& kernels_;
  const Memory memory_, zeros_;
};

}  // namespace

bool execute(const Plan& plan, const std::vector<FillRow>& inputs,
             const std::vector<TakeRow>& outputs, const MachineOptions& options) {
  Execution execution(plan, inputs, outputs, options);
  Schedule schedule(execution);
  const uint64_t nodes = plan.nodes().size();
  bool is_stopped = false;
  uint64_t told = 0;
  with_crew(thread_count(options.threads) - 1, [&](bool is_caller) {
    if (!is_caller || !options.progress) {
      schedule.work([](uint64_t) {});
      return;
    }
    try {
      schedule.work([&](uint64_t job) {
        if (job / nodes == told || is_stopped) return;
        told = job / nodes;
        is_stopped = !options.progress(told, plan.blocks());
        if (is_stopped) schedule.stop();
      });
    } catch (...) {
      schedule.stop();
      throw;
    }
  });
  return !is_stopped;
}

uint64_t execution_bytes(const Plan& plan) {
  return sizeof(int16_t) * (uint64_t{plan.memory_size()} + plan.zero_row_size() + kCacheLine);
}

}  // namespace dlf

#include "torch/torch_runner.h"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "base/workers.h"
#include "torch/torch_device.h"
#include "torch/torch_host.h"
#include "torch/torch_program.h"

namespace dlf {
namespace {

// Sides of pieces in pixels: what a GPU is busy with, and what fits a CPU's memory.
constexpr uint32_t kCudaSide = 2048, kCpuSide = 1024;
// Pieces are worked on at the same time as long as they need no more than this together.
constexpr uint64_t kBytesTogether = uint64_t{1} << 30;

uint32_t round_down(uint32_t value, uint32_t unit) { return value / unit * unit; }
uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

// A part of the outputs, and the canvas around it that gives it.
struct Piece {
  PixelArea wanted, canvas;
};

// One dimension of all pieces: `wanted`, cut at multiples of `side`, with `margin` on both sides.
struct PieceSide {
  Span wanted, canvas;
};
std::vector<PieceSide> sides_of(Span wanted, uint32_t end, uint32_t window, uint32_t side,
                                uint32_t margin) {
  std::vector<PieceSide> sides;
  for (uint32_t at = wanted.begin; at < wanted.end;) {
    const uint64_t stop = uint64_t{round_down(at, side)} + side;
    PieceSide one;
    one.wanted = {at, static_cast<uint32_t>(std::min<uint64_t>(stop, wanted.end))};
    const uint32_t first = round_down(at, window);
    one.canvas.begin = first - std::min(first, margin);
    const uint64_t last = round_up(one.wanted.end, window) + margin;
    one.canvas.end = static_cast<uint32_t>(std::min<uint64_t>(last, end));
    sides.push_back(one);
    at = one.wanted.end;
  }
  return sides;
}

class TorchRunner : public ProgramRunner {
 public:
  TorchRunner(const ModelPackage& model, const NetworkOptions& options)
      : device_(options.device), window_(model.normative().window), layers_(device_) {
    infer_apart("loading the networks", device_, Precision::kFloat32, [&] {
      const NormativePart& part = model.normative();
      layers_.add(part.layers, part.synthesis->whole.program);
      for (const std::optional<Synthesis>& reduced : part.synthesis->reduced) {
        if (reduced) layers_.add(part.layers, reduced->program);
      }
      if (!model.encoder()) return;
      const EncoderPart& encoder = *model.encoder();
      layers_.add(encoder.layers, encoder.analysis);
      layers_.add(encoder.layers, encoder.bottleneck);
      if (encoder.importance) layers_.add(encoder.layers, *encoder.importance);
    });
  }

  void run(const ProgramWork& work, const std::vector<FillRow>& inputs,
           const std::vector<TakeRow>& outputs, const Report& report) const override {
    const std::vector<Piece> pieces = pieces_of(work);
    const auto action = [&](size_t index) {
      infer_apart("the networks", device_, Precision::kFloat32,
                  [&] { run_piece(work, pieces[index], inputs, outputs); });
    };
    run_workers(pieces.size(), workers(work, pieces), action, [&](size_t done) {
      if (report) report(done, pieces.size());
    });
  }

  bool reads_packed() const override { return false; }
  bool reads_in_order() const override { return false; }

  uint64_t bytes(const ProgramWork& work) const override {
    const std::vector<Piece> pieces = pieces_of(work);
    const auto together = std::min<uint64_t>(pieces.size(), workers(work, pieces));
    return together * most_bytes(work, pieces);
  }

 private:
  uint32_t side() const {
    const uint32_t side = device_.is_cpu() ? kCpuSide : kCudaSide;
    return static_cast<uint32_t>(round_up(side, window_));
  }

  std::vector<Piece> pieces_of(const ProgramWork& work) const {
    uint32_t distance = 0;
    for (size_t i = 0; i < work.program.inputs; ++i) {
      if (work.program.leads_to_output[i]) {
        distance = std::max(distance, work.program.distance[i]);
      }
    }
    const auto margin = static_cast<uint32_t>(round_up(distance, window_));
    const Canvas& canvas = work.canvas;
    const std::vector<PieceSide> columns =
        sides_of(work.area.columns, canvas.width, window_, side(), margin);
    std::vector<Piece> pieces;
    for (const PieceSide& rows : sides_of(work.area.rows, canvas.height, window_, side(), margin)) {
      for (const PieceSide& column : columns) {
        pieces.push_back({{rows.wanted, column.wanted}, {rows.canvas, column.canvas}});
      }
    }
    return pieces;
  }

  static Canvas canvas_of(const Piece& piece) {
    return {piece.canvas.rows.size(), piece.canvas.columns.size()};
  }

  static uint64_t most_bytes(const ProgramWork& work, const std::vector<Piece>& pieces) {
    uint64_t most = 0;
    for (const Piece& piece : pieces) {
      most = std::max(most, run_bytes(work.program, canvas_of(piece)));
    }
    return most;
  }

  int workers(const ProgramWork& work, const std::vector<Piece>& pieces) const {
    if (!device_.is_cpu()) return 1;
    const uint64_t fitting = kBytesTogether / std::max<uint64_t>(most_bytes(work, pieces), 1);
    return static_cast<int>(std::clamp<uint64_t>(fitting, 1, static_cast<uint64_t>(work.threads)));
  }

  void run_piece(const ProgramWork& work, const Piece& piece, const std::vector<FillRow>& inputs,
                 const std::vector<TakeRow>& outputs) const {
    const Program& program = work.program;
    std::vector<at::Tensor> given(program.inputs);
    for (size_t i = 0; i < given.size(); ++i) {
      if (program.leads_to_output[i]) given[i] = input(program.shapes[i], piece.canvas, inputs[i]);
    }
    const std::vector<at::Tensor> results =
        run_program(layers_, work.layers, program, canvas_of(piece), given);
    for (size_t i = 0; i < results.size(); ++i) {
      take(program.shapes[program.outputs[i]], piece, results[i], outputs[i]);
    }
  }

  // Registers outside are rows of pairs of channels, interleaved: [rows][pairs][columns][2].
  at::Tensor input(const RegisterShape& shape, const PixelArea& area, const FillRow& fill) const {
    const Span rows = cells_of(area.rows, shape.cell), columns = cells_of(area.columns, shape.cell);
    const int64_t height = rows.size(), width = columns.size(), pairs = (shape.channels + 1) / 2;
    const at::Tensor staged = at::zeros({height, pairs, width, 2}, at::kShort);
    Row row;
    row.data = staged.mutable_data_ptr<int16_t>();
    row.stride = static_cast<ptrdiff_t>(2 * width);
    row.channels = shape.channels;
    row.columns = columns;
    for (row.row = rows.begin; row.row < rows.end; ++row.row) {
      fill(row);
      row.data += row.stride * pairs;
    }
    return staged.to(device_)
        .permute({1, 3, 0, 2})
        .reshape({1, 2 * pairs, height, width})
        .narrow(1, 0, shape.channels)
        .to(at::kFloat)
        .contiguous(at::MemoryFormat::ChannelsLast);
  }

  static void take(const RegisterShape& shape, const Piece& piece, const at::Tensor& result,
                   const TakeRow& taken) {
    const uint32_t cell = shape.cell;
    const Span rows = cells_of(piece.wanted.rows, cell),
               columns = cells_of(piece.wanted.columns, cell);
    const int64_t height = rows.size(), width = columns.size(), pairs = (shape.channels + 1) / 2;
    const at::Tensor planes = at::zeros({2 * pairs, height, width}, at::kShort);
    planes.narrow(0, 0, shape.channels)
        .copy_(result[0]
                   .narrow(1, rows.begin - piece.canvas.rows.begin / cell, height)
                   .narrow(2, columns.begin - piece.canvas.columns.begin / cell, width));
    const at::Tensor staged =
        planes.view({pairs, 2, height, width}).permute({2, 0, 3, 1}).contiguous();
    ConstRow row;
    row.data = staged.const_data_ptr<int16_t>();
    row.stride = static_cast<ptrdiff_t>(2 * width);
    row.channels = shape.channels;
    row.columns = columns;
    for (row.row = rows.begin; row.row < rows.end; ++row.row) {
      taken(row);
      row.data += row.stride * pairs;
    }
  }

  const c10::Device device_;
  const uint32_t window_;
  TorchLayers layers_;
};

}  // namespace

std::unique_ptr<const ProgramRunner> load_torch_runner(const ModelPackage& model,
                                                       const NetworkOptions& options) {
  check_torch_device(options.device);
  return std::make_unique<TorchRunner>(model, options);
}

}  // namespace dlf

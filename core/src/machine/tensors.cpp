#include "machine/tensors.h"

namespace dlf {

FillRow from_tensor(const Tensor& tensor) {
  return [&tensor](const Row& row) {
    for (uint32_t c = 0; c < row.channels; ++c) {
      const int16_t* from = tensor.channel(c) + size_t{row.row} * tensor.width + row.columns.begin;
      int16_t* to = row.channel(c);
      for (size_t i = 0; i < row.columns.size(); ++i) {
        to[2 * i] = from[i];
      }
    }
  };
}

TakeRow to_tensor(Tensor* tensor) {
  return [tensor](const ConstRow& row) {
    for (uint32_t c = 0; c < row.channels; ++c) {
      const int16_t* from = row.channel(c);
      int16_t* to = tensor->channel(c) + size_t{row.row} * tensor->width + row.columns.begin;
      for (size_t i = 0; i < row.columns.size(); ++i) {
        to[i] = from[2 * i];
      }
    }
  };
}

std::vector<Tensor> run_program(const std::vector<ConvLayer>& layers, const Program& program,
                                const Canvas& canvas, const std::vector<FillRow>& inputs,
                                uint32_t block, const MachineOptions& options) {
  const Plan plan(layers, program, canvas, whole(canvas), block);
  std::vector<Tensor> outputs;
  std::vector<TakeRow> take;
  outputs.reserve(program.outputs.size());
  for (const uint16_t output : program.outputs) {
    const RegisterShape& shape = program.shapes[output];
    outputs.emplace_back(shape.channels, canvas.rows(shape.cell), canvas.columns(shape.cell));
    take.push_back(to_tensor(&outputs.back()));
  }
  execute(plan, inputs, take, options);
  return outputs;
}

}  // namespace dlf

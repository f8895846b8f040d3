#include "entropy/prior.h"

#include <algorithm>
#include <utility>

#include "base/constants.h"
#include "machine/arithmetic.h"
#include "machine/tensors.h"

namespace dlf {

Tensor token_values(const NormativePart& model, const ImageGeometry& geometry,
                    const std::vector<int16_t>& tokens) {
  const size_t stride = model.tokens_stride(), windows = static_cast<size_t>(geometry.windows());
  Tensor out(static_cast<uint32_t>(stride), geometry.windows_y, geometry.windows_x);
  for (size_t i = 0; i < stride; ++i) {
    const int32_t span = int32_t{model.levels[i % model.levels.size()]} - 1;
    for (size_t window = 0; window < windows; ++window) {
      const int32_t value = (2 * tokens[window * stride + i] - span) * kTokenInputScale;
      out.channel(i)[window] = sat16(value);
    }
  }
  return out;
}

void Prior::start(const RateMap& rates, const std::vector<int16_t>& tokens) {
  std::vector<FillRow> inputs = {rate_rows(model_.rate_vectors, rates)};
  Tensor values;
  if (model_.programs[kProgramInit].inputs > 1) {
    values = token_values(model_, geometry_, tokens);
    inputs.push_back(from_tensor(values));
  }
  std::vector<Tensor> outputs = run(kProgramInit, inputs);
  step_ = std::move(outputs[0]);
  scale_ = std::move(outputs[1]);
  mean_ = std::move(outputs[2]);
  context_ = std::move(outputs[3]);
}

void Prior::advance(int s, const Tensor& y_hat) {
  scale_ = mean_ = Tensor();  // those of the quarter before must not lie beside the new ones
  std::vector<Tensor> outputs = run(s, {from_tensor(y_hat), from_tensor(context_)});
  scale_ = std::move(outputs[0]);
  mean_ = std::move(outputs[1]);
}

uint64_t Prior::network_bytes(const NormativePart& model, const ImageGeometry& geometry) {
  uint64_t most = 0;
  for (const Program& program : model.programs) {
    most = std::max(most, execution_bytes(Plan(model.layers, program, geometry.canvas,
                                               whole(geometry.canvas), model.window)));
  }
  return most;
}

// Blocks of whole windows, so that the window grid moves on with every block.
std::vector<Tensor> Prior::run(int program, const std::vector<FillRow>& inputs) const {
  return run_program(model_.layers, model_.programs[program], geometry_.canvas, inputs,
                     model_.window, options_);
}

}  // namespace dlf

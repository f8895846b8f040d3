#include "entropy/prior.h"

#include <algorithm>
#include <utility>

#include "base/constants.h"
#include "base/pages.h"
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

Prior::~Prior() {
  for (Tensor* tensor : {&step_, &scale_, &mean_, &context_}) free_with_pages(&tensor->data);
}

void Prior::start(const RateMap& rates, const std::vector<int16_t>& tokens) {
  std::vector<FillRow> inputs = {rate_rows(model_.rate_vectors, rates)};
  Tensor values;
  if (model_.programs[kProgramInit].inputs > 1) {
    values = token_values(model_, geometry_, tokens);
    inputs.push_back(from_tensor(values));
  }
  step_ = whole_output(kProgramInit, 0);
  context_ = whole_output(kProgramInit, 3);
  const std::vector<TakeRow> quarter = take_quarter(0);
  run(kProgramInit, inputs, {to_tensor(&step_), quarter[0], quarter[1], to_tensor(&context_)});
}

void Prior::advance(int s, const Tensor& y_hat) {
  run(s, {from_tensor(y_hat), from_tensor(context_)}, take_quarter(s));
}

uint64_t Prior::network_bytes(const NormativePart& model, const ImageGeometry& geometry) {
  uint64_t most = 0;
  for (const Program& program : model.programs) {
    most = std::max(most, execution_bytes(Plan(model.layers, program, geometry.canvas,
                                               whole(geometry.canvas), model.window)));
  }
  return most;
}

Tensor Prior::whole_output(int program, size_t index) const {
  const Program& made = model_.programs[program];
  const RegisterShape& shape = made.shapes[made.outputs[index]];
  return Tensor(shape.channels, geometry_.latent_h, geometry_.latent_w);
}

// Blocks of whole windows, so that the window grid moves on with every block.
void Prior::run(int program, const std::vector<FillRow>& inputs,
                const std::vector<TakeRow>& take) const {
  const Canvas& canvas = geometry_.canvas;
  execute(Plan(model_.layers, model_.programs[program], canvas, whole(canvas), model_.window),
          inputs, take, options_);
}

std::vector<TakeRow> Prior::take_quarter(int s) {
  const uint32_t channels = model_.latent_channels / kQuarters;
  if (s == 0) {
    scale_ = mean_ = Tensor(channels, geometry_.latent_h, geometry_.latent_w);
  }
  const auto into = [s](Tensor* tensor) {
    return [s, tensor](const ConstRow& row) {
      const Span columns = row.columns;
      for (uint32_t c = 0; c < tensor->channels; ++c) {
        int16_t* to = tensor->channel(c) + size_t{row.row} * tensor->width;
        for (uint32_t first = columns.begin; first < std::min(columns.begin + 2, columns.end);
             ++first) {
          const size_t group = group_at(s, row.row, first);
          const int16_t* from = row.channel(group * tensor->channels + c);
          for (uint32_t x = first; x < columns.end; x += 2) {
            to[x] = from[2 * size_t{x - columns.begin}];
          }
        }
      }
    };
  };
  return {into(&scale_), into(&mean_)};
}

}  // namespace dlf

#include "prior.h"

#include <algorithm>
#include <utility>

#include "constants.h"

namespace dlf {

Tensor token_values(const NormativePart& model, const ImageGeometry& geometry,
                    const std::vector<int16_t>& tokens) {
  const size_t stride = model.tokens_stride(), windows = static_cast<size_t>(geometry.windows());
  Tensor out(static_cast<uint32_t>(stride), geometry.windows_y, geometry.windows_x);
  for (size_t i = 0; i < stride; ++i) {
    const int32_t span = int32_t{model.levels[i % model.levels.size()]} - 1;
    for (size_t window = 0; window < windows; ++window) {
      const int32_t value = (2 * tokens[window * stride + i] - span) * kTokenInputScale;
      out.channel(i)[window] =
          static_cast<int16_t>(std::clamp<int32_t>(value, INT16_MIN, INT16_MAX));
    }
  }
  return out;
}

void Prior::start(uint8_t rate, const std::vector<int16_t>& tokens) {
  const std::vector<int16_t>& vector = model_.rate_vectors[rate];
  Tensor broadcast(static_cast<uint32_t>(vector.size()), geometry_.latent_h, geometry_.latent_w);
  for (size_t c = 0; c < vector.size(); ++c) {
    std::fill_n(broadcast.channel(c), broadcast.plane(), vector[c]);
  }
  const Program& program = model_.programs[kProgramInit];
  std::vector<Tensor> inputs;
  inputs.push_back(std::move(broadcast));
  if (program.inputs > 1) {
    inputs.push_back(token_values(model_, geometry_, tokens));
  }
  std::vector<Tensor> outputs = run_program(model_, program, std::move(inputs), geometry_.latent_h,
                                            geometry_.latent_w, options_);
  step_ = std::move(outputs[0]);
  scale_ = std::move(outputs[1]);
  mean_ = std::move(outputs[2]);
  context_ = std::move(outputs[3]);
}

void Prior::advance(int s, const Tensor& y_hat) {
  std::vector<Tensor> outputs = run_program(model_, model_.programs[s], {y_hat, context_},
                                            geometry_.latent_h, geometry_.latent_w, options_);
  scale_ = std::move(outputs[0]);
  mean_ = std::move(outputs[1]);
}

}  // namespace dlf

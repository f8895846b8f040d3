// The detail prior (§7): what the decoder expects of each quarter of the latents, from the tokens,
// the rate point and the quarters it already has.
//
// Thread safety: one object belongs to one thread at a time; it only reads the model.
#ifndef DLF_SRC_ENTROPY_PRIOR_H_
#define DLF_SRC_ENTROPY_PRIOR_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "machine/executor.h"
#include "machine/rate_map.h"
#include "machine/tensor.h"
#include "model/geometry.h"
#include "model/normative.h"

namespace dlf {

class Prior {
 public:
  Prior(const NormativePart& model, const ImageGeometry& geometry, const MachineOptions& options)
      : model_(model), geometry_(geometry), options_(options) {}

  // Runs program init (§7.2). `tokens` are digits, [nH*nW][T*D]; the rates are in range.
  void start(const RateMap& rates, const std::vector<int16_t>& tokens);
  // Runs program quarter s, 1 to 3 (§7.4), on what is decoded so far (0 elsewhere).
  void advance(int s, const Tensor& y_hat);

  // Most bytes that running a program takes, beside inputs and outputs.
  static uint64_t network_bytes(const NormativePart& model, const ImageGeometry& geometry);

  Tensor take_step() { return std::move(step_); }  // of every latent, once after start()
  const Tensor& scale() const { return scale_; }   // for the current quarter
  const Tensor& mean() const { return mean_; }     // for the current quarter

 private:
  std::vector<Tensor> run(int program, const std::vector<FillRow>& inputs) const;

  const NormativePart& model_;
  const ImageGeometry& geometry_;
  MachineOptions options_;
  Tensor step_, scale_, mean_, context_;
};

// The token values that program init may read: [T*D] on the window grid (§7.2.2).
Tensor token_values(const NormativePart& model, const ImageGeometry& geometry,
                    const std::vector<int16_t>& tokens);

// Index of the scale table, or -1 when the symbol is not coded (§7.5).
inline int16_t scale_index(const std::vector<int16_t>& thresholds, int16_t scale) {
  int16_t index = -1;
  for (const int16_t threshold : thresholds) {
    index = static_cast<int16_t>(index + (threshold <= scale ? 1 : 0));
  }
  return index;
}

}  // namespace dlf

#endif  // DLF_SRC_ENTROPY_PRIOR_H_

// The detail prior (§7): what the decoder expects of each quarter of the latents, from the tokens,
// the rate point and the quarters it already has.
//
// Thread safety: one object belongs to one thread at a time; it only reads the model.
#ifndef DLF_SRC_ENTROPY_PRIOR_H_
#define DLF_SRC_ENTROPY_PRIOR_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "base/constants.h"
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
  ~Prior();
  Prior(const Prior&) = delete;
  Prior& operator=(const Prior&) = delete;

  // Runs program init (§7.2). `tokens` are digits, [nH*nW][T*D]; the rates are in range.
  void start(const RateMap& rates, const std::vector<int16_t>& tokens);
  // Runs program quarter s, 1 to 3 (§7.4), on what is decoded so far (0 elsewhere).
  void advance(int s, const Tensor& y_hat);

  // Most bytes that running a program takes, beside inputs and outputs.
  static uint64_t network_bytes(const NormativePart& model, const ImageGeometry& geometry);

  Tensor take_step() { return std::move(step_); }  // of every latent, once after start()
  // For the current quarter, at its own positions alone: a quarter of the channels, and at each
  // place those of the group that is coded there (§7.3).
  const Tensor& scale() const { return scale_; }
  const Tensor& mean() const { return mean_; }

 private:
  Tensor whole_output(int program, size_t index) const;
  void run(int program, const std::vector<FillRow>& inputs, const std::vector<TakeRow>& take) const;
  // Makes room for scales and means of a quarter, and takes them.
  std::vector<TakeRow> take_quarter(int s);

  const NormativePart& model_;
  const ImageGeometry& geometry_;
  MachineOptions options_;
  Tensor step_, scale_, mean_, context_;
};

// The token values that program init may read: [T*D] on the window grid (§7.2.2).
Tensor token_values(const NormativePart& model, const ImageGeometry& geometry,
                    const std::vector<int16_t>& tokens);

// Which quarter of the channels is coded at a place in quarter s (§7.3).
inline uint32_t group_at(int s, uint32_t row, uint32_t column) {
  return ((row & 1) * 2 + (column & 1)) ^ static_cast<uint32_t>(kQuarterXor[s]);
}

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

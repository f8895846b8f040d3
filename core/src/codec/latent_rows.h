// The latents that a picture is drawn from, in the order in which the integer machine reads them.
// They are a sixth of the samples' size: as the picture grows, they give way.
//
// Thread safety: rows may be filled from many threads while one drops others.
#ifndef DLF_SRC_CODEC_LATENT_ROWS_H_
#define DLF_SRC_CODEC_LATENT_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "entropy/symbol_codec.h"
#include "machine/executor.h"
#include "model/normative.h"

namespace dlf {

class LatentRows {
 public:
  // Register 0 of the synthesis (§9.9). Takes y_hat and step out of `symbols`. `borders`: columns
  // of the latent grid, ascending, where one part ends and the next begins.
  LatentRows(const IntegerSynthesis& part, SymbolSet* symbols,
             const std::vector<uint32_t>& borders = {});
  ~LatentRows();
  LatentRows(const LatentRows&) = delete;
  LatentRows& operator=(const LatentRows&) = delete;

  // Fills an input on the latent grid. The object must outlive the run.
  FillRow fill() const;
  // Of this part, rows before `end` are not read any more.
  void drop_before(size_t part, uint32_t end);
  void drop(size_t part) { drop_before(part, rows_); }

 private:
  struct Part {
    Span columns;
    uint32_t dropped = 0;  // rows
  };

  int16_t* row(const Part& part, uint32_t index) const {
    return values_.get() +
           channels_ * (size_t{rows_} * part.columns.begin + size_t{index} * part.columns.size());
  }

  uint32_t channels_, rows_;
  std::vector<Part> parts_;
  std::unique_ptr<int16_t[]> values_;  // [part][row][channel][column]
};

}  // namespace dlf

#endif  // DLF_SRC_CODEC_LATENT_ROWS_H_

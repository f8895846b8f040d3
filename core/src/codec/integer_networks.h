// The transforms of an integer package: pixels -> tokens and latents, and back. On the integer
// machine they are exact.
//
// Thread safety: an object never changes; call it from many threads at once.
#ifndef DLF_SRC_CODEC_INTEGER_NETWORKS_H_
#define DLF_SRC_CODEC_INTEGER_NETWORKS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "codec/picture.h"
#include "entropy/symbol_codec.h"
#include "machine/program_runner.h"
#include "machine/rate_map.h"
#include "machine/tensor.h"
#include "model/encoder_part.h"
#include "model/geometry.h"
#include "model/model_package.h"

namespace dlf {

// How texture that no bits describe is drawn.
enum class Noise {
  kVivid,     // as the format defines the picture
  kFaithful,  // without it
};

// What analysis leaves: independent of the rate.
struct IntegerAnalysis {
  std::vector<int16_t> tokens;  // digits, [windows][T*D]
  Tensor features;
  Tensor importance_features;  // of packages with an importance program
};

class IntegerNetworks {
 public:
  // `threads` work on each call. `runner` must outlive the object.
  IntegerNetworks(std::shared_ptr<const ModelPackage> model, const ProgramRunner& runner,
                  int threads);

  using Report = ProgramRunner::Report;

  // Throws DLF_MODEL_ERROR when the package has no encoder.
  IntegerAnalysis analyse(const ConstPixels& pixels, const ImageGeometry& geometry,
                          const Report& report) const;

  // Throws DLF_INVALID_ARGUMENT when the package has no importance program.
  void check_importance() const;
  // How much people will look at each position (A.3), one channel.
  Tensor importance(const Tensor& features, const ImageGeometry& geometry) const;

  // The latents y, [C][h][w], as encode_payload takes them.
  std::vector<float> latents(const Tensor& features, const RateMap& rates,
                             const ImageGeometry& geometry) const;

  // Draws `region`, in pixels of the picture at 1/downscale of its size, into `out`; alpha is not
  // touched. Takes y_hat and step out of `symbols`, which are large.
  void draw(SymbolSet* symbols, const Region& region, int downscale, Noise noise, const Pixels& out,
            const Report& report) const;

 private:
  const EncoderPart& encoder() const;
  // One of the encoder's programs over the whole picture.
  ProgramWork encoding(const Program& program, const ImageGeometry& geometry) const;
  // Such a program with a single output, which is returned.
  Tensor run_to_tensor(const Program& program, const ImageGeometry& geometry,
                       const std::vector<FillRow>& inputs) const;

  std::shared_ptr<const ModelPackage> model_;
  const ProgramRunner& runner_;
  int threads_;
};

// Bytes and multiply-accumulates of the calls above with these threads, beside what goes in and
// comes out.
struct IntegerEstimate {
  uint64_t bytes = 0, macs = 0;
};
IntegerEstimate estimate_analysis(const ModelPackage& model, const ImageGeometry& geometry,
                                  const ProgramRunner& runner, int threads);
IntegerEstimate estimate_drawing(const ModelPackage& model, const ImageGeometry& geometry,
                                 int downscale, const ProgramRunner& runner, int threads);

}  // namespace dlf

#endif  // DLF_SRC_CODEC_INTEGER_NETWORKS_H_

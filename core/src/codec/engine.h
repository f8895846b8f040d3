// What encoding and decoding share: a model, what its networks run on, and how many threads work.
//
// Thread safety: an object never changes after it is made.
#ifndef DLF_SRC_CODEC_ENGINE_H_
#define DLF_SRC_CODEC_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "codec/integer_networks.h"
#include "codec/transforms.h"
#include "model/geometry.h"
#include "model/model_package.h"

namespace dlf {

class Engine {
 public:
  // As for Codec.
  Engine(std::shared_ptr<const ModelPackage> model, Networks networks, int threads);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const ModelPackage& model() const { return *model_; }
  const NormativePart& normative() const { return model_->normative(); }
  int threads() const { return threads_; }
  // How many threads work on the integer networks of one picture of `count`.
  int threads_of_each(size_t count) const { return count > 1 ? 1 : threads_; }

  // Whether programs are run, on the machine or another runner, and not a transform.
  bool is_integer() const { return networks_.transform == nullptr; }
  const IntegerNetworks& integer() const { return integer_; }
  const ProgramRunner& runner() const {
    return networks_.runner != nullptr ? *networks_.runner : integer_machine();
  }
  // To be called unless is_integer().
  const Transform& transform() const { return *networks_.transform; }
  uint64_t pixels_per_call() const { return is_integer() ? 0 : transform().pixels_per_call(); }
  // Parts of progress that a picture stands for when no tiles are counted: rows of latents.
  size_t rows_of(const ImageGeometry& geometry) const {
    return is_integer() ? geometry.latent_h : 0;
  }

 private:
  std::shared_ptr<const ModelPackage> model_;
  Networks networks_;
  int threads_;
  IntegerNetworks integer_;
};

}  // namespace dlf

#endif  // DLF_SRC_CODEC_ENGINE_H_

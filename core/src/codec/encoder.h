// Pictures -> .dlf files: the stages of encoding in their order.
//
// Thread safety: an object never changes; call it from many threads at once.
#ifndef DLF_SRC_CODEC_ENCODER_H_
#define DLF_SRC_CODEC_ENCODER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "codec/codec_options.h"
#include "codec/engine.h"
#include "codec/importance.h"
#include "codec/picture.h"
#include "codec/tile_groups.h"
#include "codec/transform.h"

namespace dlf {

class Encoder {
 public:
  // `engine` must outlive the object.
  explicit Encoder(const Engine& engine) : engine_(engine) {}

  // As Codec::encode_batch and Codec::encode_to_size, on the calling thread and those that it
  // starts.
  std::vector<std::vector<uint8_t>> encode(const std::vector<EncodeItem>& items,
                                           const Progress& progress) const;
  std::vector<uint8_t> encode_to_size(const ConstPixels& pixels, uint64_t max_bytes,
                                      const EncodeOptions& options) const;

 private:
  struct Job;

  Job prepare(const ConstPixels& pixels, const EncodeOptions& options) const;
  std::unique_ptr<Features> analyse(const TileGroup& group, std::vector<Job>* jobs) const;
  void analyse_exactly(Job* job, PartCount* progressing) const;
  void put_latents_of(const TileGroup& group, const Features& features, int rate,
                      std::vector<Job>* jobs) const;
  RatePlan plan_of(const Job& job, int level) const;
  std::vector<uint8_t> finish(const Job& job, const RatePlan& plan, int threads,
                              double bit_price = 0) const;

  const Engine& engine_;
};

}  // namespace dlf

#endif  // DLF_SRC_CODEC_ENCODER_H_

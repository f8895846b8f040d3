// .dlf files -> pictures: the stages of decoding in their order.
//
// Thread safety: an object never changes; call it from many threads at once.
#ifndef DLF_SRC_CODEC_DECODER_H_
#define DLF_SRC_CODEC_DECODER_H_

#include <vector>

#include "codec/codec_options.h"
#include "codec/engine.h"
#include "codec/picture.h"
#include "codec/tile_groups.h"
#include "container/bitstream.h"

namespace dlf {

// The part of the picture that these options ask for, in pixels of the size that they ask for: a
// region is widened to whole pixels of it (§9.7). Throws DLF_INVALID_ARGUMENT for a region that is
// not inside the picture and for another downscale than 1, 2, 4 and 8.
Region output_region(const Header& header, const DecodeOptions& options);

class Decoder {
 public:
  // `engine` must outlive the object.
  explicit Decoder(const Engine& engine) : engine_(engine) {}

  // As Codec::decode_batch, on the calling thread and those that it starts.
  std::vector<DecodedPicture> decode(const std::vector<FileView>& files,
                                     const DecodeOptions& options,
                                     const AllocateEach& allocate) const;

 private:
  struct Job;

  Job open(const FileView& file, const DecodeOptions& options) const;
  void draw(const DecodeOptions& options, Job* job, PartCount* progressing) const;
  void synthesise(const TileGroup& group, const DecodeOptions& options,
                  std::vector<Job>* jobs) const;

  const Engine& engine_;
};

}  // namespace dlf

#endif  // DLF_SRC_CODEC_DECODER_H_

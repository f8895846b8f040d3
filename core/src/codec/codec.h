// Pictures <-> .dlf files.
//
// Every call works on threads of its own (apart.h); the caller's waits, and runs the functions that
// the call was given.
//
// Thread safety: a Codec never changes after it is made; call it from many threads at once. Results
// depend neither on that nor on the number of threads.
#ifndef DLF_SRC_CODEC_CODEC_H_
#define DLF_SRC_CODEC_CODEC_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "codec/codec_options.h"
#include "codec/engine.h"
#include "codec/picture.h"
#include "codec/transforms.h"
#include "model/model_package.h"

namespace dlf {

class Codec {
 public:
  // `networks`: as load_networks gives them; empty for an integer package on the machine.
  // `threads`, at least 1: how many tiles are worked on at the same time, as far as memory allows.
  // Also the threads of the integer networks, or the pictures whose symbols are coded at the same
  // time.
  Codec(std::shared_ptr<const ModelPackage> model, Networks networks, int threads);

  const ModelPackage& model() const { return engine_.model(); }

  // Throws DLF_INVALID_ARGUMENT, DLF_LIMIT_EXCEEDED, DLF_CANCELLED.
  std::vector<uint8_t> encode(const ConstPixels& pixels, const EncodeOptions& options) const;

  // Several pictures, of any sizes; what `encode` gives for each, but that the transform may work
  // on several at once (Transform::pixels_per_call). All are checked before any work. An error
  // names the picture by its index, from 0, and nothing is returned. Limits hold for each picture;
  // max_memory, the smallest of all, for what is worked on together too.
  std::vector<std::vector<uint8_t>> encode_batch(const std::vector<EncodeItem>& items,
                                                 const Progress& progress) const;

  // The best file of at most `max_bytes`, over all rate points (`options.rate` is ignored) and
  // prices of a bit (size_search.h). What is important keeps its distance to the rest as far as the
  // size allows it (levels_below in importance.h).
  // DLF_INVALID_ARGUMENT when even the smallest is larger; the message names its size.
  std::vector<uint8_t> encode_to_size(const ConstPixels& pixels, uint64_t max_bytes,
                                      const EncodeOptions& options) const;

  // Throws DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED, DLF_LIMIT_EXCEEDED,
  // DLF_MODEL_ERROR (the file needs another model), DLF_CANCELLED.
  DecodedPicture decode(const FileView& file, const DecodeOptions& options,
                        const Allocate& allocate) const;

  // Several files; what encode_batch says about its pictures holds for them. The containers
  // of all are checked before any work; `allocate` is called for some before others are decoded.
  std::vector<DecodedPicture> decode_batch(const std::vector<FileView>& files,
                                           const DecodeOptions& options,
                                           const AllocateEach& allocate) const;

 private:
  Engine engine_;
};

}  // namespace dlf

#endif  // DLF_SRC_CODEC_CODEC_H_

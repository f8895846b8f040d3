// Pictures <-> .dlf files: the steps of encoding and decoding in their order.
//
// Thread safety: a Codec never changes after it is made; call it from many threads at once. Results
// depend neither on that nor on the number of threads.
#ifndef DLF_SRC_CODEC_H_
#define DLF_SRC_CODEC_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "bitstream.h"
#include "budget.h"
#include "model_package.h"
#include "picture.h"
#include "symbol_codec.h"
#include "transform.h"

namespace dlf {

// Called on the caller's thread with the number of tiles done and the total, first with 0; false
// cancels the call, which then throws DLF_CANCELLED. A search for a size starts anew for each
// trial.
using Progress = std::function<bool(uint32_t done, uint32_t total)>;

// Which layers of the payload decide the picture.
enum class Layers { kAll, kSemantic };

struct EncodeOptions {
  uint8_t rate = 0;         // index of the rate point, 0 = smallest files
  uint8_t orientation = 1;  // EXIF numbering; recorded, the pixels are taken as they are
  ColourSpace colour = ColourSpace::kSrgb;
  std::vector<Chunk> chunks;   // ICC, EXIF, XMP, private; alpha comes from the pixels
  bool force_trailer = false;  // a CRC-32C even without chunks
  Limits limits;
  Progress progress;
};

struct DecodeOptions {
  Layers layers = Layers::kAll;
  bool allow_truncated = false;  // best picture so far instead of DLF_TRUNCATED_FILE
  std::optional<Region> region;  // this part only, in pixels of the whole size; default: all
  int downscale = 1;             // 2, 4, 8: the picture at that part of its size (§9.7)
  Limits limits;
  Progress progress;
};

// Everything about a decoded picture but its samples.
struct DecodedPicture {
  Header header;
  Region region;  // what was decoded, in pixels of the size asked for
  int channels = 3;
  std::vector<Chunk> chunks;
  bool complete = true;  // false when a truncated file was accepted
};

// Gives the memory for `bytes` samples, interleaved, without gaps between lines. Called once, after
// everything has been checked and the symbols are decoded. Null means out of memory.
using Allocate = std::function<uint8_t*(size_t bytes)>;

// The part of the picture that these options ask for, in pixels of the size that they ask for: a
// region is widened to whole pixels of it (§9.7). Throws DLF_INVALID_ARGUMENT for a region that is
// not inside the picture and for another downscale than 1, 2, 4 and 8.
Region output_region(const Header& header, const DecodeOptions& options);

class Codec {
 public:
  // `threads`: tiles worked on at the same time, as far as memory allows, and threads of the
  // integer networks; at least 1.
  Codec(std::shared_ptr<const ModelPackage> model, std::unique_ptr<const Transform> transform,
        int threads);

  const ModelPackage& model() const { return *model_; }

  // Throws DLF_INVALID_ARGUMENT, DLF_LIMIT_EXCEEDED, DLF_CANCELLED.
  std::vector<uint8_t> encode(const ConstPixels& pixels, const EncodeOptions& options) const;

  // The best file of at most `max_bytes`, over all rate points (`options.rate` is ignored) and
  // prices of a bit (size_search.h).
  // DLF_INVALID_ARGUMENT when even the smallest is larger; the message names its size.
  std::vector<uint8_t> encode_to_size(const ConstPixels& pixels, uint64_t max_bytes,
                                      const EncodeOptions& options) const;

  // Throws DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED, DLF_LIMIT_EXCEEDED,
  // DLF_MODEL_ERROR (the file needs another model), DLF_CANCELLED.
  DecodedPicture decode(ByteView data, const DecodeOptions& options,
                        const Allocate& allocate) const;

 private:
  struct Job;

  Job prepare(const ConstPixels& pixels, const EncodeOptions& options) const;
  std::vector<uint8_t> finish(const Job& job, uint8_t rate,
                              const std::vector<float>& latents, double bit_price = 0) const;
  // The picture of one tile, at 1/downscale of its size.
  std::vector<float> synthesise(const SymbolSet& symbols, const Tile& tile, int downscale) const;

  std::shared_ptr<const ModelPackage> model_;
  std::unique_ptr<const Transform> transform_;
  int threads_;
};

}  // namespace dlf

#endif  // DLF_SRC_CODEC_H_

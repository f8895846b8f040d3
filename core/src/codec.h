// Pictures <-> .dlf files: the steps of encoding and decoding in their order.
//
// Every call works on threads of its own (apart.h); the caller's waits, and runs the functions that
// the call was given.
//
// Thread safety: a Codec never changes after it is made; call it from many threads at once. Results
// depend neither on that nor on the number of threads.
#ifndef DLF_SRC_CODEC_H_
#define DLF_SRC_CODEC_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bitstream.h"
#include "budget.h"
#include "importance.h"
#include "machine/integer_networks.h"
#include "model_package.h"
#include "picture.h"
#include "status.h"
#include "symbol_codec.h"
#include "tile_groups.h"
#include "transforms.h"

namespace dlf {

// Called on the caller's thread with the number of steps done and the total, first with 0, at last
// with the total, perhaps not with every number between; false cancels the call, which then throws
// DLF_CANCELLED. A step is a tile, or in an integer package a row of latents. A search for a size
// starts anew for each trial. Must be free to copy.
using Progress = std::function<bool(uint32_t done, uint32_t total)>;

// Which layers of the payload decide the picture.
enum class Layers { kAll, kSemantic };

struct EncodeOptions {
  uint8_t rate = 0;         // index of the rate point, 0 = smallest files
  uint8_t orientation = 1;  // EXIF numbering; recorded, the pixels are taken as they are
  ColourSpace colour = ColourSpace::kSrgb;
  std::vector<Chunk> chunks;      // ICC, EXIF, XMP, private; alpha comes from the pixels
  bool force_trailer = false;     // a CRC-32C even without chunks
  ImportanceMask importance;      // where people look; only for models with importance maps
  bool finds_importance = false;  // in place of a mask: what the model's importance program finds
  Limits limits;
  Progress progress;
};

// One of several pictures to encode; both are borrowed.
struct EncodeItem {
  ConstPixels pixels;
  const EncodeOptions* options;  // its progress is not called
};

struct DecodeOptions {
  Layers layers = Layers::kAll;
  bool allow_truncated = false;  // best picture so far instead of DLF_TRUNCATED_FILE
  std::optional<Region> region;  // this part only, in pixels of the whole size; default: all
  int downscale = 1;             // 2, 4, 8: the picture at that part of its size (§9.7)
  Noise noise = Noise::kVivid;   // of integer packages
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

// The same for one of several pictures, of which all but the samples is known.
using AllocateEach =
    std::function<uint8_t*(size_t index, const DecodedPicture& picture, size_t bytes)>;

// The part of the picture that these options ask for, in pixels of the size that they ask for: a
// region is widened to whole pixels of it (§9.7). Throws DLF_INVALID_ARGUMENT for a region that is
// not inside the picture and for another downscale than 1, 2, 4 and 8.
Region output_region(const Header& header, const DecodeOptions& options);

class Codec {
 public:
  // `networks`: as load_networks gives them; empty for an integer package on the machine.
  // `threads`: tiles worked on at the same time, as far as memory allows, and threads of the
  // integer networks or pictures whose symbols are coded at the same time; at least 1.
  Codec(std::shared_ptr<const ModelPackage> model, Networks networks, int threads);

  const ModelPackage& model() const { return *model_; }

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
  DecodedPicture decode(ByteView data, const DecodeOptions& options,
                        const Allocate& allocate) const;

  // Several files; what encode_batch says about its pictures holds for them. Headers and containers
  // of all are checked before any work; `allocate` is called for some before others are decoded.
  std::vector<DecodedPicture> decode_batch(const std::vector<ByteView>& files,
                                           const DecodeOptions& options,
                                           const AllocateEach& allocate) const;

 private:
  struct EncodeJob;
  struct DecodeJob;

  // codec_encode.cpp
  std::vector<std::vector<uint8_t>> encode_here(const std::vector<EncodeItem>& items,
                                                const Progress& progress) const;
  std::vector<uint8_t> encode_to_size_here(const ConstPixels& pixels, uint64_t max_bytes,
                                           const EncodeOptions& options) const;
  EncodeJob prepare(const ConstPixels& pixels, const EncodeOptions& options) const;
  std::unique_ptr<Features> analyse(const TileGroup& group, std::vector<EncodeJob>* jobs) const;
  void analyse_exactly(EncodeJob* job, TileCount* progressing) const;
  void put_latents_of(const TileGroup& group, const Features& features, int rate,
                      std::vector<EncodeJob>* jobs) const;
  RatePlan plan_of(const EncodeJob& job, int level) const;
  std::vector<uint8_t> finish(const EncodeJob& job, const RatePlan& plan, int threads,
                              double bit_price = 0) const;

  // codec_decode.cpp
  std::vector<DecodedPicture> decode_here(const std::vector<ByteView>& files,
                                          const DecodeOptions& options,
                                          const AllocateEach& allocate) const;
  DecodeJob open(ByteView data, const DecodeOptions& options) const;
  void draw(const DecodeOptions& options, DecodeJob* job, TileCount* progressing) const;
  void synthesise(const TileGroup& group, const DecodeOptions& options,
                  std::vector<DecodeJob>* jobs) const;

  // Whether programs are run, on the machine or another runner, and not a transform.
  bool is_integer() const { return networks_.transform == nullptr; }
  uint64_t pixels_per_call() const { return is_integer() ? 0 : transform().pixels_per_call(); }
  const Transform& transform() const { return *networks_.transform; }
  const ProgramRunner& runner() const {
    return networks_.runner != nullptr ? *networks_.runner : integer_machine();
  }
  // Steps of progress that a picture stands for when no tiles are counted.
  size_t strips_of(const ImageGeometry& geometry) const {
    return is_integer() ? geometry.latent_h : 0;
  }

  // How many threads work on the integer networks of one picture of `count`.
  int threads_of_each(size_t count) const { return count > 1 ? 1 : threads_; }

  std::shared_ptr<const ModelPackage> model_;
  Networks networks_;
  int threads_;
  IntegerNetworks integer_;
};

// Runs `action` for one picture of `count`; what it throws then names the picture, unless it is the
// only one. `what`: "picture", "file".
template <typename Action>
void naming(const char* what, size_t index, size_t count, Action action) {
  try {
    action();
  } catch (const Error& error) {
    if (count == 1) throw;
    fail(error.status(), std::string(what) + " " + std::to_string(index) + ": " + error.what(),
         error.offset());
  }
}

}  // namespace dlf

#endif  // DLF_SRC_CODEC_H_

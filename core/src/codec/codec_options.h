// What the calls of a codec take and give.
//
// Thread safety: plain values.
#ifndef DLF_SRC_CODEC_CODEC_OPTIONS_H_
#define DLF_SRC_CODEC_CODEC_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "codec/budget.h"
#include "codec/importance.h"
#include "codec/integer_networks.h"
#include "codec/picture.h"
#include "container/bitstream.h"

namespace dlf {

// Called on the caller's thread with the number of parts done and the total: first with 0, at last
// with the total, perhaps not with every number between. A result of false cancels the call, which
// then throws DLF_CANCELLED. A part is a tile, or in an integer package a row of latents. A search
// for a size starts anew for each trial. Must be free to copy.
using Progress = std::function<bool(uint32_t done, uint32_t total)>;

// Which layers of the payload decide the picture.
enum class Layers { kAll, kSemantic };

struct EncodeOptions {
  uint8_t rate = 0;         // index of the rate point, 0 = smallest files
  uint8_t orientation = 1;  // EXIF numbering; recorded, the pixels are taken as they are
  // The size that the picture had before it was reduced, recorded (§2.7); 0: it was not.
  uint32_t display_width = 0, display_height = 0;
  ColorSpace color_space = ColorSpace::kSrgb;
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

#endif  // DLF_SRC_CODEC_CODEC_OPTIONS_H_

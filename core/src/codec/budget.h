// What one call may take at most, and the estimate of what it will: both known before anything is
// allocated.
//
// Thread safety: values and pure functions.
#ifndef DLF_SRC_CODEC_BUDGET_H_
#define DLF_SRC_CODEC_BUDGET_H_

#include <cstdint>

#include "container/bitstream.h"
#include "machine/program_runner.h"
#include "model/geometry.h"
#include "model/model_package.h"

namespace dlf {

// The defaults let a 100-megapixel photograph through and little more.
struct Limits {
  uint64_t max_pixels = uint64_t{1} << 27;       // of the picture, padded to whole windows
  uint32_t max_side = 65535;                     // pixels
  uint64_t max_memory = uint64_t{4} << 30;       // estimated peak of one call, bytes
  uint64_t max_chunk_bytes = uint64_t{1} << 26;  // chunk contents together but alpha, inflated

  uint64_t max_file_bytes = uint64_t{1} << 28;  // as header and chunks frame the file

  static Limits none() { return {UINT64_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}; }
};

struct Estimate {
  uint64_t output_bytes = 0;  // samples: those to encode, or those of the decoded picture
  uint64_t memory_bytes = 0;  // what one call allocates at its peak, output included
  uint64_t macs = 0;          // multiply-accumulates of networks and entropy model
  uint32_t parts = 0;         // of the work, which progress counts: tiles, or rows of latents
  int tiles_at_once = 1;      // that memory_bytes allows for
  uint64_t tile_bytes = 0;    // the part of memory_bytes that each of them has

  // What the call needs besides its tiles.
  uint64_t rest_bytes() const {
    return memory_bytes - static_cast<uint64_t>(tiles_at_once) * tile_bytes;
  }
};

// `runner`: of the integer networks, where the package has them. Each tile in work costs memory: up
// to `threads` of them are taken as long as limits.max_memory allows it, and one in any case.
Estimate estimate_encoding(const ModelPackage& model, const ImageGeometry& geometry, int channels,
                           int threads, const Limits& limits,
                           const ProgramRunner& runner = integer_machine());

// What a decoding is to give, and with what.
struct DecodingWork {
  int channels = 3;        // of the picture
  int downscale = 1;       // 1, 2, 4 or 8: the size is divided by it
  int threads = 1;         // as for estimate_encoding
  bool for_pixels = true;  // of the symbols only what drawing needs is kept (PayloadOptions)
};

// The same for decoding.
Estimate estimate_decoding(const ModelPackage& model, const ImageGeometry& geometry,
                           const DecodingWork& work, const Limits& limits,
                           const ProgramRunner& runner = integer_machine());

// Alpha is bounded by max_pixels, since its size follows from the picture's.
ChunkLimits chunk_limits(const Limits& limits);

// Throw DLF_LIMIT_EXCEEDED naming the limit and the value. The first needs no model.
void check_size(uint32_t width, uint32_t height, const Limits& limits);
void check_work(const ImageGeometry& geometry, const Estimate& estimate, const Limits& limits);

}  // namespace dlf

#endif  // DLF_SRC_CODEC_BUDGET_H_

#include "codec/budget.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/status.h"
#include "codec/integer_networks.h"
#include "codec/transparent_fill.h"
#include "entropy/symbol_codec.h"

namespace dlf {
namespace {

// Peak of the networks' activations and of what the allocator keeps beside them, for each pixel of
// a tile. Measured: 230 to 450, with TorchScript networks of 11 million parameters, encoding and
// decoding, one tile and nine.
constexpr uint64_t kTransformBytesPerPixel = 512;

// The same for a synthesis that never makes the picture at its whole size: 40 to 125 measured with
// them.
constexpr uint64_t kReducedTransformBytesPerPixel = 256;

// Saturating, so that an absurd picture compares as too large and never as small.
uint64_t times(uint64_t a, uint64_t b) {
  return a != 0 && b > std::numeric_limits<uint64_t>::max() / a
             ? std::numeric_limits<uint64_t>::max()
             : a * b;
}

uint64_t plus(uint64_t a, uint64_t b) {
  return b > std::numeric_limits<uint64_t>::max() - a ? std::numeric_limits<uint64_t>::max()
                                                      : a + b;
}

void refuse(const char* what, uint64_t value, uint64_t limit) {
  fail(DLF_LIMIT_EXCEEDED, std::string(what) + " " + std::to_string(value) +
                               " exceeds the limit of " + std::to_string(limit));
}

// The largest tile and the sum of all tiles, in windows, without a list of them.
struct TileWork {
  uint64_t tiles, largest, total;
};

// One dimension: `count` windows, `core` at a time, each extended by `margin` on both sides.
struct Extents {
  uint64_t tiles = 0, largest = 0, total = 0;

  Extents(uint64_t count, uint64_t core, uint64_t margin) {
    tiles = (count + core - 1) / core;
    largest = std::min(count, core + 2 * margin);
    // Every tile but the outer ones has its margin on both sides; clipping only makes less.
    total = plus(count, times(2 * margin, tiles));
  }
};

TileWork tile_work(const NormativePart& model, const ImageGeometry& geometry) {
  const uint64_t windows = geometry.windows();
  if (!model.has_tiles() || windows <= model.whole_limit) return {1, windows, windows};
  const Extents rows(geometry.windows_y, model.tile_core, model.tile_margin);
  const Extents columns(geometry.windows_x, model.tile_core, model.tile_margin);
  return {times(rows.tiles, columns.tiles), times(rows.largest, columns.largest),
          times(rows.total, columns.total)};
}

// What one call works on and with.
struct Call {
  uint64_t sample_pixels;    // of the picture that comes in or goes out
  uint64_t macs_per_pixel;   // of the networks
  uint64_t bytes_per_pixel;  // of a tile in work
  uint64_t copy_bytes;       // of the picture itself
};

Estimate estimate(const NormativePart& model, const ImageGeometry& geometry, int channels,
                  const Call& call, int threads, const Limits& limits) {
  const TileWork work = tile_work(model, geometry);
  const uint64_t window_pixels = times(geometry.window_px, geometry.window_px);
  const uint64_t pixels = times(geometry.width, geometry.height);

  Estimate result;
  result.output_bytes = times(call.sample_pixels, static_cast<uint64_t>(channels));
  const uint64_t alpha = channels == 2 || channels == 4 ? pixels : 0;
  const uint64_t tile = times(times(work.largest, window_pixels), call.bytes_per_pixel);
  const uint64_t rest = plus(plus(plus(result.output_bytes, call.copy_bytes), times(2, alpha)),
                             estimate_entropy_bytes(model, geometry));
  const uint64_t affordable =
      limits.max_memory > rest ? (limits.max_memory - rest) / std::max<uint64_t>(tile, 1) : 0;
  const uint64_t wanted = std::min(work.tiles, static_cast<uint64_t>(std::max(threads, 1)));
  const uint64_t together = std::max<uint64_t>(std::min(wanted, affordable), 1);
  result.tiles_at_once = static_cast<int>(together);
  result.memory_bytes = plus(rest, times(together, tile));
  result.tile_bytes = tile;
  result.macs = plus(times(times(work.total, window_pixels), call.macs_per_pixel),
                     estimate_entropy_macs(model, geometry));
  result.parts =
      static_cast<uint32_t>(std::min<uint64_t>(work.tiles, std::numeric_limits<uint32_t>::max()));
  return result;
}

// The same for a package whose networks work in strips: there is one, of all columns.
Estimate estimate_strips(const NormativePart& model, const ImageGeometry& geometry, int channels,
                         const Call& call, const IntegerEstimate& networks, bool for_pixels) {
  Estimate result;
  const uint64_t pixels = times(geometry.width, geometry.height);
  const uint64_t alpha = channels == 2 || channels == 4 ? pixels : 0;
  result.output_bytes = times(call.sample_pixels, static_cast<uint64_t>(channels));
  result.tile_bytes = networks.bytes;
  result.memory_bytes =
      plus(plus(plus(result.output_bytes, call.copy_bytes), times(2, alpha)),
           plus(estimate_entropy_bytes(model, geometry, for_pixels), networks.bytes));
  result.macs = plus(networks.macs, estimate_entropy_macs(model, geometry));
  result.parts = geometry.latent_h;
  return result;
}

}  // namespace

Estimate estimate_encoding(const ModelPackage& model, const ImageGeometry& geometry, int channels,
                           int threads, const Limits& limits, const ProgramRunner& runner) {
  const bool has_alpha = channels == 2 || channels == 4;
  const Call call{times(geometry.width, geometry.height), model.normative().analysis_macs,
                  kTransformBytesPerPixel,
                  has_alpha ? fill_bytes(times(geometry.width, geometry.height), channels) : 0};
  if (model.normative().synthesis) {
    return estimate_strips(model.normative(), geometry, channels, call,
                           estimate_analysis(model, geometry, runner, threads), false);
  }
  return estimate(model.normative(), geometry, channels, call, threads, limits);
}

Estimate estimate_decoding(const ModelPackage& model, const ImageGeometry& geometry,
                           const DecodingWork& work, const Limits& limits,
                           const ProgramRunner& runner) {
  const bool whole = work.downscale == 1 || !model.reduced_macs();
  const auto divisor = static_cast<uint32_t>(work.downscale);
  const Call call{
      times(divide_up(geometry.width, divisor), divide_up(geometry.height, divisor)),
      whole ? model.normative().synthesis_macs : model.reduced_macs()->at(work.downscale),
      whole ? kTransformBytesPerPixel : kReducedTransformBytesPerPixel, 0};
  if (model.normative().synthesis) {
    return estimate_strips(model.normative(), geometry, work.channels, call,
                           estimate_drawing(model, geometry, work.downscale, runner, work.threads),
                           work.for_pixels);
  }
  return estimate(model.normative(), geometry, work.channels, call, work.threads, limits);
}

ChunkLimits chunk_limits(const Limits& limits) {
  return {limits.max_chunk_bytes, plus(limits.max_pixels, 1)};  // §3.5: a byte for the method
}

void check_size(uint32_t width, uint32_t height, const Limits& limits) {
  if (width > limits.max_side) refuse("the width", width, limits.max_side);
  if (height > limits.max_side) refuse("the height", height, limits.max_side);
  const uint64_t pixels = times(width, height);
  if (pixels > limits.max_pixels) refuse("the number of pixels", pixels, limits.max_pixels);
}

void check_work(const ImageGeometry& geometry, const Estimate& estimate, const Limits& limits) {
  const uint64_t pixels = geometry.padded_pixels();
  if (pixels > limits.max_pixels) {
    refuse("the number of pixels in whole windows", pixels, limits.max_pixels);
  }
  if (estimate.memory_bytes > limits.max_memory) {
    refuse("the estimated memory in bytes", estimate.memory_bytes, limits.max_memory);
  }
}

}  // namespace dlf

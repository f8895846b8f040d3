#include "codec.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "constants.h"
#include "downscale.h"
#include "file_reader.h"
#include "size_search.h"
#include "status.h"
#include "tiles.h"
#include "workers.h"

namespace dlf {
namespace {

void report(const Progress& progress, size_t done, size_t total) {
  if (progress && !progress(static_cast<uint32_t>(done), static_cast<uint32_t>(total))) {
    fail(DLF_CANCELLED, "cancelled by the caller");
  }
}

// Tiles write to places of their own, so they may be worked on at the same time.
void for_each_tile(const std::vector<Tile>& tiles, int threads, const Progress& progress,
                   const std::function<void(size_t index, const Tile& tile)>& action) {
  run_workers(
      tiles.size(), threads, [&](size_t i) { action(i, tiles[i]); },
      [&](size_t done) { report(progress, done, tiles.size()); });
}

size_t latent_count(const NormativePart& model, const ImageGeometry& geometry) {
  return checked_multiply(checked_multiply(geometry.latent_h, geometry.latent_w, "latents"),
                          model.latent_channels, "latents");
}

// --- encoding

void check_pixels(const ConstPixels& pixels) {
  if (pixels.width == 0 || pixels.height == 0) {
    fail(DLF_INVALID_ARGUMENT, "an image of " + std::to_string(pixels.width) + "x" +
                                   std::to_string(pixels.height) + " pixels cannot be coded");
  }
  if (pixels.width > kMaxSide || pixels.height > kMaxSide) {
    fail(DLF_LIMIT_EXCEEDED,
         "the format allows at most " + std::to_string(kMaxSide) + " pixels a side");
  }
  if (pixels.channels < 1 || pixels.channels > 4) {
    fail(DLF_INVALID_ARGUMENT, "an image has 1, 2, 3 or 4 channels");
  }
  const size_t line = checked_multiply(pixels.width, static_cast<size_t>(pixels.channels), "line");
  if (pixels.data == nullptr || pixels.stride < line) {
    fail(DLF_INVALID_ARGUMENT, "the lines of the image overlap or are missing");
  }
}

Chunk alpha_chunk(const ConstPixels& pixels) {
  std::vector<uint8_t> plane(checked_multiply(pixels.width, pixels.height, "alpha"));
  const size_t channels = static_cast<size_t>(pixels.channels);
  uint8_t* to = plane.data();
  for (uint32_t y = 0; y < pixels.height; ++y) {
    const uint8_t* line = pixels.line(y) + channels - 1;
    for (uint32_t x = 0; x < pixels.width; ++x) *to++ = line[x * channels];
  }
  Chunk chunk;
  chunk.type = kChunkAlpha;
  chunk.critical = true;
  chunk.safe_to_copy = false;  // whoever changes the picture must change it too
  chunk.content = pack_alpha(plane.data(), pixels.width, pixels.height);
  return chunk;
}

// --- decoding

void put_alpha(const ParsedFile& file, const Region& region, int downscale, const Pixels& out) {
  const Chunk* chunk = find_chunk(file.chunks, kChunkAlpha);
  // Missing is possible only in a truncated file that the caller accepts: then opaque.
  std::vector<uint8_t> plane;
  const uint32_t width = file.header.width, height = file.header.height;
  if (chunk != nullptr) plane = unpack_alpha(*chunk, width, height);
  const size_t channels = static_cast<size_t>(out.channels);
  for (uint32_t y = 0; y < region.height; ++y) {
    uint8_t* to = out.line(y) + channels - 1;
    for (uint32_t x = 0; x < region.width; ++x) {
      to[x * channels] =
          plane.empty() ? 255
                        : box_sample(plane, width, height, region.x + x, region.y + y, downscale);
    }
  }
}

}  // namespace

Region output_region(const Header& header, const DecodeOptions& options) {
  check_downscale(options.downscale);
  const Region whole{0, 0, header.width, header.height};
  const Region& region = options.region ? *options.region : whole;
  const uint64_t right = uint64_t{region.x} + region.width;
  const uint64_t bottom = uint64_t{region.y} + region.height;
  if (region.width == 0 || region.height == 0 || right > header.width || bottom > header.height) {
    fail(DLF_INVALID_ARGUMENT, "the region is not inside the picture");
  }
  return reduced_region(region, options.downscale);
}

Codec::Codec(std::shared_ptr<const ModelPackage> model, std::unique_ptr<const Transform> transform,
             int threads)
    : model_(std::move(model)), transform_(std::move(transform)), threads_(std::max(threads, 1)) {}

// What all rate points of one encoder call share.
struct Codec::Job {
  Header header;
  ImageGeometry geometry;
  std::vector<Tile> tiles;
  int tiles_at_once = 1;
  std::vector<Chunk> chunks;
  std::vector<int16_t> tokens;
};

Codec::Job Codec::prepare(const ConstPixels& pixels, const EncodeOptions& options) const {
  const NormativePart& model = model_->normative();
  check_pixels(pixels);
  check_size(pixels.width, pixels.height, options.limits);

  Job job;
  job.geometry = ImageGeometry::of(model, pixels.width, pixels.height);
  const Estimate cost =
      estimate_encoding(*model_, job.geometry, pixels.channels, threads_, options.limits);
  check_work(job.geometry, cost, options.limits);
  job.tiles_at_once = cost.tiles_at_once;
  job.tiles = tiles_of(model, job.geometry);
  job.tokens.resize(checked_multiply(static_cast<size_t>(job.geometry.windows()),
                                     model.tokens_stride(), "tokens"));

  job.header.model_id = model_->id();
  job.header.width = pixels.width;
  job.header.height = pixels.height;
  job.header.has_trailer = options.force_trailer;
  job.header.picture.orientation = options.orientation;
  job.header.picture.grayscale = pixels.is_gray();
  job.header.picture.alpha = pixels.has_alpha() ? AlphaMode::kStraight : AlphaMode::kNone;
  job.header.picture.colour = options.colour;
  job.chunks = options.chunks;
  if (pixels.has_alpha()) job.chunks.push_back(alpha_chunk(pixels));
  return job;
}

std::vector<uint8_t> Codec::finish(const Job& job, uint8_t rate, const std::vector<float>& latents,
                                   double bit_price) const {
  EntropyOptions entropy;
  entropy.threads = threads_;
  entropy.bit_price = bit_price;
  const EncodedPayload coded =
      encode_payload(*model_, job.geometry, rate, job.tokens, latents, entropy);
  Header header = job.header;
  header.rate = rate;
  return write_file(header, coded.payload, job.chunks);
}

std::vector<uint8_t> Codec::encode(const ConstPixels& pixels, const EncodeOptions& options) const {
  const NormativePart& model = model_->normative();
  if (options.rate >= model.rate_points) {
    fail(DLF_INVALID_ARGUMENT, "the model has rate points 0 to " +
                                   std::to_string(model.rate_points - 1) + ", not " +
                                   std::to_string(options.rate));
  }
  Job job = prepare(pixels, options);

  std::vector<float> latents(latent_count(model, job.geometry));
  for_each_tile(job.tiles, job.tiles_at_once, options.progress, [&](size_t, const Tile& tile) {
    const Analysis analysis =
        transform_->analysis(cut_image(pixels, job.geometry, tile), extended_grid(tile));
    put_tokens(analysis.tokens, tile, job.geometry, model.tokens_stride(), &job.tokens);
    put_latents(transform_->bottleneck(*analysis.features, options.rate), tile, job.geometry,
                model.latent_channels, &latents);
  });

  return finish(job, options.rate, latents);
}

std::vector<uint8_t> Codec::encode_to_size(const ConstPixels& pixels, uint64_t max_bytes,
                                           const EncodeOptions& options) const {
  const NormativePart& model = model_->normative();
  Job job = prepare(pixels, options);

  // The analysis does not depend on the rate point: once for all trials.
  std::vector<std::unique_ptr<Features>> features(job.tiles.size());
  for_each_tile(job.tiles, job.tiles_at_once, options.progress, [&](size_t i, const Tile& tile) {
    Analysis analysis =
        transform_->analysis(cut_image(pixels, job.geometry, tile), extended_grid(tile));
    put_tokens(analysis.tokens, tile, job.geometry, model.tokens_stride(), &job.tokens);
    features[i] = std::move(analysis.features);
  });

  std::vector<float> latents(latent_count(model, job.geometry));
  std::optional<int> rate_of_latents;
  return fill_size(max_bytes, model.rate_points, [&](int rate, double bit_price) {
    if (rate_of_latents != rate) {
      for_each_tile(job.tiles, job.tiles_at_once, options.progress,
                    [&](size_t i, const Tile& tile) {
                      put_latents(transform_->bottleneck(*features[i], rate), tile, job.geometry,
                                  model.latent_channels, &latents);
                    });
      rate_of_latents = rate;
    }
    report(options.progress, job.tiles.size(), job.tiles.size());  // the place to cancel
    return finish(job, static_cast<uint8_t>(rate), latents, bit_price);
  });
}

std::vector<float> Codec::synthesise(const SymbolSet& symbols, const Tile& tile,
                                     int downscale) const {
  const NormativePart& model = model_->normative();
  const std::vector<int64_t> tokens =
      cut_tokens(symbols.tokens, tile, symbols.geometry, model.tokens_stride());
  const std::vector<float> latents =
      cut_latents(symbols.latent, tile, symbols.geometry, model.latent_channels,
                  model.latent_fraction + model.step_fraction);
  const WindowGrid grid = extended_grid(tile);
  if (downscale > 1 && model_->reduced_macs()) {
    return transform_->synthesis_reduced(tokens, latents, symbols.rate, grid, downscale);
  }
  std::vector<float> image = transform_->synthesis(tokens, latents, symbols.rate, grid);
  if (downscale > 1) image = box_average(image, size_t{grid.columns} * model.window, downscale);
  return image;
}

DecodedPicture Codec::decode(ByteView data, const DecodeOptions& options,
                             const Allocate& allocate) const {
  const NormativePart& model = model_->normative();

  // 1. Header and limits, then the container: refuse before anything is allocated.
  ReadOptions reading;
  reading.limits = options.limits;
  reading.allow_truncated = options.allow_truncated;
  reading.semantic_only = options.layers == Layers::kSemantic;
  reading.threads = threads_;
  reading.downscale = options.downscale;
  check_downscale(options.downscale);
  if (model.window % options.downscale != 0) {
    fail(DLF_UNSUPPORTED, "the windows of this model cannot be made smaller");
  }
  OpenedFile opened = open_file(data, *model_, reading);
  const Header& header = opened.file.header;
  const Region region = output_region(header, options);

  // 2. Payload -> tokens and latents, integers only.
  const SymbolSet symbols = read_symbols(opened, *model_, reading);

  // 3. The memory for the samples, and the tiles that they need.
  DecodedPicture picture;
  picture.channels = header.picture.channels();
  Pixels out{nullptr, region.width, region.height, picture.channels,
             checked_multiply(region.width, static_cast<size_t>(picture.channels), "line")};
  out.data = allocate(checked_multiply(out.stride, region.height, "picture"));
  if (out.data == nullptr) fail(DLF_OUT_OF_MEMORY, "no memory for the decoded picture");
  const size_t side = model.window / static_cast<size_t>(options.downscale);
  std::vector<Tile> tiles = tiles_of(model, opened.geometry);
  tiles.erase(std::remove_if(tiles.begin(), tiles.end(),
                             [&](const Tile& tile) { return !touches(tile, side, region); }),
              tiles.end());

  // 4. Synthesis; the core of each tile becomes pixels at once.
  for_each_tile(tiles, opened.cost.tiles_at_once, options.progress, [&](size_t, const Tile& tile) {
    put_pixels(synthesise(symbols, tile, options.downscale), tile, side, region, out);
  });

  // 5. What the networks do not carry.
  if (out.has_alpha()) put_alpha(opened.file, region, options.downscale, out);
  picture.header = header;
  picture.region = region;
  picture.complete = symbols.complete && !opened.file.truncated;
  picture.chunks = std::move(opened.file.chunks);
  return picture;
}

}  // namespace dlf

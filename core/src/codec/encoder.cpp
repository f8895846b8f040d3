#include "codec/encoder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/constants.h"
#include "base/workers.h"
#include "codec/size_search.h"
#include "codec/tiles.h"
#include "codec/transparent_fill.h"
#include "container/exif.h"

namespace dlf {
namespace {

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

// An ICC chunk describes the samples (§2.6.1), so it must speak of such: ICC.1:2022 7.2.6 has the
// signature of what it speaks of in bytes 16 to 19.
void check_profile(const std::vector<Chunk>& chunks, bool is_gray) {
  constexpr size_t kAt = 16, kLength = 4;
  const Chunk* profile = find_chunk(chunks, kChunkIcc);
  if (profile == nullptr) return;
  const std::string wanted = is_gray ? "GRAY" : "RGB ";
  const std::vector<uint8_t>& content = profile->content;
  const std::string found =
      content.size() < kAt + kLength
          ? std::string()
          : std::string(content.begin() + kAt, content.begin() + kAt + kLength);
  if (found != wanted) {
    fail(DLF_INVALID_ARGUMENT, "the ICC profile is not of the samples' colour space, " + wanted);
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

void check_rate(const NormativePart& model, uint8_t rate) {
  if (rate >= model.rate_points) {
    fail(DLF_INVALID_ARGUMENT, "the model has rate points 0 to " +
                                   std::to_string(model.rate_points - 1) + ", not " +
                                   std::to_string(rate));
  }
}

Reduction reduction_of(const ConstPixels& pixels, const EncodeOptions& options) {
  if (options.display_width == 0 && options.display_height == 0) return {};
  return Reduction::between(options.display_width, options.display_height, pixels.width,
                            pixels.height);
}

}  // namespace

// One picture on its way to a file.
struct Encoder::Job {
  ConstPixels pixels;
  Header header;
  ImageGeometry geometry;
  Estimate estimate;
  std::vector<Tile> tiles;
  std::vector<Chunk> chunks;
  ImportanceGrid importance;
  bool finds_importance = false;
  uint64_t max_file_bytes = 0;
  std::vector<uint8_t> filled;  // the samples of `pixels`, where not the caller's
  std::vector<int16_t> tokens;
  Tensor features;  // of integer networks
  std::vector<float> latents;

  // What grows with the picture; after every check.
  void make_room(const NormativePart& model) {
    tokens.resize(
        checked_multiply(static_cast<size_t>(geometry.windows()), model.tokens_stride(), "tokens"));
    latents.resize(latent_count(model, geometry));
    if (!pixels.has_alpha()) return;
    chunks.push_back(alpha_chunk(pixels));
    filled = fill_transparent(pixels);
    if (filled.empty()) return;
    pixels.data = filled.data();
    pixels.stride = size_t{pixels.width} * static_cast<size_t>(pixels.channels);
  }

  std::vector<TileTask> tasks(size_t index, int rate) const {
    std::vector<TileTask> out;
    for (const Tile& tile : tiles) out.push_back({index, tile, rate});
    return out;
  }
};

Encoder::Job Encoder::prepare(const ConstPixels& pixels, const EncodeOptions& options) const {
  const NormativePart& model = engine_.normative();
  check_pixels(pixels);
  check_size(pixels.width, pixels.height, options.limits);

  Job job;
  job.pixels = pixels;
  job.geometry = ImageGeometry::of(model, pixels.width, pixels.height);
  job.estimate = estimate_encoding(engine_.model(), job.geometry, pixels.channels,
                                   engine_.threads(), options.limits, engine_.runner());
  check_work(job.geometry, job.estimate, options.limits);
  check_profile(options.chunks, pixels.is_gray());
  check_new_chunks(options.chunks, chunk_limits(options.limits), pixels.has_alpha() ? 1 : 0);
  if (!engine_.is_integer()) job.tiles = tiles_of(model, job.geometry);
  if (options.importance.is_given() || options.finds_importance) {
    check_importance(engine_.model(), options.importance);
  }
  if (options.importance.is_given()) {
    job.importance = importance_on_grid(options.importance, job.geometry);
  } else if (options.finds_importance) {
    engine_.integer().check_importance();
    job.finds_importance = true;
  }

  job.header.model_id = engine_.model().id();
  job.header.width = pixels.width;
  job.header.height = pixels.height;
  job.header.reduction = reduction_of(pixels, options);
  job.header.has_trailer = options.force_trailer;
  job.header.picture.orientation = options.orientation;
  job.header.picture.grayscale = pixels.is_gray();
  job.header.picture.alpha = pixels.has_alpha() ? AlphaMode::kStraight : AlphaMode::kNone;
  job.header.picture.color_space = options.color_space;
  job.chunks = options.chunks;
  for (Chunk& chunk : job.chunks) {
    if (chunk.type == kChunkExif) chunk.content = exif_without_structure(std::move(chunk.content));
  }
  job.max_file_bytes = options.limits.max_file_bytes;
  return job;
}

std::unique_ptr<Features> Encoder::analyse(const TileGroup& group, std::vector<Job>* jobs) const {
  const size_t count = group.tasks.size();
  std::vector<float> images;
  for (const TileTask& task : group.tasks) {
    const Job& job = (*jobs)[task.picture];
    append(cut_image(job.pixels, job.geometry, task.tile), &images);
  }
  Analysis analysis = engine_.transform().analysis(images, group.grid);
  for (size_t i = 0; i < count; ++i) {
    const TileTask& task = group.tasks[i];
    Job& job = (*jobs)[task.picture];
    put_tokens(part_of(&analysis.tokens, i, count), task.tile, job.geometry,
               engine_.normative().tokens_stride(), &job.tokens);
  }
  return std::move(analysis.features);
}

void Encoder::analyse_exactly(Job* job, PartCount* progressing) const {
  const size_t strips = engine_.rows_of(job->geometry);
  IntegerAnalysis analysis = engine_.integer().analyse(
      job->pixels, job->geometry,
      [&](uint64_t done, uint64_t whole) { progressing->tell(strips, done, whole); });
  progressing->finish(strips);
  job->tokens = std::move(analysis.tokens);
  job->features = std::move(analysis.features);
  if (job->finds_importance) {
    job->importance = importance_on_grid(
        engine_.integer().importance(analysis.importance_features, job->geometry));
  }
}

void Encoder::put_latents_of(const TileGroup& group, const Features& features, int rate,
                             std::vector<Job>* jobs) const {
  const size_t count = group.tasks.size();
  std::vector<float> latents = engine_.transform().bottleneck(features, rate);
  for (size_t i = 0; i < count; ++i) {
    const TileTask& task = group.tasks[i];
    Job& job = (*jobs)[task.picture];
    put_latents(part_of(&latents, i, count), task.tile, job.geometry,
                engine_.normative().latent_channels, &job.latents);
  }
}

RatePlan Encoder::plan_of(const Job& job, int level) const {
  return plan_rates(engine_.normative(), job.geometry, job.importance, level);
}

std::vector<uint8_t> Encoder::finish(const Job& job, const RatePlan& plan, int threads,
                                     double bit_price) const {
  EntropyOptions entropy;
  entropy.threads = threads;
  entropy.bit_price = bit_price;
  const EncodedPayload coded =
      encode_payload(engine_.model(), job.geometry, plan.rate, job.tokens, job.latents, entropy,
                     plan.map ? &*plan.map : nullptr);
  Header header = job.header;
  header.has_map = plan.map.has_value();
  header.rate = plan.rate;
  std::vector<uint8_t> file = write_file(header, coded.payload, job.chunks);
  if (file.size() > job.max_file_bytes) {  // no reader with the same limits would take it
    fail(DLF_LIMIT_EXCEEDED, "the file of " + std::to_string(file.size()) +
                                 " bytes exceeds the limit of " +
                                 std::to_string(job.max_file_bytes));
  }
  return file;
}

std::vector<std::vector<uint8_t>> Encoder::encode(const std::vector<EncodeItem>& items,
                                                  const Progress& progress) const {
  const NormativePart& model = engine_.normative();
  const size_t count = items.size();

  // 1. Everything that can be refused, of all pictures, before any work.
  std::vector<Job> jobs(count);
  std::vector<Estimate> estimates(count);
  std::vector<uint64_t> pixels(count);
  size_t parts = 0;
  uint64_t max_memory = Limits::none().max_memory;
  for (size_t i = 0; i < count; ++i) {
    const EncodeOptions& options = *items[i].options;
    naming("picture", i, count, [&] {
      check_rate(model, options.rate);
      jobs[i] = prepare(items[i].pixels, options);
    });
    estimates[i] = jobs[i].estimate;
    pixels[i] = jobs[i].geometry.padded_pixels();
    parts += jobs[i].tiles.size() + engine_.rows_of(jobs[i].geometry);
    max_memory = std::min(max_memory, options.limits.max_memory);
  }

  std::vector<std::vector<uint8_t>> files(count);
  PartCount progressing(parts, progress);
  if (engine_.is_integer()) progressing.report();
  for (const Round& round : plan_rounds(estimates, pixels, max_memory)) {
    // 2. Transforms: in strips, one picture after another, or tiles of one size together.
    std::vector<TileTask> tasks;
    for (size_t i = round.begin; i < round.end; ++i) {
      jobs[i].make_room(model);
      const std::vector<TileTask> more = jobs[i].tasks(i, items[i].options->rate);
      tasks.insert(tasks.end(), more.begin(), more.end());
      if (!engine_.is_integer()) continue;
      analyse_exactly(&jobs[i], &progressing);
      jobs[i].latents = engine_.integer().latents(
          jobs[i].features, plan_of(jobs[i], items[i].options->rate).rates(model),
          jobs[i].geometry);
      jobs[i].features = Tensor();
    }
    progressing.work(
        group_tiles(tasks, model.window, engine_.pixels_per_call(), round.tiles_in_memory),
        engine_.threads(), round.tiles_in_memory, [&](size_t, const TileGroup& group) {
          put_latents_of(group, *analyse(group, &jobs), group.rate, &jobs);
        });

    // 3. Symbols -> bytes, a picture on each thread.
    const size_t together = round.end - round.begin;
    const auto write = [&](size_t number) {
      const size_t i = round.begin + number;
      naming("picture", i, count, [&] {
        files[i] = finish(jobs[i], plan_of(jobs[i], items[i].options->rate),
                          engine_.threads_of_each(together));
      });
      jobs[i] = Job();
    };
    run_workers(together, engine_.threads(), write, [](size_t) {});
  }
  return files;
}

std::vector<uint8_t> Encoder::encode_to_size(const ConstPixels& pixels, uint64_t max_bytes,
                                             const EncodeOptions& options) const {
  const NormativePart& model = engine_.normative();
  std::vector<Job> jobs(1);
  Job& job = jobs[0];
  job = prepare(pixels, options);
  job.make_room(model);
  const uint64_t at_once = static_cast<uint64_t>(job.estimate.tiles_at_once);
  const std::vector<TileGroup> groups =
      group_tiles(job.tasks(0, 0), model.window, engine_.pixels_per_call(), at_once);

  // The analysis does not depend on the rate point: once for all trials.
  if (engine_.is_integer()) {
    PartCount analysing(engine_.rows_of(job.geometry), options.progress);
    analysing.report();
    analyse_exactly(&job, &analysing);
    const int below = levels_below(model, job.importance);
    std::optional<int> trial_of_latents;
    RatePlan plan;
    return fill_size(max_bytes, below + model.rate_points, [&](int trial, double bit_price) {
      analysing.report();  // the place to cancel
      if (trial_of_latents != trial) {
        plan = plan_of(job, trial - below);
        job.latents = engine_.integer().latents(job.features, plan.rates(model), job.geometry);
      }
      trial_of_latents = trial;
      return finish(job, plan, engine_.threads(), bit_price);
    });
  }
  std::vector<std::unique_ptr<Features>> features(groups.size());
  PartCount analysing(job.tiles.size(), options.progress);
  analysing.work(groups, engine_.threads(), at_once,
                 [&](size_t i, const TileGroup& group) { features[i] = analyse(group, &jobs); });

  std::optional<int> rate_of_latents;
  return fill_size(max_bytes, model.rate_points, [&](int rate, double bit_price) {
    if (rate_of_latents != rate) {
      PartCount trying(job.tiles.size(), options.progress);
      trying.work(groups, engine_.threads(), at_once, [&](size_t i, const TileGroup& group) {
        put_latents_of(group, *features[i], rate, &jobs);
      });
      rate_of_latents = rate;
    } else {
      analysing.report();  // the place to cancel
    }
    return finish(job, plan_of(job, rate), engine_.threads(), bit_price);
  });
}

}  // namespace dlf

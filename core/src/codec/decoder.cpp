#include "codec/decoder.h"

#include <algorithm>
#include <utility>

#include "base/constants.h"
#include "base/workers.h"
#include "codec/downscale.h"
#include "codec/file_reader.h"
#include "codec/tiles.h"

namespace dlf {
namespace {

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

// What the stages before the networks need to know.
ReadOptions reading_of(const DecodeOptions& options, int threads, const ProgramRunner& runner) {
  ReadOptions reading;
  reading.limits = options.limits;
  reading.allow_truncated = options.allow_truncated;
  reading.semantic_only = options.layers == Layers::kSemantic;
  reading.threads = threads;
  reading.downscale = options.downscale;
  reading.for_pixels = true;
  reading.runner = &runner;
  return reading;
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

// One file on its way to a picture.
struct Decoder::Job {
  OpenedFile opened;
  std::vector<Tile> tiles;  // that the picture needs
  SymbolSet symbols;
  DecodedPicture picture;
  Pixels out;
};

Decoder::Job Decoder::open(const FileView& file, const DecodeOptions& options) const {
  const NormativePart& model = engine_.normative();
  Job job;
  job.opened =
      open_file(file, engine_.model(), reading_of(options, engine_.threads(), engine_.runner()));
  const Header& header = job.opened.file.header;
  job.picture.header = header;
  job.picture.region = output_region(header, options);
  job.picture.channels = header.picture.channels();
  const Region& region = job.picture.region;
  job.out.width = region.width;
  job.out.height = region.height;
  job.out.channels = job.picture.channels;
  job.out.stride = checked_multiply(region.width, static_cast<size_t>(job.out.channels), "line");
  if (engine_.is_integer()) return job;
  const size_t side = model.window / static_cast<size_t>(options.downscale);
  job.tiles = tiles_of(model, job.opened.geometry);
  job.tiles.erase(std::remove_if(job.tiles.begin(), job.tiles.end(),
                                 [&](const Tile& tile) { return !touches(tile, side, region); }),
                  job.tiles.end());
  return job;
}

void Decoder::draw(const DecodeOptions& options, Job* job, PartCount* progressing) const {
  const size_t strips = engine_.rows_of(job->opened.geometry);
  engine_.integer().draw(
      &job->symbols, job->picture.region, options.downscale, options.noise, job->out,
      [&](uint64_t done, uint64_t whole) { progressing->tell(strips, done, whole); });
  progressing->finish(strips);
}

void Decoder::synthesise(const TileGroup& group, const DecodeOptions& options,
                         std::vector<Job>* jobs) const {
  const NormativePart& model = engine_.normative();
  const int downscale = options.downscale;
  const size_t count = group.tasks.size();
  const size_t side = model.window / static_cast<size_t>(downscale);
  std::vector<int64_t> tokens;
  std::vector<float> latents;
  for (const TileTask& task : group.tasks) {
    const SymbolSet& symbols = (*jobs)[task.picture].symbols;
    append(cut_tokens(symbols.tokens, task.tile, symbols.geometry, model.tokens_stride()), &tokens);
    append(cut_latents(symbols.latent, task.tile, symbols.geometry, model.latent_channels,
                       model.mean_fraction + model.step_fraction),
           &latents);
  }
  const bool reduces = downscale > 1 && engine_.model().reduced_macs();
  std::vector<float> images =
      reduces ? engine_.transform().synthesis_reduced(tokens, latents, group.rate, group.grid,
                                                      downscale)
              : engine_.transform().synthesis(tokens, latents, group.rate, group.grid);
  for (size_t i = 0; i < count; ++i) {
    const TileTask& task = group.tasks[i];
    const Job& job = (*jobs)[task.picture];
    std::vector<float> image = part_of(&images, i, count);
    if (downscale > 1 && !reduces) {
      image = box_average(image, size_t{group.grid.columns} * model.window, downscale);
    }
    put_pixels(image, task.tile, side, job.picture.region, job.out);
  }
}

std::vector<DecodedPicture> Decoder::decode(const std::vector<FileView>& files,
                                            const DecodeOptions& options,
                                            const AllocateEach& allocate) const {
  const NormativePart& model = engine_.normative();
  const size_t count = files.size();
  check_downscale(options.downscale);
  if (model.window % options.downscale != 0) {
    fail(DLF_UNSUPPORTED, "the windows of this model cannot be made smaller");
  }

  // 1. Limits, then the container, of all files: refuse before anything is allocated.
  std::vector<Job> jobs(count);
  std::vector<Estimate> estimates(count);
  std::vector<uint64_t> pixels(count);
  size_t parts = 0;
  for (size_t i = 0; i < count; ++i) {
    naming("file", i, count, [&] { jobs[i] = open(files[i], options); });
    estimates[i] = jobs[i].opened.estimate;
    pixels[i] = jobs[i].opened.geometry.padded_pixels();
    parts += jobs[i].tiles.size() + engine_.rows_of(jobs[i].opened.geometry);
  }

  std::vector<DecodedPicture> pictures(count);
  PartCount progressing(parts, options.progress);
  if (engine_.is_integer()) progressing.report();
  for (const Round& round : plan_rounds(estimates, pixels, options.limits.max_memory)) {
    // 2. Payload -> tokens and latents, integers only; a file on each thread.
    const size_t together = round.end - round.begin;
    const ReadOptions reading =
        reading_of(options, engine_.threads_of_each(together), engine_.runner());
    const auto read = [&](size_t number) {
      const size_t i = round.begin + number;
      naming("file", i, count,
             [&] { jobs[i].symbols = read_symbols(jobs[i].opened, engine_.model(), reading); });
    };
    run_workers(together, engine_.threads(), read, [](size_t) {});

    // 3. The memory for the samples, and the tiles that they need.
    std::vector<TileTask> tasks;
    for (size_t i = round.begin; i < round.end; ++i) {
      Job& job = jobs[i];
      const size_t bytes = checked_multiply(job.out.stride, job.out.height, "picture");
      job.out.data = allocate(i, job.picture, bytes);
      if (job.out.data == nullptr) fail(DLF_OUT_OF_MEMORY, "no memory for the decoded picture");
      for (const Tile& tile : job.tiles) tasks.push_back({i, tile, job.symbols.rate});
    }

    // 4. Synthesis: in strips, one picture after another, or tiles of one size together; the core
    // of each becomes pixels at once.
    for (size_t i = round.begin; engine_.is_integer() && i < round.end; ++i) {
      draw(options, &jobs[i], &progressing);
    }
    progressing.work(
        group_tiles(tasks, model.window, engine_.pixels_per_call(), round.tiles_in_memory),
        engine_.threads(), round.tiles_in_memory,
        [&](size_t, const TileGroup& group) { synthesise(group, options, &jobs); });

    // 5. What the networks do not carry.
    for (size_t i = round.begin; i < round.end; ++i) {
      Job& job = jobs[i];
      naming("file", i, count, [&] {
        if (job.out.has_alpha()) {
          put_alpha(job.opened.file, job.picture.region, options.downscale, job.out);
        }
      });
      job.picture.complete = job.symbols.complete && !job.opened.file.truncated;
      job.picture.chunks = std::move(job.opened.file.chunks);
      pictures[i] = std::move(job.picture);
      job = Job();
    }
  }
  return pictures;
}

}  // namespace dlf

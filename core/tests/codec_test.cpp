// The codec around a transform that is simple enough to know every pixel: no libtorch.
#include "codec/codec.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/constants.h"
#include "base/workers.h"
#include "codec/file_reader.h"
#include "fake_transform.h"
#include "support.h"
#include "test.h"

using dlf::Codec;
using dlf::ConstPixels;
using dlf::DecodedPicture;
using dlf::DecodeOptions;
using dlf::EncodeOptions;
using dlf_test::decode;
using dlf_test::Fixture;
using dlf_test::kStride;
using dlf_test::Samples;

namespace {

// The file of the other codec: its packages differ in whole_limit, so the ids differ too.
std::vector<uint8_t> with_model(const std::vector<uint8_t>& file, const Codec& codec) {
  const dlf::ParsedFile parsed = dlf::parse_file(file);
  dlf::Header header = parsed.header;
  header.model_id = codec.model().id();
  return dlf::write_file(header, parsed.payload, parsed.chunks);
}

}  // namespace

TEST(tiles_and_threads_change_nothing_when_the_transform_is_local) {
  const Fixture whole = Fixture::make(false, 1);
  for (const auto& [width, height] :
       {std::pair<uint32_t, uint32_t>{1, 1}, {64, 64}, {65, 64}, {500, 333}, {129, 700}}) {
    for (int channels = 1; channels <= 4; ++channels) {
      const Samples samples(width, height, channels);
      const std::vector<uint8_t> file = whole.codec.encode(samples.view(), {});
      const std::vector<uint8_t> expected = decode(whole.codec, file);
      CHECK_EQ(expected.size(), samples.data.size());
      for (const int threads : {1, 4}) {
        const Fixture tiled = Fixture::make(true, threads);
        const std::vector<uint8_t> other = tiled.codec.encode(samples.view(), {});
        CHECK(with_model(other, whole.codec) == file);
        CHECK(decode(tiled.codec, other) == expected);
      }
    }
  }
}

TEST(decoded_pixels_are_where_they_belong) {
  const Fixture tiled = Fixture::make(true, 2);
  Samples samples(300, 200, 3);
  EncodeOptions options;
  options.rate = 2;
  const std::vector<uint8_t> pixels =
      decode(tiled.codec, tiled.codec.encode(samples.view(), options));
  // Green of a pixel is, but for quantisation, green of the top left of its 32x32 square.
  int worst = 0;
  for (size_t y = 0; y < 200; ++y) {
    for (size_t x = 0; x < 300; ++x) {
      const size_t source = (y / kStride * kStride * 300 + x / kStride * kStride) * 3 + 1;
      worst = std::max(worst, std::abs(pixels[(y * 300 + x) * 3 + 1] - samples.data[source]));
    }
  }
  CHECK(worst <= 16);
}

TEST(a_region_runs_only_the_tiles_it_touches) {
  const Fixture tiled = Fixture::make(true, 1);
  const Samples samples(512, 512, 4);
  const std::vector<uint8_t> file = tiled.codec.encode(samples.view(), {});
  const std::vector<uint8_t> whole = decode(tiled.codec, file);
  tiled.transform->calls = 0;
  DecodeOptions options;
  options.region = dlf::Region{120, 130, 20, 70};  // crosses x = 128 only
  const std::vector<uint8_t> part = decode(tiled.codec, file, options);
  CHECK_EQ(tiled.transform->calls.load(), 2);
  for (size_t y = 0; y < 70; ++y) {
    const auto* expected = whole.data() + ((130 + y) * 512 + 120) * 4;
    CHECK(std::equal(expected, expected + 80, part.data() + y * 80));
  }
}

// What `synthesis` gives is even within squares of 32 pixels, so that the network's pixels, their
// averages and every eighth pixel of the whole picture are the same.
TEST(reduced_pictures_hold_the_pixels_of_the_whole_one) {
  for (const auto& [width, height] : {std::pair<uint32_t, uint32_t>{1, 1}, {65, 64}, {300, 213}}) {
    for (int channels = 1; channels <= 3; channels += 2) {
      const Samples samples(width, height, channels);
      for (const bool by_network : {false, true}) {
        const Fixture one = Fixture::make(true, 2, by_network);
        const std::vector<uint8_t> file = one.codec.encode(samples.view(), {});
        const std::vector<uint8_t> whole = decode(one.codec, file);
        for (const int factor : {2, 4, 8}) {
          DecodeOptions options;
          options.downscale = factor;
          one.transform->reduced_calls = 0;
          const std::vector<uint8_t> small = decode(one.codec, file, options);
          CHECK_EQ(one.transform->reduced_calls.load() > 0, by_network);
          std::vector<uint8_t> expected;
          for (size_t y = 0; y < height; y += static_cast<size_t>(factor)) {
            for (size_t x = 0; x < width; x += static_cast<size_t>(factor)) {
              const auto pixel =
                  whole.begin() + static_cast<ptrdiff_t>((y * width + x) * size_t(channels));
              expected.insert(expected.end(), pixel, pixel + channels);
            }
          }
          CHECK_EQ(small.size(), expected.size());
          int worst = 0;
          for (size_t i = 0; i < small.size(); ++i) {
            worst = std::max(worst, std::abs(small[i] - expected[i]));
          }
          CHECK(worst <= (by_network ? 0 : 1));  // a sum of equal floats is not always exact
        }
      }
    }
  }
}

TEST(a_reduced_region_is_widened_to_whole_pixels) {
  const Fixture tiled = Fixture::make(true, 1, true);
  const Samples samples(512, 512, 4);
  const std::vector<uint8_t> file = tiled.codec.encode(samples.view(), {});
  DecodeOptions options;
  options.downscale = 4;
  const std::vector<uint8_t> whole = decode(tiled.codec, file, options);
  CHECK_EQ(whole.size(), size_t{128 * 128 * 4});
  tiled.transform->reduced_calls = 0;
  options.region = dlf::Region{121, 130, 20, 71};  // pixels 30..35 and 32..50; crosses x = 128 only
  const std::vector<uint8_t> part = decode(tiled.codec, file, options);
  CHECK_EQ(tiled.transform->reduced_calls.load(), 2);
  CHECK_EQ(part.size(), size_t{6 * 19 * 4});
  for (size_t y = 0; y < 19; ++y) {
    const auto* expected = whole.data() + ((32 + y) * 128 + 30) * 4;
    CHECK(std::equal(expected, expected + 24, part.data() + y * 24));
  }
  for (const int factor : {-1, 0, 3, 16}) {
    options.downscale = factor;
    CHECK_STATUS(DLF_INVALID_ARGUMENT, decode(tiled.codec, file, options));
  }
}

TEST(progress_counts_tiles_and_cancels) {
  const Samples samples(512, 256, 3);
  for (const int threads : {1, 3}) {
    const Fixture tiled = Fixture::make(true, threads);
    std::vector<uint32_t> seen;
    EncodeOptions options;
    options.progress = [&](uint32_t done, uint32_t total) {
      CHECK_EQ(total, 8u);
      seen.push_back(done);
      return true;
    };
    const std::vector<uint8_t> file = tiled.codec.encode(samples.view(), options);
    CHECK_EQ(seen.front(), 0u);
    CHECK_EQ(seen.back(), 8u);
    CHECK(std::is_sorted(seen.begin(), seen.end()));

    tiled.transform->calls = 0;
    DecodeOptions decoding;
    decoding.progress = [](uint32_t done, uint32_t) { return done < 2; };
    CHECK_STATUS(DLF_CANCELLED, decode(tiled.codec, file, decoding));
    // With more threads, all tiles may be done before the caller hears of the first.
    if (threads == 1) CHECK_EQ(tiled.transform->calls.load(), 2);
  }
}

TEST(the_analysis_runs_once_in_a_search_for_a_size) {
  const Fixture tiled = Fixture::make(true, 2);
  const Samples samples(256, 256, 3);
  std::vector<size_t> sizes;
  for (uint8_t rate = 0; rate < tiled.codec.model().normative().rate_points; ++rate) {
    EncodeOptions options;
    options.rate = rate;
    sizes.push_back(tiled.codec.encode(samples.view(), options).size());
  }
  for (const size_t target : sizes) {
    tiled.transform->calls = 0;
    const std::vector<uint8_t> found = tiled.codec.encode_to_size(samples.view(), target, {});
    CHECK_EQ(tiled.transform->calls.load(), 4);
    CHECK_EQ(found.size(), target);
  }
  const size_t smallest = *std::min_element(sizes.begin(), sizes.end());
  CHECK_STATUS(DLF_INVALID_ARGUMENT, tiled.codec.encode_to_size(samples.view(), smallest - 1, {}));
}

TEST(nothing_is_asked_of_the_caller_before_everything_is_checked) {
  const Fixture tiled = Fixture::make(true, 1);
  const Samples samples(100, 100, 2);
  const std::vector<uint8_t> file = tiled.codec.encode(samples.view(), {});
  bool asked = false;
  const dlf::Allocate refuse = [&](size_t) -> uint8_t* {
    asked = true;
    return nullptr;
  };
  for (size_t length = 0; length < file.size(); ++length) {
    CHECK_STATUS(
        DLF_TRUNCATED_FILE,
        tiled.codec.decode(dlf::FileView({file.data(), std::max<size_t>(length, 5)}), {}, refuse));
  }
  DecodeOptions small;
  small.limits.max_memory = 1000;
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, tiled.codec.decode(dlf::FileView(file), small, refuse));
  const Fixture other = Fixture::make(false, 1);
  CHECK_STATUS(DLF_MODEL_ERROR, other.codec.decode(dlf::FileView(file), {}, refuse));
  CHECK(!asked);
  CHECK_STATUS(DLF_OUT_OF_MEMORY, tiled.codec.decode(dlf::FileView(file), {}, refuse));
  CHECK(asked);
}

TEST(a_limit_of_memory_costs_threads_before_it_costs_the_picture) {
  const Samples samples(640, 640, 3);
  const Fixture one = Fixture::make(true, 1);
  const std::vector<uint8_t> file = one.codec.encode(samples.view(), {});
  const dlf::ModelPackage& model = one.codec.model();
  const dlf::Header header = dlf::parse_header(file);
  const auto memory = [&](int threads, uint64_t limit) {
    dlf::ReadOptions options;
    options.threads = threads;
    options.limits.max_memory = limit;
    return dlf::checked_estimate(header, model, options).memory_bytes;
  };
  const uint64_t alone = memory(1, UINT64_MAX), many = memory(16, UINT64_MAX);
  CHECK(many > 4 * alone);
  CHECK_EQ(memory(16, alone), alone);
  CHECK(memory(16, 3 * alone) > alone);
  CHECK(memory(16, 3 * alone) <= 3 * alone);
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, memory(16, alone - 1));

  const Fixture sixteen = Fixture::make(true, 16);
  DecodeOptions options;
  options.limits.max_memory = alone;
  CHECK(decode(sixteen.codec, file, options) == decode(one.codec, file));
}

TEST(workers_do_each_piece_once) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{2}, size_t{100}}) {
    for (const int threads : {-1, 1, 2, 8}) {
      std::vector<std::atomic<int>> done(count);
      std::vector<size_t> reports;
      dlf::run_workers(
          count, threads, [&](size_t i) { ++done[i]; }, [&](size_t n) { reports.push_back(n); });
      CHECK(std::all_of(done.begin(), done.end(), [](const auto& n) { return n == 1; }));
      CHECK_EQ(reports.front(), 0u);
      CHECK_EQ(reports.back(), count);
    }
  }
}

TEST(workers_stop_at_an_error_and_pass_it_on) {
  for (const int threads : {1, 4}) {
    std::atomic<int> running{0}, begun{0};
    const auto action = [&](size_t i) {
      ++running;
      ++begun;
      const bool bad = i == 5;
      --running;
      if (bad) dlf::fail(DLF_MODEL_ERROR, "piece 5");
    };
    CHECK_STATUS(DLF_MODEL_ERROR, dlf::run_workers(10000, threads, action, [](size_t) {}));
    CHECK_EQ(running.load(), 0);
    if (threads == 1) CHECK_EQ(begun.load(), 6);
    const auto report = [](size_t done) {
      if (done > 0) dlf::fail(DLF_CANCELLED, "enough");
    };
    CHECK_STATUS(DLF_CANCELLED, dlf::run_workers(
                                    10000, threads, [](size_t) {}, report));
  }
}

TEST(a_profile_must_be_of_the_samples) {
  const Fixture fixture = Fixture::make(false, 1);
  dlf::Chunk profile;
  profile.type = dlf::kChunkIcc;
  for (int channels = 1; channels <= 4; ++channels) {
    const Samples samples(64, 64, channels);
    for (const std::string space : {"RGB ", "GRAY", "CMYK", ""}) {
      const std::string content = std::string(16, '\0') + space;
      profile.content.assign(content.begin(), content.end());
      EncodeOptions options;
      options.chunks = {profile};
      const bool fits = space == (channels <= 2 ? "GRAY" : "RGB ");
      CHECK_STATUS(fits ? DLF_OK : DLF_INVALID_ARGUMENT,
                   fixture.codec.encode(samples.view(), options));
    }
  }
}

TEST(no_file_is_written_that_a_reader_with_the_same_limits_refuses) {
  const Fixture fixture = Fixture::make(false, 1);
  const Samples samples(200, 100, 4);
  EncodeOptions options;
  options.limits.max_chunk_bytes = 99;  // alpha does not count: its size follows from the picture's
  CHECK_STATUS(DLF_OK, fixture.codec.encode(samples.view(), options));
  dlf::Chunk chunk;
  chunk.type = dlf::kChunkXmp;
  chunk.content.assign(99, ' ');
  options.chunks = {chunk};
  DecodeOptions reading;
  reading.limits = options.limits;
  CHECK_EQ(decode(fixture.codec, fixture.codec.encode(samples.view(), options), reading).size(),
           samples.data.size());

  options.chunks.front().content.push_back(' ');
  fixture.transform->calls = 0;
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, fixture.codec.encode(samples.view(), options));
  options.chunks.assign(1024, chunk);
  for (dlf::Chunk& one : options.chunks) one.type = dlf::kChunkFirstPrivate;
  options.limits = dlf::Limits();
  CHECK_STATUS(DLF_INVALID_ARGUMENT, fixture.codec.encode(samples.view(), options));  // and alpha
  CHECK_EQ(fixture.transform->calls.load(), 0);  // judged before any work

  options.chunks.clear();
  const uint64_t size = fixture.codec.encode(samples.view(), options).size();
  options.limits.max_file_bytes = size;
  CHECK_STATUS(DLF_OK, fixture.codec.encode(samples.view(), options));
  options.limits.max_file_bytes = size - 1;
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, fixture.codec.encode(samples.view(), options));
}

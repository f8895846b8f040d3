// Several pictures in one call of the codec: which go together, errors, memory.
#include <functional>
#include <string>

#include "codec/codec.h"
#include "fake_transform.h"
#include "support.h"
#include "test.h"

using dlf::DecodedPicture;
using dlf::DecodeOptions;
using dlf::EncodeOptions;
using dlf_test::decode;
using dlf_test::Fixture;
using dlf_test::kWindow;
using dlf_test::Samples;

TEST(pictures_of_one_grid_go_through_the_networks_together) {
  const Fixture alone = Fixture::make(true, 1, true);
  constexpr uint64_t kTogether = 40 * kWindow * kWindow;  // ten tiles of two by two windows
  for (const int threads : {1, 3}) {
    const Fixture together = Fixture::make(true, threads, true, kTogether);
    // Two sizes of two by two windows, one of one, one of two tiles in each direction.
    std::vector<Samples> samples;
    for (const uint32_t side : {100, 128, 30, 101, 200, 102}) samples.emplace_back(side, side, 3);
    std::vector<dlf::EncodeItem> items;
    const EncodeOptions options;
    for (const Samples& one : samples) items.push_back({one.view(), &options});
    const std::vector<std::vector<uint8_t>> files = together.codec.encode_batch(items, {});
    CHECK_EQ(files.size(), samples.size());
    // Those of two by two, the one of one, and four sizes at most among the tiles of the large one.
    CHECK(together.transform->calls <= 6);
    std::vector<dlf::FileView> views;
    for (size_t i = 0; i < files.size(); ++i) {
      CHECK(files[i] == alone.codec.encode(samples[i].view(), {}));
      views.emplace_back(dlf::ByteView(files[i].data(), files[i].size()));
    }
    for (const int downscale : {1, 4}) {
      together.transform->calls = 0;
      DecodeOptions decoding;
      decoding.downscale = downscale;
      std::vector<std::vector<uint8_t>> pixels(files.size());
      const auto pictures = together.codec.decode_batch(
          views, decoding, [&](size_t i, const DecodedPicture& picture, size_t bytes) {
            CHECK_EQ(picture.region.width,
                     dlf::divide_up(samples[i].width, static_cast<uint32_t>(downscale)));
            pixels[i].resize(bytes);
            return pixels[i].data();
          });
      CHECK(together.transform->calls <= 6);
      for (size_t i = 0; i < files.size(); ++i) {
        CHECK(pictures[i].complete);
        CHECK(pixels[i] == decode(alone.codec, files[i], decoding));
      }
    }
  }
}

TEST(one_wrong_picture_or_file_of_several_names_itself) {
  const Fixture fixture = Fixture::make(false, 2);
  const Samples good(70, 50, 3);
  const EncodeOptions options;
  EncodeOptions wrong;
  wrong.rate = 255;
  const auto text_of = [](const std::function<void()>& action) {
    try {
      action();
    } catch (const dlf::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string text = text_of([&] {
    fixture.codec.encode_batch({{good.view(), &options}, {good.view(), &wrong}}, {});
  });
  CHECK_EQ(text.rfind("picture 1: ", 0), size_t{0});
  CHECK_EQ(fixture.transform->calls.load(), 0);  // refused before any work
  const std::vector<uint8_t> file = fixture.codec.encode(good.view(), {});
  const dlf::FileView view(file), cut(dlf::ByteView(file.data(), file.size() - 1));
  const auto never = [](size_t, const DecodedPicture&, size_t) -> uint8_t* { return nullptr; };
  CHECK_EQ(text_of([&] {
             fixture.codec.decode_batch({view, view, cut}, {}, never);
           }).rfind("file 2: ", 0),
           size_t{0});
  CHECK(fixture.codec.encode_batch({}, {}).empty());
  CHECK(fixture.codec.decode_batch({}, {}, never).empty());
}

TEST(rounds_are_as_large_as_the_memory) {
  dlf::Estimate estimate;
  estimate.tile_bytes = 100;
  estimate.memory_bytes = 110;
  const std::vector<dlf::Estimate> estimates(5, estimate);
  const std::vector<uint64_t> pixels(5, 1000);
  // Three take 30 bytes and leave 100 for a tile; four would leave 90.
  const std::vector<dlf::Round> rounds = dlf::plan_rounds(estimates, pixels, 130);
  CHECK_EQ(rounds.size(), size_t{2});
  CHECK_EQ(rounds[0].end, size_t{3});
  CHECK_EQ(rounds[0].tiles_in_memory, uint64_t{1});
  CHECK_EQ(rounds[1].begin, size_t{3});
  CHECK_EQ(rounds[1].end, size_t{5});
  CHECK_EQ(dlf::plan_rounds(estimates, pixels, 1000)[0].tiles_in_memory, uint64_t{9});
  CHECK_EQ(dlf::plan_rounds(estimates, pixels, 1).size(), size_t{5});
  const std::vector<uint64_t> many(5, uint64_t{1} << 40);
  CHECK_EQ(dlf::plan_rounds(estimates, many, 1000).size(), size_t{5});
}

// A transform that is simple enough to know every pixel, and what the tests of the codec do with
// it.
#ifndef DLF_TESTS_FAKE_TRANSFORM_H_
#define DLF_TESTS_FAKE_TRANSFORM_H_

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "codec/codec.h"
#include "codec/tile_groups.h"
#include "support.h"
#include "test.h"

namespace dlf_test {

using dlf::WindowGrid;

constexpr size_t kChannels = 8;
constexpr size_t kStride = 32;
constexpr size_t kWindow = 64;

struct FakeFeatures : dlf::Features {
  std::vector<float> image;
  WindowGrid grid;
};

// Local on purpose: what a window becomes depends on that window alone, so that a picture cut into
// tiles must come out as a picture coded as a whole.
//
// The base knows one picture; FakeTransform below takes several at a time.
class FakeOfOne : public dlf::Transform {
 public:
  dlf::Analysis analysis(const std::vector<float>& image, WindowGrid grid) const override {
    CHECK_EQ(image.size(), 3 * grid.count() * kWindow * kWindow);
    auto features = std::make_unique<FakeFeatures>();
    features->image = image;
    features->grid = grid;
    dlf::Analysis out;
    for (size_t y = 0; y < grid.rows; ++y) {
      for (size_t x = 0; x < grid.columns; ++x) {
        const float corner = image[y * kWindow * grid.columns * kWindow + x * kWindow];
        for (const int64_t levels : {5, 3, 5, 3}) {
          out.tokens.push_back(static_cast<int64_t>(corner * 255.0f) % levels);
        }
      }
    }
    out.features = std::move(features);
    return out;
  }

  std::vector<float> bottleneck(const dlf::Features& features, int rate) const override {
    const auto& fake = dynamic_cast<const FakeFeatures&>(features);
    const size_t height = fake.grid.rows * kWindow, width = fake.grid.columns * kWindow;
    std::vector<float> latents;
    for (size_t c = 0; c < kChannels; ++c) {
      for (size_t y = 0; y < height; y += kStride) {
        for (size_t x = 0; x < width; x += kStride) {
          latents.push_back(fake.image[(c % 3 * height + y) * width + x] *
                            static_cast<float>(rate * 20 + 1));
        }
      }
    }
    return latents;
  }

  // Every pixel shows the first three channels of its latent, red plus the window's first digit.
  std::vector<float> synthesis(const std::vector<int64_t>& tokens,
                               const std::vector<float>& latents, int rate,
                               WindowGrid grid) const override {
    const size_t height = grid.rows * kWindow, width = grid.columns * kWindow;
    CHECK_EQ(tokens.size(), grid.count() * 4);
    CHECK_EQ(latents.size(), kChannels * height * width / kStride / kStride);
    std::vector<float> image(3 * height * width);
    for (size_t c = 0; c < 3; ++c) {
      for (size_t y = 0; y < height; ++y) {
        for (size_t x = 0; x < width; ++x) {
          const size_t latent = (c * height / kStride + y / kStride) * (width / kStride);
          float value = latents[latent + x / kStride] / static_cast<float>(rate * 20 + 1);
          if (c == 0) {
            value +=
                static_cast<float>(tokens[(y / kWindow * grid.columns + x / kWindow) * 4]) / 255.0f;
          }
          image[(c * height + y) * width + x] = value;
        }
      }
    }
    return image;
  }

  // What `synthesis` gives is even within squares of 32 pixels: any pixel of a square will do.
  std::vector<float> synthesis_reduced(const std::vector<int64_t>& tokens,
                                       const std::vector<float>& latents, int rate, WindowGrid grid,
                                       int downscale) const override {
    const size_t factor = static_cast<size_t>(downscale), width = grid.columns * kWindow;
    const std::vector<float> image = FakeOfOne::synthesis(tokens, latents, rate, grid);
    std::vector<float> out;
    for (size_t line = 0; line < image.size() / width; line += factor) {
      for (size_t x = 0; x < width; x += factor) out.push_back(image[line * width + x]);
    }
    return out;
  }
};

struct SeveralFeatures : dlf::Features {
  std::vector<std::unique_ptr<dlf::Features>> each;
};

class FakeTransform : public FakeOfOne {
 public:
  uint64_t pixels_per_call() const override { return pixels_together; }

  dlf::Analysis analysis(const std::vector<float>& images, WindowGrid grid) const override {
    ++calls;
    const size_t count = images.size() / (3 * grid.count() * kWindow * kWindow);
    auto features = std::make_unique<SeveralFeatures>();
    dlf::Analysis out;
    for (size_t i = 0; i < count; ++i) {
      std::vector<float> copy = images;
      dlf::Analysis one = FakeOfOne::analysis(dlf::part_of(&copy, i, count), grid);
      out.tokens.insert(out.tokens.end(), one.tokens.begin(), one.tokens.end());
      features->each.push_back(std::move(one.features));
    }
    out.features = std::move(features);
    return out;
  }

  std::vector<float> bottleneck(const dlf::Features& features, int rate) const override {
    std::vector<float> out;
    for (const auto& one : dynamic_cast<const SeveralFeatures&>(features).each) {
      dlf::append(FakeOfOne::bottleneck(*one, rate), &out);
    }
    return out;
  }

  std::vector<float> synthesis(const std::vector<int64_t>& tokens,
                               const std::vector<float>& latents, int rate,
                               WindowGrid grid) const override {
    ++calls;
    return each(tokens, latents, grid, [&](const auto& some_tokens, const auto& some_latents) {
      return FakeOfOne::synthesis(some_tokens, some_latents, rate, grid);
    });
  }

  std::vector<float> synthesis_reduced(const std::vector<int64_t>& tokens,
                                       const std::vector<float>& latents, int rate, WindowGrid grid,
                                       int downscale) const override {
    ++calls;
    ++reduced_calls;
    return each(tokens, latents, grid, [&](const auto& some_tokens, const auto& some_latents) {
      return FakeOfOne::synthesis_reduced(some_tokens, some_latents, rate, grid, downscale);
    });
  }

  mutable std::atomic<int> calls{0}, reduced_calls{0};
  uint64_t pixels_together = 0;

 private:
  template <typename Action>
  static std::vector<float> each(const std::vector<int64_t>& tokens,
                                 const std::vector<float>& latents, WindowGrid grid,
                                 Action action) {
    const size_t count = tokens.size() / (grid.count() * 4);
    std::vector<float> out;
    for (size_t i = 0; i < count; ++i) {
      std::vector<int64_t> all_tokens = tokens;
      std::vector<float> all_latents = latents;
      dlf::append(action(dlf::part_of(&all_tokens, i, count), dlf::part_of(&all_latents, i, count)),
                  &out);
    }
    return out;
  }
};

struct Fixture {
  dlf::Codec codec;
  const FakeTransform* transform;

  // `reduced`: the package says that it synthesises reduced sizes itself.
  static Fixture make(bool tiled, int threads, bool reduced = false, uint64_t pixels_together = 0) {
    PartOptions options;
    options.window = kWindow;
    options.channels = kChannels;
    Random random(77);
    dlf::NormativePart part = random_part(random, options);
    part.tile_core = 2;
    part.tile_margin = 1;
    part.whole_limit = tiled ? 1 : 1000000;
    const std::vector<uint8_t> costs = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0};
    std::vector<Member> members;
    if (reduced) members.push_back({"extra/reduced.bin", costs});
    auto model = dlf::ModelPackage::from_archive(make_package(part, members), "fake");
    auto transform = std::make_unique<FakeTransform>();
    transform->pixels_together = pixels_together;
    const FakeTransform* borrowed = transform.get();
    return {dlf::Codec(std::move(model), {std::move(transform), nullptr}, threads), borrowed};
  }
};

struct Samples {
  uint32_t width, height;
  int channels;
  std::vector<uint8_t> data;

  Samples(uint32_t w, uint32_t h, int c) : width(w), height(h), channels(c) {
    Random random(w * 1000 + h);
    data = random.bytes(size_t{w} * h * static_cast<size_t>(c));
  }
  dlf::ConstPixels view() const {
    return {data.data(), width, height, channels, size_t{width} * static_cast<size_t>(channels)};
  }
};

inline std::vector<uint8_t> decode(const dlf::Codec& codec, const std::vector<uint8_t>& file,
                                   const dlf::DecodeOptions& options = {}) {
  std::vector<uint8_t> out;
  codec.decode(dlf::FileView(file), options, [&](size_t bytes) {
    out.assign(bytes, 0xEE);
    return out.data();
  });
  return out;
}

}  // namespace dlf_test

#endif  // DLF_TESTS_FAKE_TRANSFORM_H_

// What the encoder puts under fully transparent pixels.
#include "codec/transparent_fill.h"

#include <algorithm>

#include "fake_transform.h"
#include "test.h"

using dlf_test::Samples;

namespace {

// Left half visible and of one colour, right half transparent; `gap` lies under it.
Samples half(uint32_t width, uint32_t height, int channels, uint8_t visible, uint8_t gap) {
  Samples out(width, height, channels);
  const size_t count = static_cast<size_t>(channels);
  for (size_t i = 0; i < size_t{width} * height; ++i) {
    const bool shown = i % width < width / 2;
    for (size_t c = 0; c + 1 < count; ++c) out.data[i * count + c] = shown ? visible : gap;
    out.data[i * count + count - 1] = shown ? 255 : 0;
  }
  return out;
}

}  // namespace

TEST(a_visible_colour_goes_on_under_what_is_transparent) {
  for (const int channels : {2, 4}) {
    const Samples samples = half(37, 21, channels, 90, 250);
    const std::vector<uint8_t> filled = dlf::fill_transparent(samples.view());
    CHECK_EQ(filled.size(), samples.data.size());
    for (size_t i = 0; i < filled.size(); ++i) {
      const bool is_alpha = i % static_cast<size_t>(channels) + 1 == static_cast<size_t>(channels);
      CHECK_EQ(int{filled[i]}, int{is_alpha ? samples.data[i] : uint8_t{90}});
    }
  }
}

TEST(visible_colours_stay_and_hidden_ones_lie_between_them) {
  Samples samples(64, 48, 4);
  for (size_t i = 3; i < samples.data.size(); i += 4) samples.data[i] = i % 5 == 0 ? 3 : 0;
  for (size_t i = 0; i < samples.data.size(); i += 4) {
    samples.data[i] = static_cast<uint8_t>(100 + samples.data[i] % 20);  // red: 100 to 119
  }
  const std::vector<uint8_t> filled = dlf::fill_transparent(samples.view());
  for (size_t i = 0; i < filled.size(); i += 4) {
    CHECK_EQ(int{filled[i + 3]}, int{samples.data[i + 3]});
    if (samples.data[i + 3] != 0) {
      CHECK(std::equal(filled.begin() + static_cast<ptrdiff_t>(i),
                       filled.begin() + static_cast<ptrdiff_t>(i + 4),
                       samples.data.begin() + static_cast<ptrdiff_t>(i)));
    }
    CHECK(filled[i] >= 100 && filled[i] <= 119);
  }
}

TEST(a_filling_is_smooth) {
  Samples samples(128, 1, 4);  // black, a gap, white
  for (size_t x = 0; x < 128; ++x) {
    for (size_t c = 0; c < 3; ++c) samples.data[4 * x + c] = x < 32 ? 0 : 255;
    samples.data[4 * x + 3] = x < 32 || x >= 96 ? 255 : 0;
  }
  const std::vector<uint8_t> filled = dlf::fill_transparent(samples.view());
  for (size_t x = 1; x < 128; ++x) {
    const int rise = int{filled[4 * x]} - int{filled[4 * (x - 1)]};
    CHECK(rise >= 0 && rise < 16);
  }
}

TEST(without_a_gap_nothing_is_copied_and_without_a_colour_all_is_gray) {
  Samples opaque(9, 9, 4);
  for (size_t i = 3; i < opaque.data.size(); i += 4) opaque.data[i] = 1;
  CHECK(dlf::fill_transparent(opaque.view()).empty());
  Samples hidden(9, 9, 2);
  for (size_t i = 1; i < hidden.data.size(); i += 2) hidden.data[i] = 0;
  const std::vector<uint8_t> filled = dlf::fill_transparent(hidden.view());
  for (size_t i = 0; i < filled.size(); i += 2) CHECK_EQ(int{filled[i]}, 128);
}

TEST(the_file_does_not_depend_on_what_nobody_sees) {
  for (const bool tiled : {false, true}) {
    const dlf_test::Fixture fixture = dlf_test::Fixture::make(tiled, 2);
    for (const int channels : {2, 4}) {
      const Samples one = half(300, 200, channels, 60, 0),
                    other = half(300, 200, channels, 60, 255);
      const std::vector<uint8_t> file = fixture.codec.encode(one.view(), {});
      CHECK(file == fixture.codec.encode(other.view(), {}));
    }
  }
}

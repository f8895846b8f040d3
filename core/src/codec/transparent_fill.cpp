// Push-pull: means of the visible colours at ever coarser levels, then back from coarse to fine
// wherever a level knows nothing better. Integers only, so that a picture has one filling.
#include "codec/transparent_fill.h"

#include <algorithm>

#include "base/bytes.h"

namespace dlf {
namespace {

constexpr uint8_t kNothingVisible = 128;
constexpr unsigned kCertain = 255;

bool line_has_gaps(const uint8_t* line, size_t width, size_t channels) {
  for (size_t i = channels - 1; i < width * channels; i += channels) {
    if (line[i] == 0) return true;
  }
  return false;
}

bool has_gaps(const ConstPixels& pixels) {
  const size_t channels = static_cast<size_t>(pixels.channels);
  for (uint32_t y = 0; y < pixels.height; ++y) {
    if (line_has_gaps(pixels.line(y), pixels.width, channels)) return true;
  }
  return false;
}

// One level of the pyramid, interleaved like the picture. In place of alpha stands how much of the
// colour is known, 0 to 255.
struct Level {
  size_t height, width, channels;
  std::vector<uint8_t> samples;

  Level(size_t rows, size_t columns, size_t count)
      : height(rows),
        width(columns),
        channels(count),
        samples(checked_multiply(checked_multiply(rows, columns, "level"), count, "level")) {}

  size_t colours() const { return channels - 1; }
  uint8_t* at(size_t y, size_t x) { return samples.data() + (y * width + x) * channels; }
  const uint8_t* at(size_t y, size_t x) const {
    return samples.data() + (y * width + x) * channels;
  }
  // True when some colour is not known at all.
  bool has_gaps() const {
    for (size_t y = 0; y < height; ++y) {
      if (line_has_gaps(at(y, 0), width, channels)) return true;
    }
    return false;
  }
};

// The weighted means of squares of 2 x 2 samples.
Level coarser(const Level& fine) {
  Level out((fine.height + 1) / 2, (fine.width + 1) / 2, fine.channels);
  for (size_t y = 0; y < out.height; ++y) {
    for (size_t x = 0; x < out.width; ++x) {
      unsigned weight = 0, sums[3] = {};
      for (size_t v = 2 * y; v < std::min(2 * y + 2, fine.height); ++v) {
        for (size_t u = 2 * x; u < std::min(2 * x + 2, fine.width); ++u) {
          const uint8_t* from = fine.at(v, u);
          const unsigned known = from[fine.colours()];
          weight += known;
          for (size_t c = 0; c < fine.colours(); ++c) sums[c] += known * from[c];
        }
      }
      uint8_t* to = out.at(y, x);
      for (size_t c = 0; c < out.colours(); ++c) {
        to[c] =
            weight > 0 ? static_cast<uint8_t>((sums[c] + weight / 2) / weight) : kNothingVisible;
      }
      // What is known well here shall not drown what is known elsewhere.
      to[out.colours()] = static_cast<uint8_t>(std::min(weight, kCertain));
    }
  }
  return out;
}

// Where a sample of the finer level lies between two of the coarser one: both of them, and how many
// quarters of the way to the second.
struct Between {
  size_t low, high;
  unsigned quarters;

  // The centre lies at (fine + 1/2) / 2 - 1/2 coarse samples. One is added, so that it is not
  // negative; in quarters this is 2 * fine + 3.
  Between(size_t fine, size_t coarse_count) {
    const size_t position = 2 * fine + 3;
    low = std::max<size_t>(position / 4, 1) - 1;
    high = std::min(position / 4, coarse_count - 1);
    quarters = static_cast<unsigned>(position % 4);
  }

  unsigned mix(unsigned first, unsigned second) const {
    return first * (4 - quarters) + second * quarters;
  }
};

// Mixes the coarser level's colours into those of `fine`, the less of them the better known those
// are; `only_gaps`: where nothing is known, and nowhere else.
void refine(const Level& coarse, bool only_gaps, Level* fine) {
  std::vector<Between> columns;
  columns.reserve(fine->width);
  for (size_t x = 0; x < fine->width; ++x) columns.emplace_back(x, coarse.width);
  for (size_t y = 0; y < fine->height; ++y) {
    const Between rows(y, coarse.height);
    for (size_t x = 0; x < fine->width; ++x) {
      uint8_t* own = fine->at(y, x);
      const unsigned known = own[fine->colours()];
      if (known == kCertain || (only_gaps && known > 0)) continue;
      const Between& between = columns[x];
      const uint8_t* corners[4] = {
          coarse.at(rows.low, between.low), coarse.at(rows.low, between.high),
          coarse.at(rows.high, between.low), coarse.at(rows.high, between.high)};
      for (size_t c = 0; c < fine->colours(); ++c) {
        const unsigned sixteenths = rows.mix(between.mix(corners[0][c], corners[1][c]),
                                             between.mix(corners[2][c], corners[3][c]));
        const unsigned sum = known * own[c] * 16 + (kCertain - known) * sixteenths;
        own[c] = static_cast<uint8_t>((sum + 8 * kCertain) / (16 * kCertain));
      }
    }
  }
}

}  // namespace

std::vector<uint8_t> fill_transparent(const ConstPixels& pixels) {
  if (!has_gaps(pixels)) return {};
  Level picture(pixels.height, pixels.width, static_cast<size_t>(pixels.channels));
  for (uint32_t y = 0; y < pixels.height; ++y) {
    std::copy_n(pixels.line(y), picture.width * picture.channels, picture.at(y, 0));
  }
  std::vector<Level> levels;
  levels.push_back(coarser(picture));
  while (levels.back().has_gaps() && levels.back().samples.size() > levels.back().channels) {
    levels.push_back(coarser(levels.back()));
  }
  for (size_t i = levels.size() - 1; i > 0; --i) refine(levels[i], false, &levels[i - 1]);
  refine(levels.front(), true, &picture);
  return std::move(picture.samples);
}

uint64_t fill_bytes(uint64_t pixels, int channels) {
  const uint64_t samples = pixels * static_cast<uint64_t>(channels);  // below 2^50
  return samples + samples / 2;  // the levels below are a third of the picture
}

}  // namespace dlf

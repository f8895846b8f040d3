#include "thumbnail.h"

#include <string.h>

/* A side in the proportion of the longer side to `size`. */
static uint32_t fitted(uint32_t side, uint32_t longer, uint32_t size) {
  const uint32_t scaled = (uint32_t)(((uint64_t)side * size + longer / 2) / longer);
  return scaled < 1 ? 1 : scaled;
}

void thumbnail_size(uint32_t* width, uint32_t* height, uint32_t size) {
  const uint32_t longer = *width > *height ? *width : *height;
  if (longer <= size) return;
  *width = fitted(*width, longer, size);
  *height = fitted(*height, longer, size);
}

/* Source positions that the `at`th of `parts` equal parts of `length` positions touches, as [first,
 * last). */
static void part(uint32_t at, uint32_t parts, uint32_t length, uint32_t* first, uint32_t* last) {
  *first = (uint32_t)((uint64_t)at * length / parts);
  *last = (uint32_t)(((uint64_t)(at + 1) * length + parts - 1) / parts);
}

/* How much of source position `i` lies in that part, in units of 1 / parts. */
static uint64_t share(uint32_t i, uint32_t at, uint32_t parts, uint32_t length) {
  const uint64_t begin = (uint64_t)i * parts, end = begin + parts;
  const uint64_t part_begin = (uint64_t)at * length, part_end = part_begin + length;
  return (end < part_end ? end : part_end) - (begin > part_begin ? begin : part_begin);
}

/* One pixel of the smaller picture: the mean of what it covers, colours weighed by their alpha. */
static void average(const picture* in, const picture* out, uint32_t x, uint32_t y, uint8_t* to) {
  const uint32_t channels = in->channels, colours = channels - (channels % 2 == 0);
  const uint64_t area = (uint64_t)in->width * in->height;
  uint64_t sums[3] = {0, 0, 0}, opacity = 0;
  uint32_t left, right, top, bottom, i, j, c;
  part(x, out->width, in->width, &left, &right);
  part(y, out->height, in->height, &top, &bottom);
  for (j = top; j < bottom; ++j) {
    const uint64_t rows = share(j, y, out->height, in->height);
    for (i = left; i < right; ++i) {
      const uint8_t* from = in->samples + ((size_t)j * in->width + i) * channels;
      uint64_t weight = rows * share(i, x, out->width, in->width);
      if (colours < channels) weight *= from[colours];
      opacity += weight;
      for (c = 0; c < colours; ++c) sums[c] += weight * from[c];
    }
  }
  for (c = 0; c < colours; ++c) {
    to[c] = (uint8_t)(opacity == 0 ? 0 : (sums[c] + opacity / 2) / opacity);
  }
  if (colours < channels) to[colours] = (uint8_t)((opacity + area / 2) / area);
}

/* Where the upright picture's pixel (x, y) is in the stored one of width x height (EXIF, tag
 * 0x0112). */
static size_t stored_at(uint32_t orientation, uint32_t width, uint32_t height, uint32_t x,
                        uint32_t y) {
  const int swaps = orientation >= 5;
  const int from_right = orientation == 2 || orientation == 3 || orientation >= 7;
  const int from_below =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  uint32_t column = swaps ? y : x, row = swaps ? x : y;
  if (from_right) column = width - 1 - column;
  if (from_below) row = height - 1 - row;
  return (size_t)row * width + column;
}

static int turned(const picture* in, picture* out) {
  uint32_t x, y;
  const int swaps = in->orientation >= 5;
  out->width = swaps ? in->height : in->width;
  out->height = swaps ? in->width : in->height;
  out->channels = in->channels;
  if (!allocate_samples(out)) return 0;
  for (y = 0; y < out->height; ++y) {
    for (x = 0; x < out->width; ++x) {
      memcpy(out->samples + ((size_t)y * out->width + x) * out->channels,
             in->samples + stored_at(in->orientation, in->width, in->height, x, y) * in->channels,
             in->channels);
    }
  }
  return 1;
}

int make_thumbnail(picture* in, uint32_t width, uint32_t height, picture* out) {
  picture smaller;
  uint32_t x, y;
  int good;
  memset(&smaller, 0, sizeof smaller);
  memset(out, 0, sizeof *out);
  smaller.width = width;
  smaller.height = height;
  smaller.channels = in->channels;
  smaller.orientation = in->orientation;
  good = allocate_samples(&smaller);
  for (y = 0; good && y < height; ++y) {
    for (x = 0; x < width; ++x) {
      average(in, &smaller, x, y, smaller.samples + ((size_t)y * width + x) * smaller.channels);
    }
  }
  good = good && turned(&smaller, out);
  free_picture(&smaller);
  out->orientation = 1;
  out->color_space = in->color_space;
  out->icc = in->icc;
  memset(&in->icc, 0, sizeof in->icc);
  return good;
}

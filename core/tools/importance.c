#include "importance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "images.h"
#include "tool.h"

enum { MOST = 127, WHITE = 255 };

/* Reads "X,Y,W,H" and perhaps ":GAIN". Returns -1 when the word is of another form. */
static int read_box(const char* word, importance_box* box) {
  double* const fields[] = {&box->x, &box->y, &box->width, &box->height};
  char* end = NULL;
  int i;
  box->gain = 1;
  for (i = 0; i < 4; ++i) {
    *fields[i] = strtod(word, &end);
    if (end == word || (i < 3 && *end != ',')) return -1;
    word = end + 1;
  }
  if (*end == ':') {
    box->gain = strtod(word, &end);
    if (end == word) return -1;
  }
  if (*end != '\0') return -1;
  return isfinite(box->x) && isfinite(box->y) && isfinite(box->width) && isfinite(box->height) &&
         box->width > 0 && box->height > 0 && box->gain >= -1 && box->gain <= 1;
}

int read_importance(const char* word, importance* out) {
  int kinds;
  if (strcmp(word, "auto") == 0) {
    out->find = 1;
  } else {
    importance_box box;
    const int good = read_box(word, &box);
    if (good == 0) {
      complain(EXIT_USAGE, "--importance: '%s' is no box with a gain from -1 to 1", word);
      return 0;
    }
    if (good < 0) {
      if (out->mask != NULL) {
        complain(EXIT_USAGE, "give one mask with --importance");
        return 0;
      }
      out->mask = word;
    } else if (out->count == MAX_BOXES) {
      complain(EXIT_USAGE, "--importance: more than %d boxes", MAX_BOXES);
      return 0;
    } else {
      out->boxes[out->count++] = box;
    }
  }
  kinds = out->find + (out->mask != NULL) + (out->count > 0);
  if (kinds > 1) complain(EXIT_USAGE, "give auto, a mask or boxes with --importance");
  return kinds == 1;
}

static double clamped(double value, double low, double high) {
  return value < low ? low : value > high ? high : value;
}

/* Paints the boxes, a later one over an earlier one. */
static int paint(const importance* given, uint32_t width, uint32_t height, int8_t* grid) {
  int i;
  for (i = 0; i < given->count; ++i) {
    const importance_box* box = &given->boxes[i];
    const double right_edge = clamped(ceil(box->x + box->width), 0, width);
    const double bottom_edge = clamped(ceil(box->y + box->height), 0, height);
    const uint32_t left = (uint32_t)clamped(floor(box->x), 0, width);
    const uint32_t top = (uint32_t)clamped(floor(box->y), 0, height);
    const uint32_t right = (uint32_t)right_edge, bottom = (uint32_t)bottom_edge;
    uint32_t y;
    if (left >= right || top >= bottom) {
      return complain(EXIT_USAGE, "--importance: the box %g,%g,%g,%g is outside the picture",
                      box->x, box->y, box->width, box->height);
    }
    for (y = top; y < bottom; ++y) {
      memset(grid + (size_t)y * width + left, (int8_t)lrint(box->gain * MOST), right - left);
    }
  }
  return 0;
}

/* The next three as Pillow has them, so that a mask is the same mask to both command lines. */
static uint32_t over_black(uint32_t sample, uint32_t alpha) {
  return (sample * alpha + WHITE / 2) / WHITE;
}

static uint32_t luma(uint32_t red, uint32_t green, uint32_t blue) {
  return (red * 19595u + green * 38470u + blue * 7471u + 32768u) >> 16;
}

static uint32_t level_of(const uint8_t* samples, uint32_t channels) {
  const uint32_t alpha = channels % 2 == 0 ? samples[channels - 1] : WHITE;
  if (channels < 3) return over_black(samples[0], alpha);
  return luma(over_black(samples[0], alpha), over_black(samples[1], alpha),
              over_black(samples[2], alpha));
}

/* A mask's samples: white is most, black and transparent are none. */
static void take_mask(const picture* mask, int8_t* grid) {
  const size_t pixels = (size_t)mask->width * mask->height;
  size_t i;
  for (i = 0; i < pixels; ++i) {
    const uint32_t level = level_of(mask->samples + i * mask->channels, mask->channels);
    grid[i] = (int8_t)lrint((double)level * MOST / WHITE);
  }
}

static int read_mask(const char* path, dlf_encode_options* encoding, int8_t** grid) {
  bytes file;
  picture mask;
  int status;
  if (!read_whole(path, &file)) return EXIT_FAILED;
  status = read_picture(path, &file, &mask);
  free(file.data);
  if (status != 0) return status;
  *grid = malloc((size_t)mask.width * mask.height);
  if (*grid == NULL) {
    status = complain(EXIT_FAILED, "%s: no memory for the mask", path);
  } else {
    take_mask(&mask, *grid);
    encoding->importance_width = mask.width;
    encoding->importance_height = mask.height;
  }
  free_picture(&mask);
  return status;
}

int apply_importance(const importance* given, uint32_t width, uint32_t height,
                     dlf_encode_options* encoding, int8_t** grid) {
  int status = 0;
  *grid = NULL;
  encoding->find_importance = (uint32_t)given->find;
  if (given->mask != NULL) {
    status = read_mask(given->mask, encoding, grid);
  } else if (given->count > 0) {
    *grid = calloc(height, width);
    if (*grid == NULL) return complain(EXIT_FAILED, "no memory for --importance");
    encoding->importance_width = width;
    encoding->importance_height = height;
    status = paint(given, width, height, *grid);
  }
  encoding->importance = *grid;
  return status;
}

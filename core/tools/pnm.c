/* Netpbm's binary formats: PGM (P5), PPM (P6) and PAM (P7). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"
#include "tool.h"

enum { MAX_VALUE = 255, MAX_HEADER = 128, MAX_WORD = 32 };

typedef struct header {
  uint32_t width, height, channels, maximum;
} header;

/* Reads one word of a header, over space and comments; "" at the end. */
static void next_word(const bytes* file, size_t* at, char word[MAX_WORD]) {
  size_t length = 0;
  while (*at < file->size && strchr(" \t\r\n\v\f#", file->data[*at]) != NULL) {
    if (file->data[*at] == '\0') break;
    if (file->data[*at] == '#') {
      while (*at < file->size && file->data[*at] != '\n') ++*at;
    } else {
      ++*at;
    }
  }
  while (*at < file->size && length + 1 < MAX_WORD && file->data[*at] > ' ' &&
         file->data[*at] < 0x7f) {
    word[length++] = (char)file->data[(*at)++];
  }
  word[length] = '\0';
}

static uint32_t next_number(const bytes* file, size_t* at) {
  char word[MAX_WORD];
  uint32_t value = 0;
  const char* digit;
  next_word(file, at, word);
  for (digit = word; *digit >= '0' && *digit <= '9' && value < 100000000; ++digit) {
    value = value * 10 + (uint32_t)(*digit - '0');
  }
  return *digit == '\0' ? value : 0;
}

/* Returns the offset of the samples, 0 for a damaged header. */
static size_t read_pnm_header(const bytes* file, header* out) {
  size_t at = 2;
  out->channels = file->data[1] == '5' ? 1 : 3;
  out->width = next_number(file, &at);
  out->height = next_number(file, &at);
  out->maximum = next_number(file, &at);
  return at + 1; /* one space */
}

static size_t read_pam_header(const bytes* file, header* out) {
  char word[MAX_WORD];
  size_t at = 2;
  memset(out, 0, sizeof *out);
  for (;;) {
    next_word(file, &at, word);
    if (strcmp(word, "ENDHDR") == 0) return at + 1;
    if (strcmp(word, "WIDTH") == 0) {
      out->width = next_number(file, &at);
    } else if (strcmp(word, "HEIGHT") == 0) {
      out->height = next_number(file, &at);
    } else if (strcmp(word, "DEPTH") == 0) {
      out->channels = next_number(file, &at);
    } else if (strcmp(word, "MAXVAL") == 0) {
      out->maximum = next_number(file, &at);
    } else if (strcmp(word, "TUPLTYPE") == 0) {
      next_word(file, &at, word); /* the number of channels says it all */
    } else {
      return 0;
    }
  }
}

int read_pnm(const char* path, const bytes* file, picture* out) {
  header head;
  const size_t start =
      file->data[1] == '7' ? read_pam_header(file, &head) : read_pnm_header(file, &head);
  size_t count, i;
  if (start == 0 || head.width == 0 || head.height == 0 || head.maximum == 0 ||
      head.channels == 0) {
    return complain(EXIT_INVALID, "%s: damaged image: no such header", path);
  }
  if (head.maximum > MAX_VALUE || head.channels > 4) {
    return complain(
        EXIT_UNSUPPORTED, "%s: %s cannot be encoded", path,
        head.maximum > MAX_VALUE ? "samples of more than 8 bits" : "more than 4 channels");
  }
  out->width = head.width;
  out->height = head.height;
  out->channels = head.channels;
  if (start > file->size || (file->size - start) / head.channels / head.width < head.height) {
    return complain(EXIT_INVALID, "%s: damaged image: it ends too early", path);
  }
  count = (size_t)head.width * head.channels * head.height;
  if (file->size - start - count > 1 && file->data[start + count] == 'P') {
    return complain(EXIT_UNSUPPORTED, "%s: holds several pictures, and a .dlf file holds one",
                    path);
  }
  if (!allocate_samples(out)) return complain(EXIT_FAILED, "%s: not enough memory", path);
  for (i = 0; i < count; ++i) {
    const uint32_t value = file->data[start + i];
    const uint32_t scaled = (value * MAX_VALUE * 2 + head.maximum) / (2 * head.maximum);
    out->samples[i] = (uint8_t)(scaled < MAX_VALUE ? scaled : MAX_VALUE);
  }
  return 0;
}

static int unfit(const char* path, const char* name, const char* reason) {
  return complain(EXIT_USAGE, "%s: %s has no %s; decode to PAM%s instead", path, name, reason,
                  format_named("png") == FORMAT_NONE ? "" : " or PNG");
}

int write_pnm(const char* path, const picture* in, format form, bytes* file) {
  static const char* const types[] = {"", "GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"};
  const size_t pixels = (size_t)in->width * in->height;
  const int spread = form == FORMAT_PPM && in->channels == 1; /* gray, in a format of colours */
  char text[MAX_HEADER];
  size_t i;
  int good = 1;
  if (form == FORMAT_PAM) {
    snprintf(text, sizeof text,
             "P7\nWIDTH %lu\nHEIGHT %lu\nDEPTH %lu\nMAXVAL 255\nTUPLTYPE %s\nENDHDR\n",
             (unsigned long)in->width, (unsigned long)in->height, (unsigned long)in->channels,
             types[in->channels]);
  } else {
    if (in->channels == 2 || in->channels == 4) return unfit(path, "this format", "alpha channel");
    if (form == FORMAT_PGM && in->channels == 3) return unfit(path, "PGM", "colours");
    snprintf(text, sizeof text, "P%c\n%lu %lu\n255\n", in->channels == 3 || spread ? '6' : '5',
             (unsigned long)in->width, (unsigned long)in->height);
  }
  good = bytes_append(file, text, strlen(text));
  if (!spread) {
    good = good && bytes_append(file, in->samples, pixels * in->channels);
  } else {
    for (i = 0; good && i < pixels; ++i) {
      const uint8_t sample[3] = {in->samples[i], in->samples[i], in->samples[i]};
      good = bytes_append(file, sample, sizeof sample);
    }
  }
  return good ? 0 : complain(EXIT_FAILED, "%s: not enough memory", path);
}

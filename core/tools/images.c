#define _XOPEN_SOURCE 700
#include "images.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool.h"

#ifdef DLF_TOOLS_PNG
#define PNG_WORD "PNG, "
#else
#define PNG_WORD ""
#endif

static const struct {
  const char* name;
  format form;
} formats[] = {{"ppm", FORMAT_PPM},
               {"pgm", FORMAT_PGM},
               {"pnm", FORMAT_PNM},
               {"pam", FORMAT_PAM},
#ifdef DLF_TOOLS_PNG
               {"png", FORMAT_PNG}
#endif
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

format format_named(const char* word) {
  size_t i;
  for (i = 0; i < FORMATS; ++i) {
    if (strcasecmp(word, formats[i].name) == 0) return formats[i].form;
  }
  return FORMAT_NONE;
}

const char* format_name(format form) {
  size_t i = 0;
  while (i + 1 < FORMATS && formats[i].form != form) ++i;
  return formats[i].name;
}

format format_of_path(const char* path) {
  const char* dot = strrchr(path, '.');
  return dot == NULL ? FORMAT_NONE : format_named(dot + 1);
}

const char* format_list(void) { return PNG_WORD "PPM, PGM, PNM, PAM"; }

const char* mode_name(uint32_t channels) {
  static const char* const names[] = {"", "L", "LA", "RGB", "RGBA"};
  return names[channels <= 4 ? channels : 0];
}

int allocate_samples(picture* picture) {
  const size_t line = (size_t)picture->width * picture->channels;
  if (line == 0 || picture->height == 0 || picture->height > SIZE_MAX / line) return 0;
  picture->samples = malloc(line * picture->height);
  return picture->samples != NULL;
}

int read_picture(const char* path, const bytes* file, picture* out) {
  static const uint8_t png[4] = {0x89, 'P', 'N', 'G'};
  memset(out, 0, sizeof *out);
  out->orientation = 1;
  if (file->size >= 2 && file->data[0] == 'P' && strchr("567", file->data[1]) != NULL) {
    return read_pnm(path, file, out);
  }
#ifdef DLF_TOOLS_PNG
  if (file->size >= sizeof png && memcmp(file->data, png, sizeof png) == 0) {
    return read_png(path, file, out);
  }
#else
  if (file->size >= sizeof png && memcmp(file->data, png, sizeof png) == 0) {
    return complain(EXIT_UNSUPPORTED, "%s: this program was built without PNG", path);
  }
#endif
  return complain(EXIT_INVALID, "%s: not an image in a format that can be read (%s)", path,
                  format_list());
}

int write_picture(const char* path, const picture* in, format form, bytes* file) {
#ifdef DLF_TOOLS_PNG
  if (form == FORMAT_PNG) return write_png(path, in, file);
#endif
  return write_pnm(path, in, form, file);
}

void free_picture(picture* picture) {
  free(picture->samples);
  free(picture->exif.data);
  free(picture->icc.data);
  free(picture->xmp.data);
  memset(picture, 0, sizeof *picture);
}

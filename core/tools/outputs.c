#define _XOPEN_SOURCE 700
#include "outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "tool.h"
#include "writing.h"

enum { MAX_START = 16 };

/* Formats by the ends of their names, and by the bytes that their files begin with (from `at`). */
typedef struct kind {
  const char* name;
  const char* suffixes; /* with a space before and after each */
  const char* start;
  size_t size, at;
} kind;

#define START(text) text, sizeof(text) - 1
static const kind kinds[] = {
    {".dlf", " dlf ", START("\xC4LF\n"), 0},
    {"PNG", " png apng ", START("\x89PNG"), 0},
    {"JPEG", " jpg jpeg jpe jfif ", START("\xFF\xD8\xFF"), 0},
    {"GIF", " gif ", START("GIF8"), 0},
    {"WebP", " webp ", START("WEBP"), 8},
    {"TIFF", " tif tiff ", START("II*\0"), 0},
    {"TIFF", "", START("MM\0*"), 0},
    {"BMP", " bmp dib ", START("BM"), 0},
    {"Netpbm", " ppm pgm pnm pam ", START("P5"), 0},
    {"Netpbm", "", START("P6"), 0},
    {"Netpbm", "", START("P7"), 0},
    {"AVIF or HEIF", " avif avifs heic heif hif ", START("ftyp"), 4},
    {"JPEG XL", " jxl ", START("\xFF\x0A"), 0},
    {"JPEG XL", "", START("\0\0\0\x0CJXL "), 0},
    {"JPEG 2000", " jp2 j2k jpx ", START("\0\0\0\x0CjP  "), 0},
    {"JPEG 2000", "", START("\xFF\x4F\xFF\x51"), 0},
    {"PSD", " psd ", START("8BPS"), 0},
    {"QOI", " qoi ", START("qoif"), 0},
    {"OpenEXR", " exr ", START("v/1\x01"), 0},
    {"SVG", " svg svgz ", START("<svg"), 0},
    {"XCF", " xcf ", START("gimp xcf"), 0},
    {"ICO", " ico ", START("\0\0\1\0"), 0},
    {"camera raw", " arw cr2 cr3 dng nef orf raf rw2 ", START("FUJIFILMCCD-RAW"), 0},
    {"TGA", " tga ", NULL, 0, 0},
    {"model package", " dlfm ", NULL, 0, 0},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const kind* kind_of_suffix(const char* suffix) {
  char word[16];
  size_t i, length = strlen(suffix);
  if (length + 3 > sizeof word) return NULL;
  snprintf(word, sizeof word, " %s ", suffix);
  for (i = 1; i <= length; ++i) {
    if (word[i] >= 'A' && word[i] <= 'Z') word[i] = (char)(word[i] - 'A' + 'a');
  }
  for (i = 0; i < KINDS; ++i) {
    if (strstr(kinds[i].suffixes, word) != NULL) return &kinds[i];
  }
  return NULL;
}

static const char* suffix_of(const char* path) {
  const char* slash = strrchr(path, '/');
  const char* dot = strrchr(slash == NULL ? path : slash, '.');
  return dot == NULL ? "" : dot + 1;
}

static const kind* kind_of_content(const char* path) {
  char start[MAX_START];
  size_t i;
  ssize_t count;
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return NULL;
  count = read(descriptor, start, sizeof start);
  close(descriptor);
  for (i = 0; i < KINDS; ++i) {
    const kind* each = &kinds[i];
    if (each->start != NULL && count >= (ssize_t)(each->at + each->size) &&
        memcmp(start + each->at, each->start, each->size) == 0) {
      return each;
    }
  }
  return NULL;
}

/* Returns 0 when the name means no file that holds content. */
static int content_of(const char* path, int stream, struct stat* found) {
  const int status = strcmp(path, STANDARD_STREAM) == 0 ? fstat(stream, found) : stat(path, found);
  return status == 0 && S_ISREG(found->st_mode);
}

int refuse_input(const char* path, const char* input) {
  struct stat read, written;
  if (content_of(input, STDIN_FILENO, &read) && content_of(path, STDOUT_FILENO, &written) &&
      read.st_dev == written.st_dev && read.st_ino == written.st_ino) {
    return complain(EXIT_USAGE, "%s would be written over by its own output", input);
  }
  return 0;
}

/* What would keep the file from being written, now and not after the work. */
static int check_writable(const char* path, const struct stat* old) {
  char* folder;
  const char* slash = strrchr(path, '/');
  struct stat found;
  int good;
  if (old != NULL) {
    if (S_ISDIR(old->st_mode)) errno = EISDIR;
    good = !S_ISDIR(old->st_mode) && access(path, W_OK) == 0;
    return good ? 0 : complain(EXIT_FAILED, "%s: %s", path, strerror(errno));
  }
  if (lstat(path, &found) == 0) return 0; /* a link to what is not there: writing will tell */
  folder = slash == NULL ? strdup(".") : strdup(path);
  if (folder == NULL) return complain(EXIT_FAILED, "%s: not enough memory", path);
  if (slash != NULL) folder[slash - path + 1] = '\0';
  good = access(folder, W_OK | X_OK) == 0;
  free(folder);
  return good ? 0 : complain(EXIT_FAILED, "%s: %s", path, strerror(errno));
}

int judge_output(const char* path, const char* suffix, const char* input, overwrite choice) {
  const kind *made = kind_of_suffix(suffix), *named, *held;
  struct stat old;
  int exists, status = refuse_input(path, input);
  if (status != 0 || strcmp(path, STANDARD_STREAM) == 0) return status;
  exists = stat(path, &old) == 0;
  if (!exists && errno != ENOENT) return complain(EXIT_FAILED, "%s: %s", path, strerror(errno));
  status = check_writable(path, exists ? &old : NULL);
  if (status != 0 || is_stream(path)) return status;
  if (choice == OVERWRITE_NONE && (exists || lstat(path, &old) == 0)) {
    return complain(EXIT_FAILED, "%s: exists, and nothing is to be replaced", path);
  }
  if (choice == OVERWRITE_ANY) return 0;
  named = kind_of_suffix(suffix_of(path));
  if (named != NULL && strcmp(named->name, made->name) != 0) {
    return complain(EXIT_USAGE,
                    "%s: .%s stands for another format (%s), and this would be %s; --force "
                    "writes it",
                    path, suffix_of(path), named->name, made->name);
  }
  held = exists ? kind_of_content(path) : NULL;
  if (held != NULL && strcmp(held->name, made->name) != 0) {
    return complain(EXIT_USAGE,
                    "%s: holds a picture (%s), which another format (%s) would replace; --force "
                    "does so",
                    path, held->name, made->name);
  }
  return 0;
}

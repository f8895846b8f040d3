/* PNG, by way of libpng. */
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"
#include "tool.h"

#define XMP_KEY "XML:com.adobe.xmp"

/* What both directions carry: the bytes of the file, and where an error leads. */
typedef struct stream {
  const char* path;
  const bytes* from;
  size_t at;
  bytes* to;
} stream;

static void on_error(png_structp png, png_const_charp message) {
  const stream* state = png_get_error_ptr(png);
  complain(EXIT_INVALID, "%s: PNG: %s", state->path, message);
  longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static void on_read(png_structp png, png_bytep to, png_size_t size) {
  stream* state = png_get_io_ptr(png);
  if (size > state->from->size - state->at) png_error(png, "the file ends too early");
  memcpy(to, state->from->data + state->at, size);
  state->at += size;
}

static void on_write(png_structp png, png_bytep from, png_size_t size) {
  stream* state = png_get_io_ptr(png);
  if (!bytes_append(state->to, from, size)) png_error(png, "not enough memory");
}

static void on_flush(png_structp png) { (void)png; }

/* Of one part of the file: before the samples, or after them. */
static void read_metadata(png_structp png, png_infop info, picture* out) {
  png_charp name = NULL;
  png_bytep profile = NULL;
  png_textp texts = NULL;
  png_uint_32 size = 0;
  int kind = 0, count = 0, i;
#ifdef PNG_eXIf_SUPPORTED
  png_bytep exif = NULL;
  if (out->exif.size == 0 && png_get_eXIf_1(png, info, &size, &exif) != 0) {
    bytes_append(&out->exif, exif, size);
  }
#endif
  if (out->icc.size == 0 && png_get_iCCP(png, info, &name, &kind, &profile, &size) != 0) {
    bytes_append(&out->icc, profile, size);
  }
  png_get_text(png, info, &texts, &count);
  for (i = 0; i < count; ++i) {
    if (strcmp(texts[i].key, XMP_KEY) == 0 && out->xmp.data == NULL) {
      const size_t length = texts[i].itxt_length != 0 ? texts[i].itxt_length : texts[i].text_length;
      bytes_append(&out->xmp, texts[i].text, length);
    }
  }
}

/* Everything becomes 8 bits a sample, palettes colours, and transparent colours an alpha channel.
 */
static int normalise(png_structp png) {
  png_set_expand(png);
  png_set_strip_16(png);
  return png_set_interlace_handling(png);
}

static uint32_t big_endian(const uint8_t* at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* How many pictures the file says that it holds: more than 1 for an animation (chunk acTL). */
static uint32_t frames_of(const bytes* file) {
  enum { SIGNATURE = 8, HEAD = 8, CHECKSUM = 4 };
  size_t at = SIGNATURE;
  while (at + HEAD + 4 <= file->size) {
    const size_t length = big_endian(file->data + at);
    const uint8_t* kind = file->data + at + 4;
    if (memcmp(kind, "acTL", 4) == 0) return big_endian(kind + 4);
    if (memcmp(kind, "IDAT", 4) == 0 || length > file->size - at - HEAD) break;
    at += HEAD + length + CHECKSUM;
  }
  return 1;
}

int read_png(const char* path, const bytes* file, picture* out) {
  stream state;
  png_structp png;
  png_infop info = NULL, end = NULL;
  volatile int status = EXIT_INVALID;
  if (frames_of(file) > 1) {
    return complain(EXIT_UNSUPPORTED, "%s: holds %lu pictures, and a .dlf file holds one", path,
                    (unsigned long)frames_of(file));
  }
  memset(&state, 0, sizeof state);
  state.path = path;
  state.from = file;
  png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
  if (png != NULL) {
    info = png_create_info_struct(png);
    end = png_create_info_struct(png);
  }
  if (png == NULL || info == NULL || end == NULL) {
    png_destroy_read_struct(&png, &info, &end);
    return complain(EXIT_FAILED, "%s: not enough memory", path);
  }
  if (setjmp(png_jmpbuf(png)) == 0) {
    png_set_read_fn(png, &state, on_read);
    png_set_user_limits(png, 1 << 24, 1 << 24);
    png_read_info(png, info);
    if (png_get_bit_depth(png, info) == 16 &&
        (png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR) == 0) {
      status = complain(EXIT_UNSUPPORTED, "%s: gray samples of 16 bits cannot be encoded", path);
    } else {
      png_uint_32 y;
      size_t line;
      int pass, passes;
      passes = normalise(png);
      png_read_update_info(png, info);
      out->width = png_get_image_width(png, info);
      out->height = png_get_image_height(png, info);
      out->channels = png_get_channels(png, info);
      line = (size_t)out->width * out->channels;
      if (!allocate_samples(out)) png_error(png, "not enough memory");
      for (pass = 0; pass < passes; ++pass) {
        for (y = 0; y < out->height; ++y) png_read_row(png, out->samples + y * line, NULL);
      }
      png_read_end(png, end);
      read_metadata(png, info, out);
      read_metadata(png, end, out);
      out->orientation = exif_orientation(&out->exif);
      status = 0;
    }
  }
  png_destroy_read_struct(&png, &info, &end);
  return status;
}

static void write_metadata(png_structp png, png_infop info, const picture* in) {
#ifdef PNG_eXIf_SUPPORTED
  if (in->exif.size > 0) {
    png_set_eXIf_1(png, info, (png_uint_32)in->exif.size, in->exif.data);
  }
#endif
  if (in->icc.size > 0) {
    png_set_iCCP(png, info, "profile", PNG_COMPRESSION_TYPE_BASE, in->icc.data,
                 (png_uint_32)in->icc.size);
  } else if (in->color_space == DLF_COLOR_SPACE_DISPLAY_P3) {
    /* Its primaries, white point and transfer function, without a profile. */
    png_set_cHRM(png, info, 0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060);
    png_set_gAMA(png, info, 0.45455);
  }
  if (in->xmp.size > 0) {
    png_text text;
    char* copy = malloc(in->xmp.size + 1);
    if (copy == NULL) png_error(png, "not enough memory");
    memcpy(copy, in->xmp.data, in->xmp.size);
    copy[in->xmp.size] = '\0';
    memset(&text, 0, sizeof text);
    text.compression = PNG_ITXT_COMPRESSION_NONE;
    text.key = (png_charp)XMP_KEY;
    text.text = copy;
    text.itxt_length = in->xmp.size;
    text.lang = text.lang_key = (png_charp) "";
    png_set_text(png, info, &text, 1);
    free(copy);
  }
}

int write_png(const char* path, const picture* in, bytes* file) {
  static const int types[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                              PNG_COLOR_TYPE_RGB_ALPHA};
  const size_t line = (size_t)in->width * in->channels;
  stream state;
  png_structp png;
  png_infop info = NULL;
  volatile int status = EXIT_FAILED;
  memset(&state, 0, sizeof state);
  state.path = path;
  state.to = file;
  png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
  if (png != NULL) info = png_create_info_struct(png);
  if (info == NULL) {
    png_destroy_write_struct(&png, &info);
    return complain(EXIT_FAILED, "%s: not enough memory", path);
  }
  if (setjmp(png_jmpbuf(png)) == 0) {
    png_uint_32 y;
    png_set_user_limits(png, 1 << 24, 1 << 24);
    png_set_write_fn(png, &state, on_write, on_flush);
    png_set_IHDR(png, info, in->width, in->height, 8, types[in->channels], PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    write_metadata(png, info, in);
    png_write_info(png, info);
    for (y = 0; y < in->height; ++y) png_write_row(png, in->samples + y * line);
    png_write_end(png, info);
    status = 0;
  }
  png_destroy_write_struct(&png, &info);
  return status;
}

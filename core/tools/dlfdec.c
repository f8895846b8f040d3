/* dlfdec: a .dlf file to an image file. dlfdec.1 describes it. */
#define _XOPEN_SOURCE 700
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dlfdec_options.h"
#include "downscale.h"
#include "files.h"
#include "images.h"
#include "models.h"
#include "outputs.h"
#include "say.h"
#include "thumbnail.h"
#include "tool.h"
#include "writing.h"

enum { PIECE = 1 << 16 };

/* Reads the file into the decoder, as far as it is not refused on the way. Returns 0 or an exit
 * status. */
static int push_file(const options* given, dlf_decoder* decoder) {
  static uint8_t piece[PIECE];
  const int descriptor = open_input(given->input);
  long count = 0;
  dlf_error error;
  DLF_INIT(&error);
  if (descriptor < 0) return EXIT_FAILED;
  while ((count = read_piece(descriptor, given->input, piece, PIECE)) > 0) {
    if (dlf_decoder_push(decoder, piece, (size_t)count, &error) != DLF_OK) break;
  }
  if (descriptor > STDIN_FILENO) close(descriptor);
  if (count < 0) return EXIT_FAILED;
  if (error.status == DLF_OK) dlf_decoder_finish(decoder, &error);
  return error.status == DLF_OK ? 0 : complain_error(given->input, &error);
}

/* Finds and loads the model that the header asks for. That comes after the container, so that a
 * broken file is told as such also where its model is missing (BITSTREAM.md 4.4). */
static int load_model(const options* given, const dlf_decoder* decoder, dlf_codec** codec) {
  dlf_info info;
  dlf_error error;
  char* path;
  int status = 0;
  DLF_INIT(&info);
  DLF_INIT(&error);
  dlf_decoder_get_info(decoder, &info, NULL);
  path =
      given->common.model != NULL ? find_model(given->common.model) : find_model_id(info.model_id);
  if (path == NULL) return EXIT_MODEL;
  status = refuse_input(given->output, path);
  if (status != 0) {
    free(path);
    return status;
  }
  if (dlf_codec_open(path, &given->common.codec, codec, &error) != DLF_OK) {
    status = complain_error(path, &error);
  }
  free(path);
  return status;
}

static dlf_chunks* chunks_of(const options* given, const dlf_decoder* decoder) {
  dlf_chunks* chunks = NULL;
  size_t size = 0;
  const uint8_t* data = dlf_decoder_data(decoder, &size);
  dlf_chunks_open(data, size, &given->limits, &chunks, NULL); /* a truncated file may have none */
  return chunks;
}

static int print_info(const options* given, const dlf_decoder* decoder) {
  dlf_chunks* chunks = chunks_of(given, decoder);
  dlf_info info;
  size_t size = 0, i;
  DLF_INIT(&info);
  dlf_decoder_get_info(decoder, &info, NULL);
  dlf_decoder_data(decoder, &size);
  printf("width            %lu\nheight           %lu\ndisplay width    %lu\ndisplay height   %lu\n",
         (unsigned long)info.width, (unsigned long)info.height, (unsigned long)info.display_width,
         (unsigned long)info.display_height);
  printf("mode             %s\n", mode_name(info.channels));
  printf("orientation      %lu\ncolor space      %s\nversion          %lu\n",
         (unsigned long)info.orientation,
         info.color_space == DLF_COLOR_SPACE_DISPLAY_P3 ? "display-p3" : "srgb",
         (unsigned long)info.version);
  printf(
      "model id         %lu\nrate             %lu\nfile bytes       %llu\nbpp              %.5f\n",
      (unsigned long)info.model_id, (unsigned long)info.rate, (unsigned long long)size,
      8.0 * (double)size / ((double)info.width * info.height));
  printf("header bytes     %lu\npayload bytes    %lu\n", (unsigned long)info.header_bytes,
         (unsigned long)info.payload_bytes);
  for (i = 0; i < dlf_chunks_count(chunks); ++i) {
    dlf_chunk chunk;
    DLF_INIT(&chunk);
    dlf_chunks_get(chunks, i, &chunk, NULL);
    printf("chunk            type %lu, %llu bytes of content\n", (unsigned long)chunk.type,
           (unsigned long long)chunk.size);
  }
  dlf_chunks_free(chunks);
  return 0;
}

/* The metadata that image formats can carry. */
static int copy_metadata(const options* given, const dlf_decoder* decoder, picture* to) {
  dlf_chunks* chunks = chunks_of(given, decoder);
  dlf_info info;
  size_t i;
  int good = 1;
  DLF_INIT(&info);
  dlf_decoder_get_info(decoder, &info, NULL);
  to->orientation = info.orientation;
  to->color_space = info.color_space;
  for (i = 0; good && i < dlf_chunks_count(chunks); ++i) {
    dlf_chunk chunk;
    DLF_INIT(&chunk);
    dlf_chunks_get(chunks, i, &chunk, NULL);
    if (chunk.type == DLF_CHUNK_ICC) good = bytes_append(&to->icc, chunk.data, chunk.size);
    if (chunk.type == DLF_CHUNK_EXIF) good = bytes_append(&to->exif, chunk.data, chunk.size);
    if (chunk.type == DLF_CHUNK_XMP) good = bytes_append(&to->xmp, chunk.data, chunk.size);
  }
  dlf_chunks_free(chunks);
  if (good && exif_orientation(&to->exif) != to->orientation) {
    /* The header's orientation wins over what the EXIF says. */
    uint8_t exif[ORIENTATION_EXIF_BYTES];
    orientation_exif(to->orientation, exif);
    to->exif.size = 0;
    good = bytes_append(&to->exif, exif, sizeof exif);
  }
  return good;
}

static int decode(const options* given, const dlf_decoder* decoder, const dlf_codec* codec) {
  const double start = seconds_now();
  dlf_picture decoded;
  dlf_error error;
  picture image, thumbnail;
  const picture* shown = given->thumbnail != 0 ? &thumbnail : &image;
  dlf_decode_options decoding = given->decoding;
  dlf_info info;
  bytes file = {NULL, 0};
  int status;
  uint32_t width, height; /* of the thumbnail, before it is turned */
  DLF_INIT(&decoded);
  DLF_INIT(&error);
  DLF_INIT(&info);
  memset(&image, 0, sizeof image);
  memset(&thumbnail, 0, sizeof thumbnail);
  dlf_decoder_get_info(decoder, &info, NULL);
  width = info.width;
  height = info.height;
  if (given->thumbnail != 0) {
    thumbnail_size(&width, &height, given->thumbnail);
    decoding.downscale = downscale_for(info.width, info.height, width, height);
  }
  if (dlf_decoder_picture(decoder, codec, &decoding, &decoded, &error) != DLF_OK) {
    return complain_error(given->input, &error);
  }
  image.samples = decoded.samples.data;
  image.width = decoded.width;
  image.height = decoded.height;
  image.channels = decoded.channels;
  if (!copy_metadata(given, decoder, &image) ||
      (given->thumbnail != 0 && !make_thumbnail(&image, width, height, &thumbnail))) {
    status = complain(EXIT_FAILED, "%s: not enough memory", given->input);
  } else {
    status = write_picture(given->output, shown, given->form, &file);
  }
  if (status == 0 && !write_whole(given->output, file.data, file.size)) status = EXIT_FAILED;
  if (status == 0 && !given->common.quiet) {
    say(is_standard_output(given->output) ? stderr : stdout, "%s: %lux%lu %s%s, %.2f s",
        given->output, (unsigned long)shown->width, (unsigned long)shown->height,
        mode_name(shown->channels), decoded.complete ? "" : " of a truncated file",
        seconds_now() - start);
  }
  free(file.data);
  image.samples = NULL; /* belongs to `decoded` */
  free_picture(&image);
  free_picture(&thumbnail);
  dlf_buffer_free(&decoded.samples);
  return status;
}

int main(int argc, char** argv) {
  options given;
  dlf_logger logger;
  dlf_error error;
  dlf_decoder* decoder = NULL;
  dlf_codec* codec = NULL;
  int status;
  tool_start("dlfdec");
  status = read_options(argc, argv, &given);
  if (status >= 0) return status;
  if (!given.info_only) {
    status = judge_output(given.output, format_name(given.form), given.input, given.common.choice);
    if (status != 0) return status;
  }
  DLF_INIT(&error);
  verbose_logger(&logger);
  if (given.common.verbose) given.common.codec.logger = given.reading.logger = &logger;
  given.reading.limits = &given.limits;
  given.decoding.progress = stop_when_interrupted;
  if (dlf_decoder_open(NULL, &given.reading, &decoder, &error) != DLF_OK) {
    return complain_error(given.input, &error);
  }
  status = push_file(&given, decoder);
  if (status == 0 && !given.info_only) status = load_model(&given, decoder, &codec);
  if (status == 0) {
    status = given.info_only ? print_info(&given, decoder) : decode(&given, decoder, codec);
  }
  dlf_codec_free(codec);
  dlf_decoder_free(decoder);
  return status;
}

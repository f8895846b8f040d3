/* Decodes a .dlf file to a PPM or PGM image: decode_ppm MODEL.dlfm IN.dlf OUT.ppm
 *
 * Alpha is left out. cc decode_ppm.c $(pkg-config --cflags --libs dlf_torch) */
#include <dlf/dlf.h>

#include "example_io.h"
#include "example_output.h"

/* Closes the file too. */
static int write_picture(FILE* file, const dlf_picture* picture) {
  const size_t pixels = (size_t)picture->width * picture->height;
  const uint32_t colours = picture->channels < 3 ? 1 : 3;
  size_t i;
  int bad;
  fprintf(file, "P%c\n%u %u\n255\n", colours == 1 ? '5' : '6', (unsigned)picture->width,
          (unsigned)picture->height);
  for (i = 0; i < pixels; ++i) {
    fwrite(picture->samples.data + i * picture->channels, 1, colours, file);
  }
  bad = ferror(file);
  return fclose(file) == 0 && !bad;
}

static int show_progress(void* user, uint32_t done, uint32_t total) {
  (void)user;
  fprintf(stderr, "tile %u of %u\n", (unsigned)done, (unsigned)total);
  return 0; /* anything else would cancel */
}

int main(int argc, char** argv) {
  size_t size = 0;
  uint8_t* data;
  FILE* out;
  dlf_error error;
  dlf_codec* codec = NULL;
  dlf_decode_options options;
  dlf_picture picture;
  dlf_status status;

  if (argc != 4) {
    fprintf(stderr, "usage: decode_ppm MODEL.dlfm IN.dlf OUT.ppm\n");
    return 2;
  }
  data = read_file(argv[2], &size);
  if (data == NULL) return 1;

  DLF_INIT(&error);
  DLF_INIT(&options);
  DLF_INIT(&picture);
  options.progress = show_progress;
  status = dlf_codec_open(argv[1], NULL, &codec, &error);
  if (status == DLF_OK) status = dlf_decode(codec, data, size, &options, &picture, &error);
  if (status != DLF_OK) {
    fprintf(stderr, "%s: %s\n", dlf_status_string(status), error.message);
  } else {
    out = open_output(argv[3], argv[1], argv[2]);
    if (out == NULL) {
      status = DLF_INTERNAL;
    } else if (!write_picture(out, &picture)) {
      perror(argv[3]);
      status = DLF_INTERNAL;
    }
  }
  dlf_buffer_free(&picture.samples);
  dlf_codec_free(codec);
  free(data);
  return (int)status;
}

/* Encodes a binary PPM or PGM image: encode_ppm MODEL.dlfm IN.ppm OUT.dlf BYTES
 *
 * Makes the largest file of at most BYTES bytes. cc encode_ppm.c $(pkg-config --cflags --libs
 * dlf_torch) */
#include <ctype.h>
#include <dlf/dlf.h>

#include "example_io.h"
#include "example_output.h"

/* Reads one number of the header and the one space after it; 0 when there is none. */
static uint32_t read_number(const uint8_t* data, size_t size, size_t* at) {
  uint32_t value = 0;
  while (*at < size && isspace(data[*at])) ++*at;
  while (*at < size && isdigit(data[*at]) && value < 100000000) {
    value = value * 10 + (uint32_t)(data[(*at)++] - '0');
  }
  return value;
}

/* Finds the samples of a P5 or P6 file with 8 bits a sample; 0 when it is none. */
static int parse_ppm(const uint8_t* data, size_t size, dlf_image* image) {
  size_t at = 2;
  uint32_t maximum;
  if (size < 2 || data[0] != 'P' || (data[1] != '5' && data[1] != '6')) return 0;
  image->channels = data[1] == '5' ? 1 : 3;
  image->width = read_number(data, size, &at);
  image->height = read_number(data, size, &at);
  maximum = read_number(data, size, &at);
  ++at;
  if (maximum != 255 || image->width == 0 || image->height == 0 || at > size) return 0;
  image->data = data + at;
  return (size - at) / image->channels / image->width >= image->height;
}

int main(int argc, char** argv) {
  size_t size = 0;
  uint8_t* data;
  FILE* out;
  dlf_error error;
  dlf_codec* codec = NULL;
  dlf_image image;
  dlf_encode_options options;
  dlf_buffer file;
  dlf_status status;

  if (argc != 5) {
    fprintf(stderr, "usage: encode_ppm MODEL.dlfm IN.ppm OUT.dlf BYTES\n");
    return 2;
  }
  data = read_file(argv[2], &size);
  if (data == NULL) return 1;
  DLF_INIT(&error);
  DLF_INIT(&image);
  DLF_INIT(&options);
  DLF_INIT(&file);
  if (!parse_ppm(data, size, &image)) {
    fprintf(stderr, "%s: not a binary PPM or PGM file with 8 bits a sample\n", argv[2]);
    free(data);
    return 1;
  }

  options.max_bytes = strtoull(argv[4], NULL, 10);
  status = dlf_codec_open(argv[1], NULL, &codec, &error);
  if (status == DLF_OK) status = dlf_encode(codec, &image, &options, &file, &error);
  if (status != DLF_OK) {
    fprintf(stderr, "%s: %s\n", dlf_status_string(status), error.message);
  } else {
    out = open_output(argv[3], argv[1], argv[2]);
    if (out == NULL) {
      status = DLF_INTERNAL;
    } else {
      const int whole = fwrite(file.data, 1, file.size, out) == file.size;
      if (fclose(out) != 0 || !whole) {
        perror(argv[3]);
        status = DLF_INTERNAL;
      }
    }
  }
  dlf_buffer_free(&file);
  dlf_codec_free(codec);
  free(data);
  return (int)status;
}

/* Prints what the header of a .dlf file says, and its chunks: probe FILE.dlf
 *
 * Needs libdlf only: cc probe.c $(pkg-config --cflags --libs dlf) */
#include <dlf/dlf.h>

#include "example_io.h"

int main(int argc, char** argv) {
  size_t size = 0, i;
  uint8_t* data;
  dlf_info info;
  dlf_error error;
  dlf_chunks* chunks = NULL;
  dlf_status status;

  if (argc != 2) {
    fprintf(stderr, "usage: probe FILE.dlf\n");
    return 2;
  }
  data = read_file(argv[1], &size);
  if (data == NULL) return 1;

  DLF_INIT(&info);
  DLF_INIT(&error);
  status = dlf_probe(data, size, &info, &error);
  if (status == DLF_OK) {
    printf("%ux%u, %u channels, model %u, rate point %u, %u header and %u payload bytes\n",
           (unsigned)info.width, (unsigned)info.height, (unsigned)info.channels,
           (unsigned)info.model_id, (unsigned)info.rate, (unsigned)info.header_bytes,
           (unsigned)info.payload_bytes);
    status = dlf_chunks_open(data, size, NULL, &chunks, &error);
  }
  for (i = 0; i < dlf_chunks_count(chunks); ++i) {
    dlf_chunk chunk;
    DLF_INIT(&chunk);
    dlf_chunks_get(chunks, i, &chunk, NULL);
    printf("chunk of type %u, %lu bytes\n", (unsigned)chunk.type, (unsigned long)chunk.size);
  }
  if (status != DLF_OK) {
    fprintf(stderr, "%s: %s: %s\n", argv[1], dlf_status_string(status), error.message);
  }
  dlf_chunks_free(chunks);
  free(data);
  return (int)status;
}

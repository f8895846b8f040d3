/* Reading whole files, for the example programs. */
#ifndef DLF_EXAMPLE_IO_H_
#define DLF_EXAMPLE_IO_H_

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Returns the content of a file, to be freed with free, or NULL after saying why. */
static uint8_t* read_file(const char* path, size_t* size) {
  size_t capacity = 1 << 16, used = 0;
  uint8_t* data = malloc(capacity);
  FILE* file = fopen(path, "rb");
  if (file == NULL || data == NULL) {
    perror(path);
    if (file != NULL) fclose(file);
    free(data);
    return NULL;
  }
  for (;;) {
    uint8_t* larger;
    used += fread(data + used, 1, capacity - used, file);
    if (used < capacity) break;
    larger = realloc(data, capacity *= 2);
    if (larger == NULL) {
      perror(path);
      free(data);
      fclose(file);
      return NULL;
    }
    data = larger;
  }
  if (ferror(file)) {
    perror(path);
    free(data);
    data = NULL;
  }
  fclose(file);
  *size = used;
  return data;
}

#endif /* DLF_EXAMPLE_IO_H_ */

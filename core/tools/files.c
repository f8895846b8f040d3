#define _XOPEN_SOURCE 700
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

enum { PIECE = 1 << 16 };

static int complain_file(const char* path) {
  complain(EXIT_FAILED, "%s: %s", path, strerror(errno));
  return 0;
}

int bytes_append(bytes* to, const void* data, size_t size) {
  /* Grows by doubling: the capacity is the next power of two. */
  size_t capacity = PIECE, wanted = PIECE;
  uint8_t* larger;
  if (size > SIZE_MAX / 4 - to->size) return 0;
  while (capacity < to->size) capacity *= 2;
  while (wanted < to->size + size) wanted *= 2;
  if (to->data == NULL || wanted > capacity) {
    larger = realloc(to->data, wanted);
    if (larger == NULL) return 0;
    to->data = larger;
  }
  if (size > 0) memcpy(to->data + to->size, data, size);
  to->size += size;
  return 1;
}

int open_input(const char* path) {
  int descriptor;
  if (strcmp(path, STANDARD_STREAM) == 0) return STDIN_FILENO;
  descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) complain_file(path);
  return descriptor;
}

long read_piece(int descriptor, const char* path, void* to, size_t size) {
  ssize_t count;
  do {
    count = read(descriptor, to, size);
  } while (count < 0 && errno == EINTR && !stop_when_interrupted(NULL, 0, 0));
  if (count < 0) complain_file(path);
  return (long)count;
}

int read_whole(const char* path, bytes* content) {
  static uint8_t piece[PIECE];
  const int descriptor = open_input(path);
  long count = -1;
  content->data = NULL;
  content->size = 0;
  if (descriptor < 0) return 0;
  while ((count = read_piece(descriptor, path, piece, sizeof piece)) > 0) {
    if (!bytes_append(content, piece, (size_t)count)) {
      complain(EXIT_FAILED, "%s: not enough memory", path);
      count = -1;
      break;
    }
  }
  if (descriptor != STDIN_FILENO) close(descriptor);
  if (count == 0) return 1;
  free(content->data);
  content->data = NULL;
  return 0;
}

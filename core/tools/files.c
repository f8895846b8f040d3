#define _XOPEN_SOURCE 700 /* realpath */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

enum { PIECE = 1 << 16 };

static int complain_file(const char *path) {
  complain(EXIT_FAILED, "%s: %s", path, strerror(errno));
  return 0;
}

int bytes_append(bytes *to, const void *data, size_t size) {
  /* Grows by doubling: the capacity is the next power of two. */
  size_t capacity = PIECE, wanted = PIECE;
  uint8_t *larger;
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

int open_input(const char *path) {
  int descriptor;
  if (strcmp(path, STANDARD_STREAM) == 0) return STDIN_FILENO;
  descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) complain_file(path);
  return descriptor;
}

long read_piece(int descriptor, const char *path, void *to, size_t size) {
  ssize_t count;
  do {
    count = read(descriptor, to, size);
  } while (count < 0 && errno == EINTR && !stop_when_interrupted(NULL, 0, 0));
  if (count < 0) complain_file(path);
  return (long)count;
}

int read_whole(const char *path, bytes *content) {
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

static int write_all(int descriptor, const uint8_t *data, size_t size) {
  while (size > 0) {
    const ssize_t count = write(descriptor, data, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return 0;
    data += count;
    size -= (size_t)count;
  }
  return 1;
}

static int write_directly(const char *path, int flags, mode_t mode, const void *data, size_t size) {
  const int descriptor = open(path, flags | O_WRONLY | O_CLOEXEC, mode);
  int good = descriptor >= 0 && write_all(descriptor, data, size);
  const int reason = errno;
  if (descriptor >= 0 && close(descriptor) != 0) good = 0;
  if (good) return 1;
  if (reason != 0) errno = reason;
  return 0;
}

/* The new content under another name in the same folder, then the name of the target. */
static int replace(const char *target, const struct stat *old, const void *data, size_t size) {
  const char *slash = strrchr(target, '/');
  const char *name = slash == NULL ? target : slash + 1;
  const size_t room = strlen(target) + 64;
  char *temporary = malloc(room);
  int good, reason;
  if (temporary == NULL) return 0;
  snprintf(temporary, room, "%.*s.%.100s.%ld.part", (int)(name - target), target, name,
           (long)getpid());
  errno = 0;
  good = write_directly(temporary, O_CREAT | O_EXCL, 0666, data, size);
  if (!good && errno == EEXIST) {
    free(temporary);
    return 0;
  }
  if (good && old != NULL) good = chmod(temporary, old->st_mode & 07777) == 0;
  if (good) good = rename(temporary, target) == 0;
  reason = errno;
  if (!good) unlink(temporary);
  errno = reason;
  free(temporary);
  return good;
}

int write_whole(const char *path, const void *data, size_t size) {
  struct stat old;
  char *target;
  int exists, good;
  if (strcmp(path, STANDARD_STREAM) == 0) {
    return write_all(STDOUT_FILENO, data, size) || complain_file("standard output");
  }
  exists = stat(path, &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) {
    return write_directly(path, 0, 0, data, size) || complain_file(path);
  }
  if (exists && access(path, W_OK) != 0) return complain_file(path);
  target = exists ? realpath(path, NULL) : strdup(path);
  good = target != NULL && replace(target, exists ? &old : NULL, data, size);
  if (!good) complain_file(path);
  free(target);
  return good;
}

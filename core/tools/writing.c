#define _XOPEN_SOURCE 700  /* realpath */
#define _DARWIN_C_SOURCE 1 /* F_PREALLOCATE */
#include "writing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "tool.h"

enum { MAX_LINKS = 40, MAX_PATH = 4096, MAX_LEFT_OVER = 100 };

static int complain_file(const char* path) {
  complain(EXIT_FAILED, "%s: %s", path, strerror(errno));
  return 0;
}

/* Whether the folder, as `realpath` gives it, is that of this process's open descriptors. */
static int is_descriptor_folder(const char* folder) {
  char wanted[64];
  const char* rest;
  const int length = snprintf(wanted, sizeof wanted, "/proc/%ld/", (long)getpid());
  if (strcmp(folder, "/dev/fd") == 0) return 1;
  if (strncmp(folder, wanted, (size_t)length) != 0) return 0;
  rest = folder + length;
  if (strncmp(rest, "task/", 5) == 0) {
    rest = strchr(rest + 5, '/');
    if (rest == NULL) return 0;
    ++rest;
  }
  return strcmp(rest, "fd") == 0;
}

/* The N of a name, or of a link to a name, of the open descriptor N of this process; else -1.
 * Opening such a name would open the file anew: at its beginning, and a pipe perhaps not at all. */
static int descriptor_of(const char* path) {
  char name[MAX_PATH], link[MAX_PATH];
  int links;
  if (strlen(path) >= sizeof name) return -1;
  strcpy(name, path);
  for (links = 0; links < MAX_LINKS; ++links) {
    char* slash = strrchr(name, '/');
    const char* base = slash == NULL ? name : slash + 1;
    const size_t folder_length = (size_t)(base - name);
    ssize_t length;
    if (*base != '\0' && strlen(base) < 9 && strspn(base, "0123456789") == strlen(base)) {
      char folder[MAX_PATH], *real;
      int found;
      snprintf(folder, sizeof folder, "%.*s", (int)folder_length, slash == NULL ? "" : name);
      real = realpath(slash == NULL ? "." : folder, NULL);
      found = real != NULL && is_descriptor_folder(real);
      free(real);
      if (found) return (int)strtol(base, NULL, 10);
    }
    length = readlink(name, link, sizeof link - 1);
    if (length <= 0) return -1;
    link[length] = '\0';
    if (link[0] == '/') {
      memcpy(name, link, (size_t)length + 1);
    } else {
      if (folder_length + (size_t)length >= sizeof name) return -1;
      memcpy(name + folder_length, link, (size_t)length + 1);
    }
  }
  return -1;
}

int is_stream(const char* path) {
  struct stat found;
  if (strcmp(path, STANDARD_STREAM) == 0 || descriptor_of(path) >= 0) return 1;
  return stat(path, &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode);
}

int is_standard_output(const char* path) {
  struct stat one, other;
  const int descriptor = descriptor_of(path);
  if (strcmp(path, STANDARD_STREAM) == 0) return 1;
  return descriptor >= 0 && fstat(descriptor, &one) == 0 && fstat(STDOUT_FILENO, &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static int write_all(int descriptor, const uint8_t* data, size_t size) {
  while (size > 0) {
    const ssize_t count = write(descriptor, data, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return 0;
    data += count;
    size -= (size_t)count;
  }
  return 1;
}

/* Closes, and keeps the reason of an earlier failure. */
static int closed(int descriptor, int good) {
  const int reason = errno;
  if (close(descriptor) != 0) return 0;
  errno = reason;
  return good;
}

/* Makes room for a file of so many bytes; returns the reason why it cannot, or 0. */
static int reserve(int descriptor, const struct stat* old, size_t size) {
#ifdef __APPLE__
  fstore_t more = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, (off_t)size - old->st_size, 0};
  return more.fst_length <= 0 || fcntl(descriptor, F_PREALLOCATE, &more) == 0 ? 0 : errno;
#else
  (void)old;
  return posix_fallocate(descriptor, 0, (off_t)size);
#endif
}

/* In place. Room is reserved first, so that a full disk leaves the old content. */
static int overwrite_file(const char* target, const void* data, size_t size) {
  struct stat old;
  const int descriptor = open(target, O_WRONLY | O_CLOEXEC);
  int good;
  if (descriptor < 0) return 0;
  good = fstat(descriptor, &old) == 0;
  if (good && S_ISREG(old.st_mode) && size > 0) {
    const int reason = reserve(descriptor, &old, size);
    if (reason == ENOSPC || reason == EDQUOT || reason == EFBIG) {
      good = ftruncate(descriptor, old.st_size) == 0;
      errno = reason;
      return closed(descriptor, 0);
    }
  }
  good = good && write_all(descriptor, data, size);
  if (good && S_ISREG(old.st_mode)) good = ftruncate(descriptor, (off_t)size) == 0;
  return closed(descriptor, good);
}

/* Gives the new file the owner and the permissions of the old; 0 when it cannot. */
static int keep_owner(int descriptor, const struct stat* old) {
  struct stat fresh;
  if (fstat(descriptor, &fresh) != 0) return 0;
  if ((fresh.st_uid != old->st_uid || fresh.st_gid != old->st_gid) &&
      fchown(descriptor, old->st_uid, old->st_gid) != 0) {
    return 0;
  }
  return fchmod(descriptor, old->st_mode & 07777) == 0; /* after fchown, which takes bits away */
}

/* The new content under another name in the same folder, then the name of the target. */
static int replace(const char* target, const struct stat* old, const void* data, size_t size) {
  const char* slash = strrchr(target, '/');
  const size_t folder = slash == NULL ? 0 : (size_t)(slash - target) + 1;
  const size_t room = folder + 64;
  char* temporary = malloc(room);
  int descriptor, number, good, reason, in_place = 0;
  if (temporary == NULL) return 0;
  /* Short: the target's name may be as long as names may be. */
  for (number = 0, descriptor = -1; descriptor < 0 && number < MAX_LEFT_OVER; ++number) {
    snprintf(temporary, room, "%.*s.dlf-%ld-%d.part", (int)folder, target, (long)getpid(), number);
    descriptor =
        open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, old == NULL ? 0666 : 0600);
    if (descriptor < 0 && errno != EEXIST) break;
  }
  if (descriptor < 0) {
    in_place = old != NULL && (errno == EACCES || errno == EPERM || errno == EROFS);
    good = 0;
    reason = errno;
  } else {
    good = write_all(descriptor, data, size);
    if (good && old != NULL && !keep_owner(descriptor, old)) in_place = 1;
    good = closed(descriptor, good) && !in_place;
    if (good && rename(temporary, target) != 0) {
      good = 0;
      in_place = old != NULL && (errno == EBUSY || errno == EXDEV || errno == EACCES ||
                                 errno == EPERM || errno == EROFS);
    }
    reason = errno;
    if (!good) unlink(temporary);
  }
  free(temporary);
  errno = reason;
  return good || (in_place && overwrite_file(target, data, size));
}

int write_whole(const char* path, const void* data, size_t size) {
  struct stat old;
  char* target;
  int exists, good, descriptor;
  if (strcmp(path, STANDARD_STREAM) == 0) {
    return write_all(STDOUT_FILENO, data, size) || complain_file("standard output");
  }
  descriptor = descriptor_of(path);
  if (descriptor >= 0) return write_all(descriptor, data, size) || complain_file(path);
  exists = stat(path, &old) == 0;
  if (exists && !S_ISREG(old.st_mode))
    return overwrite_file(path, data, size) || complain_file(path);
  if (exists && access(path, W_OK) != 0) return complain_file(path);
  target = exists ? realpath(path, NULL) : strdup(path);
  good = target != NULL && replace(target, exists ? &old : NULL, data, size);
  if (!good) complain_file(path);
  free(target);
  return good;
}

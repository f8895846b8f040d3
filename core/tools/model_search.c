#define _XOPEN_SOURCE 700
#include "model_search.h"

#include <dirent.h>
#include <dlf/dlf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A package is judged by this; not 0 ends the search with it. */
typedef int (*judge)(const char* path, const char* name, const void* wanted);

static char* joined(const char* folder, size_t length, const char* name) {
  const size_t room = length + strlen(name) + 2;
  char* path = malloc(room);
  if (path != NULL) snprintf(path, room, "%.*s/%s", (int)length, folder, name);
  return path;
}

/* The folder of the packages that came with this program: beside it, so that an installation can be
 * moved, or else where it was meant to go. */
static char* installed_folder(void) {
  char program[4096];
  const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length > 0) {
    char *slash, *path;
    program[length] = '\0';
    slash = strrchr(program, '/');
    path = slash == NULL ? NULL : joined(program, (size_t)(slash - program), DLF_MODELS_FROM_BIN);
    if (path != NULL && access(path, R_OK) == 0) return path;
    free(path);
  }
  return strdup(DLF_MODELS_FOLDER);
}

static int is_package(const struct dirent* entry) {
  const size_t length = strlen(entry->d_name), suffix = sizeof MODEL_SUFFIX - 1;
  return length > suffix && strcmp(entry->d_name + length - suffix, MODEL_SUFFIX) == 0;
}

/* The first package of a folder, in the order of their names, that is judged to be the one. */
static char* search_folder(const char* folder, size_t length, judge is_it, const void* wanted) {
  struct dirent** entries = NULL;
  char* found = NULL;
  char* path = joined(folder, length, "");
  const int count = path == NULL ? -1 : scandir(path, &entries, is_package, alphasort);
  int i;
  free(path);
  for (i = 0; i < count; ++i) {
    if (found == NULL) {
      found = joined(folder, length, entries[i]->d_name);
      if (found != NULL && !is_it(found, entries[i]->d_name, wanted)) {
        free(found);
        found = NULL;
      }
    }
    free(entries[i]);
  }
  free(entries);
  return found;
}

static char* search(judge is_it, const void* wanted) {
  const char* listed = getenv(MODEL_PATH_VARIABLE);
  char *found = NULL, *installed;
  while (listed != NULL && *listed != '\0' && found == NULL) {
    const size_t length = strcspn(listed, ":");
    if (length > 0) found = search_folder(listed, length, is_it, wanted);
    listed += length + (listed[length] == ':');
  }
  if (found != NULL) return found;
  installed = installed_folder();
  if (installed != NULL) found = search_folder(installed, strlen(installed), is_it, wanted);
  free(installed);
  return found;
}

static int has_name(const char* path, const char* name, const void* wanted) {
  const size_t length = strlen(name) - (sizeof MODEL_SUFFIX - 1);
  (void)path;
  return strlen(wanted) == length && strncmp(name, wanted, length) == 0;
}

/* Whether the package is intact; its id, unless `id` is NULL. */
static int is_intact(const char* path, uint32_t* id) {
  dlf_package* package = NULL;
  dlf_package_info info;
  int intact;
  DLF_INIT(&info);
  intact = dlf_package_open(path, &package, NULL) == DLF_OK &&
           dlf_package_get_info(package, &info, NULL) == DLF_OK;
  dlf_package_free(package);
  if (intact && id != NULL) *id = info.model_id;
  return intact;
}

/* A damaged package must not hide an intact one. */
static int has_name_intact(const char* path, const char* name, const void* wanted) {
  return has_name(path, name, wanted) && is_intact(path, NULL);
}

static int has_id(const char* path, const char* name, const void* wanted) {
  uint32_t id = 0;
  (void)name;
  return is_intact(path, &id) && id == *(const uint32_t*)wanted;
}

char* search_model_named(const char* name) {
  char* found = search(has_name_intact, name);
  return found != NULL ? found : search(has_name, name); /* opening it says what is wrong */
}

char* search_model_id(uint32_t id) { return search(has_id, &id); }

#define _XOPEN_SOURCE 700
#include "models.h"

#include <string.h>

#include "model_search.h"
#include "tool.h"

#define DEFAULT_MODEL "dlf-s"

char* find_model(const char* wanted) {
  const char* name = wanted == NULL ? DEFAULT_MODEL : wanted;
  const size_t length = strlen(name), suffix = sizeof MODEL_SUFFIX - 1;
  char* found;
  if (strchr(name, '/') != NULL ||
      (length > suffix && !strcmp(name + length - suffix, MODEL_SUFFIX))) {
    return strdup(name);
  }
  found = search_model_named(name);
  if (found == NULL) {
    complain(EXIT_MODEL,
             "no model '%s' in the folders of " MODEL_PATH_VARIABLE " or among the installed ones",
             name);
  }
  return found;
}

char* find_model_id(uint32_t id) {
  char* found = search_model_id(id);
  if (found == NULL) {
    complain(EXIT_MODEL,
             "no model with id %lu in the folders of " MODEL_PATH_VARIABLE
             " or among the installed ones",
             (unsigned long)id);
  }
  return found;
}

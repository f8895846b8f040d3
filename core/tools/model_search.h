/* Where model packages are: in the folders of DLF_MODEL_PATH and among the installed ones. */
#ifndef DLF_TOOLS_MODEL_SEARCH_H_
#define DLF_TOOLS_MODEL_SEARCH_H_

#include <stdint.h>

/* The variable that lists folders, separated by colons; they come first. */
#define MODEL_PATH_VARIABLE "DLF_MODEL_PATH"
#define MODEL_SUFFIX ".dlfm"

/* The path of the package whose file is called NAME.dlfm, one that is intact if there is one; to be
 * freed with free. NULL when there is none. */
char* search_model_named(const char* name);
/* The path of the first intact package with this id, likewise. */
char* search_model_id(uint32_t id);

#endif /* DLF_TOOLS_MODEL_SEARCH_H_ */

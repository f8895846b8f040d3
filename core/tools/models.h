/* Finding model packages: by path, by name, or by the id that a file states. */
#ifndef DLF_TOOLS_MODELS_H_
#define DLF_TOOLS_MODELS_H_

#include <stdint.h>

/* The package for encoding. `wanted` is a path, or a name, or NULL for the default. A name is
 * looked for in the folders of DLF_MODEL_PATH and then in the installed one. Returns the path, from
 * malloc, or NULL after complaining. */
char* find_model(const char* wanted);

/* The package that decodes files with this id. */
char* find_model_id(uint32_t id);

#endif /* DLF_TOOLS_MODELS_H_ */

/* The options that dlfenc and dlfdec share. */
#ifndef DLF_TOOLS_COMMON_OPTIONS_H_
#define DLF_TOOLS_COMMON_OPTIONS_H_

#include <dlf/dlf.h>

#include "outputs.h"

typedef struct common_options {
  const char* model; /* NULL: not given */
  dlf_codec_options codec;
  overwrite choice;
  int choices; /* how many of --force and --no-clobber were given */
  int quiet, verbose;
} common_options;

/* What getopt_long gives for them; a tool's own begin at OWN_OPTIONS. */
enum {
  COMMON_MODEL = 256,
  COMMON_DEVICE,
  COMMON_BACKEND,
  COMMON_THREADS,
  COMMON_FORCE,
  COMMON_NO_CLOBBER,
  COMMON_QUIET,
  COMMON_VERBOSE,
  OWN_OPTIONS
};

/* The last rows of a tool's `struct option` array. Its letters are ":hV" and its own ones. */
/* clang-format off */
#define COMMON_OPTION_ROWS                              \
  {"model", required_argument, NULL, COMMON_MODEL},     \
  {"device", required_argument, NULL, COMMON_DEVICE},   \
  {"backend", required_argument, NULL, COMMON_BACKEND}, \
  {"threads", required_argument, NULL, COMMON_THREADS}, \
  {"force", no_argument, NULL, COMMON_FORCE},           \
  {"no-clobber", no_argument, NULL, COMMON_NO_CLOBBER}, \
  {"quiet", no_argument, NULL, COMMON_QUIET},           \
  {"verbose", no_argument, NULL, COMMON_VERBOSE},       \
  {"help", no_argument, NULL, 'h'},                     \
  {"version", no_argument, NULL, 'V'},                  \
  {NULL, 0, NULL, 0}
/* clang-format on */

/* The defaults: a thread for each CPU. */
void common_defaults(common_options* out);

/* Takes what getopt_long has given, unless it is a tool's own option. Returns -1 to go on, or the
 * exit status: after --help, which `print_help` prints, --version, or a complaint. */
int read_common(int letter, char** argv, common_options* out, void (*print_help)(void));

/* When all options are read. Returns -1 to go on, or the exit status. */
int check_common(const common_options* given);

#endif /* DLF_TOOLS_COMMON_OPTIONS_H_ */

/* What dlfenc and dlfdec share: exit statuses, messages, numbers on the command line, Ctrl-C. */
#ifndef DLF_TOOLS_TOOL_H_
#define DLF_TOOLS_TOOL_H_

#include <dlf/dlf.h>

/* Exit statuses; those of dlf_status follow from exit_status(). */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INVALID = 10, EXIT_UNSUPPORTED = 12, EXIT_MODEL = 14 };

/* The end of each tool's --help and of its man page. */
#define EXIT_STATUS_TEXT                                                               \
  "exit status: 0 ok, 2 wrong usage, 10 invalid file, 11 truncated, 12 unsupported,\n" \
  "13 limit exceeded, 14 model missing or wrong, 1 any other failure\n"

/* Must be called first; `name` begins every message. */
void tool_start(const char* name);
/* Prints one line to standard error as say() does, "NAME: ..."; returns `status`. */
int complain(int status, const char* format, ...);
/* As complain, for a failed call of the library about the file `about`. */
int complain_error(const char* about, const dlf_error* error);
/* The complaint about what getopt_long has given ':' or '?' for, of options that begin with ':'.
 * Returns EXIT_USAGE. */
int complain_option(int letter, char** argv);
/* 10 to 14 as the command line `dlf` has them, 2 for wrong arguments, 130 for Ctrl-C. */
int exit_status(dlf_status status);
int print_version(void);

/* Each reads a whole word; returns 0 and complains when it is no number from `low` to `high`. */
int read_count(const char* option, const char* word, uint64_t low, uint64_t high, uint64_t* value);
int read_number(const char* option, const char* word, double low, double high, double* value);

/* "auto", "integer" or "torch"; as above. */
int read_backend(const char* word, dlf_codec_options* to);

/* CPUs that this process may use. */
uint32_t available_threads(void);
/* A dlf_progress that ends the call after Ctrl-C. */
int stop_when_interrupted(void* user, uint32_t done, uint32_t total);
/* Seconds of a clock that only goes forward. */
double seconds_now(void);
/* The logger of --verbose: everything, to standard error. */
void verbose_logger(dlf_logger* logger);

#endif /* DLF_TOOLS_TOOL_H_ */

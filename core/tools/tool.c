#define _GNU_SOURCE /* sched_getaffinity */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

enum { MAX_COMPLAINT = 8192 };

static const char* tool_name = "dlf";
static volatile sig_atomic_t interrupted = 0;

static void on_interrupt(int number) {
  (void)number;
  interrupted = 1;
}

/* A file that is opened while descriptor 0, 1 or 2 is closed would take its place, and get what is
 * meant for the stream. The stand-in is open in the wrong direction, so that using it fails. */
static void stand_in_for_closed_streams(void) {
  int descriptor;
  for (descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF &&
        open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) {
      exit(EXIT_FAILED);
    }
  }
}

void tool_start(const char* name) {
  struct sigaction action;
  stand_in_for_closed_streams();
  memset(&action, 0, sizeof action);
  action.sa_handler = on_interrupt;
  action.sa_flags = (int)SA_RESETHAND; /* a second Ctrl-C ends the program at once */
  sigaction(SIGINT, &action, NULL);
  tool_name = name;
}

int complain(int status, const char* format, ...) {
  /* What is said here is a path and a sentence; longer ones lose their end. */
  static char text[MAX_COMPLAINT];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  say(stderr, "%s: %s", tool_name, text);
  return status;
}

int complain_option(int letter, char** argv) {
  const char* word = argv[optind - 1];
  if (letter == ':') return complain(EXIT_USAGE, "%s needs a value", word);
  if (strncmp(word, "--", 2) != 0) return complain(EXIT_USAGE, "unknown option '-%c'", optopt);
  if (optopt != 0) return complain(EXIT_USAGE, "%s: this option takes no value", word);
  return complain(EXIT_USAGE, "unknown or ambiguous option '%s'", word);
}

int complain_error(const char* about, const dlf_error* error) {
  return complain(exit_status(error->status), "%s: %s: %s", about, dlf_status_string(error->status),
                  error->message);
}

int exit_status(dlf_status status) {
  switch (status) {
    case DLF_OK:
      return 0;
    case DLF_INVALID_FILE:
      return EXIT_INVALID;
    case DLF_TRUNCATED_FILE:
      return 11;
    case DLF_UNSUPPORTED:
      return EXIT_UNSUPPORTED;
    case DLF_LIMIT_EXCEEDED:
      return 13;
    case DLF_MODEL_ERROR:
      return EXIT_MODEL;
    case DLF_INVALID_ARGUMENT:
      return EXIT_USAGE;
    case DLF_CANCELLED:
      return 130; /* as a shell reports Ctrl-C */
    default:
      return EXIT_FAILED;
  }
}

int print_version(void) {
  printf("%s %s\n", tool_name, dlf_version());
  return 0;
}

int read_number(const char* option, const char* word, double low, double high, double* value) {
  char* end = NULL;
  *value = strtod(word, &end);
  if (end == word || *end != '\0' || !(*value >= low && *value <= high)) {
    if (isinf(high)) {
      complain(EXIT_USAGE, "%s must be a number above %g, not '%s'", option, low, word);
    } else {
      complain(EXIT_USAGE, "%s must be a number from %g to %g, not '%s'", option, low, high, word);
    }
    return 0;
  }
  return 1;
}

int read_count(const char* option, const char* word, uint64_t low, uint64_t high, uint64_t* value) {
  char* end = NULL;
  errno = 0;
  *value = strtoull(word, &end, 10);
  if (*word < '0' || *word > '9' || *end != '\0' || errno != 0 || *value < low || *value > high) {
    complain(EXIT_USAGE, "%s must be a whole number of at least %llu, not '%s'", option,
             (unsigned long long)low, word);
    return 0;
  }
  return 1;
}

int read_backend(const char* word, dlf_codec_options* to) {
  static const char* const kinds[] = {"auto", "integer", "torch"}; /* as dlf_backend_kind counts */
  int i;
  for (i = 0; i < (int)(sizeof kinds / sizeof *kinds); ++i) {
    if (strcmp(word, kinds[i]) != 0) continue;
    to->backend = (dlf_backend_kind)i;
    return 1;
  }
  complain(EXIT_USAGE, "--backend must be auto, integer or torch, not '%s'", word);
  return 0;
}

uint32_t available_threads(void) {
#ifdef __linux__
  cpu_set_t set; /* containers and taskset give fewer CPUs than there are */
  const long count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
#else
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
#endif
  return count > 0 ? (uint32_t)count : 1;
}

int stop_when_interrupted(void* user, uint32_t done, uint32_t total) {
  (void)user;
  (void)done;
  (void)total;
  return interrupted;
}

double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void log_line(void* user, dlf_log_level level, const char* message) {
  (void)user;
  /* Errors are told by complain_error. */
  if (level != DLF_LOG_ERROR) say(stderr, "%s: %s", tool_name, message);
}

void verbose_logger(dlf_logger* logger) {
  DLF_INIT(logger);
  logger->log = log_line;
  logger->level = DLF_LOG_DEBUG;
}

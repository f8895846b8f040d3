#define _XOPEN_SOURCE 700
#include "common_options.h"

#include <getopt.h>
#include <string.h>

#include "tool.h"

enum { MAX_THREADS = 256 };

void common_defaults(common_options* out) {
  memset(out, 0, sizeof *out);
  DLF_INIT(&out->codec);
  out->codec.threads = available_threads();
}

static int read_threads(const char* word, dlf_codec_options* to) {
  uint64_t threads = 0;
  if (!read_count("--threads", word, 1, MAX_THREADS, &threads)) return 0;
  to->threads = (uint32_t)threads;
  return 1;
}

int read_common(int letter, char** argv, common_options* out, void (*print_help)(void)) {
  switch (letter) {
    case COMMON_MODEL:
      out->model = optarg;
      return -1;
    case COMMON_DEVICE:
      out->codec.device = optarg;
      return -1;
    case COMMON_BACKEND:
      return read_backend(optarg, &out->codec) ? -1 : EXIT_USAGE;
    case COMMON_THREADS:
      return read_threads(optarg, &out->codec) ? -1 : EXIT_USAGE;
    case COMMON_FORCE:
    case COMMON_NO_CLOBBER:
      out->choice = letter == COMMON_FORCE ? OVERWRITE_ANY : OVERWRITE_NONE;
      ++out->choices;
      return -1;
    case COMMON_QUIET:
      out->quiet = 1;
      return -1;
    case COMMON_VERBOSE:
      out->verbose = 1;
      return -1;
    case 'h':
      print_help();
      return 0;
    case 'V':
      return print_version();
    default:
      return complain_option(letter, argv);
  }
}

int check_common(const common_options* given) {
  return given->choices > 1 ? complain(EXIT_USAGE, "give one of --force and --no-clobber") : -1;
}

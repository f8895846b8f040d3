/* The command line of dlfdec. */
#ifndef DLF_TOOLS_DLFDEC_OPTIONS_H_
#define DLF_TOOLS_DLFDEC_OPTIONS_H_

#include "common_options.h"
#include "images.h"
#include "tool.h"

typedef struct options {
  common_options common;
  const char *input, *output;
  dlf_decoder_options reading;
  dlf_decode_options decoding;
  dlf_limits limits;
  format form;
  uint32_t thumbnail; /* both sides at most so many pixels; 0: no thumbnail */
  int info_only;
} options;

/* Returns -1 to go on, or the exit status: after --help, --version, or a complaint. */
int read_options(int argc, char** argv, options* out);

#endif /* DLF_TOOLS_DLFDEC_OPTIONS_H_ */

// The one translation unit that contains miniz. Its symbols stay hidden: libtorch exports another
// version of the same names, and the two must not be mixed by the dynamic linker.

#include <assert.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "container/miniz_config.h"

#pragma GCC visibility push(hidden)
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include "../../third_party/miniz/miniz.c"
#pragma GCC visibility pop

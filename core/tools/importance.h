/* --importance of dlfenc: where people look, as the grid that the library takes. */
#ifndef DLF_TOOLS_IMPORTANCE_H_
#define DLF_TOOLS_IMPORTANCE_H_

#include <dlf/dlf.h>

#define MAX_BOXES 64

typedef struct importance_box {
  double x, y, width, height; /* pixels */
  double gain;                /* -1 to 1 */
} importance_box;

typedef struct importance {
  importance_box boxes[MAX_BOXES];
  int count;
  const char* mask; /* path of a picture; NULL: none */
  int find;         /* "auto" */
} importance;

/* Takes one word of the command line. Returns 0 after complaining. */
int read_importance(const char* word, importance* out);

/* Fills the options of encoding a picture of that size. The grid is from malloc and stands in
 * *grid, or NULL. Returns 0, or an exit status after complaining. */
int apply_importance(const importance* given, uint32_t width, uint32_t height,
                     dlf_encode_options* encoding, int8_t** grid);

#endif /* DLF_TOOLS_IMPORTANCE_H_ */

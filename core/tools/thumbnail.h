/* A decoded picture as a thumbnail: no larger than a square, and upright. */
#ifndef DLF_TOOLS_THUMBNAIL_H_
#define DLF_TOOLS_THUMBNAIL_H_

#include "images.h"

enum { MAX_THUMBNAIL = 4096 };

/* The size of the thumbnail of a picture: neither side is larger than `size`, and nothing is
 * enlarged. */
void thumbnail_size(uint32_t* width, uint32_t* height, uint32_t size);

/* The picture averaged to width x height, which are at most its own, and turned as its orientation
 * says. Of its metadata only the colour profile is moved to `out`. Returns 0 when there is no
 * memory; `out` is to be freed in any case. */
int make_thumbnail(picture* in, uint32_t width, uint32_t height, picture* out);

#endif /* DLF_TOOLS_THUMBNAIL_H_ */

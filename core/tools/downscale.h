/* Which reduced size to decode at. */
#ifndef DLF_TOOLS_DOWNSCALE_H_
#define DLF_TOOLS_DOWNSCALE_H_

#include <stdint.h>

/* The smallest of the sizes that a picture can be decoded at. */
enum { MAX_DOWNSCALE = 8 };

/* The largest of 8, 4, 2 and 1 that leaves a picture as wide and as high as is wanted; 1 also where
 * more is wanted than there is. */
uint32_t downscale_for(uint32_t width, uint32_t height, uint32_t wanted_width,
                       uint32_t wanted_height);

#endif /* DLF_TOOLS_DOWNSCALE_H_ */

#include "downscale.h"

/* A side of the picture that is decoded with `downscale`. */
static uint32_t reduced(uint32_t side, uint32_t downscale) {
  return side / downscale + (side % downscale != 0);
}

uint32_t downscale_for(uint32_t width, uint32_t height, uint32_t wanted_width,
                       uint32_t wanted_height) {
  uint32_t downscale = MAX_DOWNSCALE;
  while (downscale > 1 &&
         (reduced(width, downscale) < wanted_width || reduced(height, downscale) < wanted_height)) {
    downscale /= 2;
  }
  return downscale;
}

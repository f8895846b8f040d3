/* Pictures in the formats that the tools read and write: PPM, PGM, PAM, and PNG where libpng is. */
#ifndef DLF_TOOLS_IMAGES_H_
#define DLF_TOOLS_IMAGES_H_

#include <dlf/dlf.h>

#include "files.h"

typedef struct picture {
  uint8_t* samples; /* from malloc: 8 bits, interleaved, no gaps */
  uint32_t width, height;
  uint32_t channels; /* 1 L, 2 LA, 3 RGB, 4 RGBA */
  bytes exif;        /* without the prefix "Exif\0\0" */
  bytes icc;
  bytes xmp;
  uint32_t orientation; /* EXIF, 1 to 8 */
  dlf_color_space color_space;
} picture;

typedef enum format {
  FORMAT_NONE,
  FORMAT_PPM,
  FORMAT_PGM,
  FORMAT_PNM,
  FORMAT_PAM,
  FORMAT_PNG
} format;

/* The format that a file name or a word like "png" asks for; FORMAT_NONE when there is none. */
format format_named(const char* word);
format format_of_path(const char* path);
/* The word for a format other than FORMAT_NONE. */
const char* format_name(format form);
/* "PNG, PPM, PGM, PAM", as far as they were built in. */
const char* format_list(void);

/* Reads a picture in whatever format it is; samples are scaled to 8 bits. Returns 0, or an exit
 * status after complaining. `path` is for messages. */
int read_picture(const char* path, const bytes* file, picture* out);
/* The picture as a file of that format. Returns 0, or an exit status after complaining. */
int write_picture(const char* path, const picture* in, format form, bytes* file);
void free_picture(picture* picture);

/* "L", "LA", "RGB" or "RGBA". */
const char* mode_name(uint32_t channels);

/* Allocates the samples of a picture whose width, height and channels are set; 0 when it cannot. */
int allocate_samples(picture* picture);

/* One format each; statuses as above. */
int read_pnm(const char* path, const bytes* file, picture* out);
int write_pnm(const char* path, const picture* in, format form, bytes* file);
#ifdef DLF_TOOLS_PNG
int read_png(const char* path, const bytes* file, picture* out);
int write_png(const char* path, const picture* in, bytes* file);
#endif

/* The orientation that EXIF states, 1 when it states none or is damaged. */
uint32_t exif_orientation(const bytes* exif);
/* The smallest EXIF that states an orientation: 26 bytes. */
#define ORIENTATION_EXIF_BYTES 26
void orientation_exif(uint32_t orientation, uint8_t exif[ORIENTATION_EXIF_BYTES]);

#endif /* DLF_TOOLS_IMAGES_H_ */

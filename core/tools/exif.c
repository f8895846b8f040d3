#include <string.h>

#include "images.h"

enum { ORIENTATION_TAG = 0x0112, SHORT = 3, ENTRY_BYTES = 12, HEAD_BYTES = 8 };

static uint32_t number(const uint8_t* data, int count, int big) {
  uint32_t value = 0;
  int i;
  for (i = 0; i < count; ++i) value = value << 8 | data[big ? i : count - 1 - i];
  return value;
}

uint32_t exif_orientation(const bytes* exif) {
  const uint8_t* data = exif->data;
  const size_t size = exif->size;
  size_t at, count, i;
  int big;
  if (size < HEAD_BYTES || (memcmp(data, "MM\0*", 4) != 0 && memcmp(data, "II*\0", 4) != 0)) {
    return 1;
  }
  big = data[0] == 'M';
  at = number(data + 4, 4, big);
  if (at > size - 2) return 1;
  count = number(data + at, 2, big);
  at += 2;
  for (i = 0; i < count && size - at >= ENTRY_BYTES; ++i, at += ENTRY_BYTES) {
    if (number(data + at, 2, big) == ORIENTATION_TAG && number(data + at + 2, 2, big) == SHORT) {
      const uint32_t value = number(data + at + 8, 2, big);
      return value >= 1 && value <= 8 ? value : 1;
    }
  }
  return 1;
}

void orientation_exif(uint32_t orientation, uint8_t exif[ORIENTATION_EXIF_BYTES]) {
  static const uint8_t bytes[ORIENTATION_EXIF_BYTES] = {
      'M', 'M',  0, 42,    0, 0, 0, 8,  /* the first directory follows */
      0,   1,                           /* of one entry: */
      1,   0x12, 0, SHORT, 0, 0, 0, 1,  /* orientation, one 16-bit number */
      0,   0,    0, 0,     0, 0, 0, 0}; /* the number; no further directory */
  memcpy(exif, bytes, sizeof bytes);
  exif[19] = (uint8_t)orientation;
}

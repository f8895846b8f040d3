// EXIF, which is a TIFF structure (§3.3), on its way into a file.
//
// Thread safety: pure functions.
#ifndef DLF_SRC_CONTAINER_EXIF_H_
#define DLF_SRC_CONTAINER_EXIF_H_

#include <cstdint>
#include <vector>

namespace dlf {

// The structure without those fields of its first directory that describe how another file holds
// its pixels, such as strips and tiles: they are false of a .dlf file. Its length and every offset
// stay, and values of what is gone become zeros, which cost next to nothing deflated. What cannot
// be read stays as it is. Nothing but that directory is looked at, so that hostile EXIF costs no
// more than its own length.
std::vector<uint8_t> exif_without_structure(std::vector<uint8_t> exif);

}  // namespace dlf

#endif  // DLF_SRC_CONTAINER_EXIF_H_

// The part of miniz that is used: making zlib streams. What is read is read by inflate.cpp and
// zip_archive.cpp. Include before miniz.h so that every unit sees the same declarations.
#ifndef DLF_SRC_CONTAINER_MINIZ_CONFIG_H_
#define DLF_SRC_CONTAINER_MINIZ_CONFIG_H_

#define MINIZ_NO_STDIO
#define MINIZ_NO_TIME
#define MINIZ_NO_ZLIB_COMPATIBLE_NAMES
#define MINIZ_NO_INFLATE_APIS  // and with it no archives

#endif  // DLF_SRC_CONTAINER_MINIZ_CONFIG_H_

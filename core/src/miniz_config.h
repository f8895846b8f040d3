// The parts of miniz that are used: memory only, no files, no clock. Its CRC-32 of archive members
// is left out where SHA-256 covers them (model_package.cpp). Include before miniz.h so that every
// unit sees the same declarations.
#ifndef DLF_SRC_MINIZ_CONFIG_H_
#define DLF_SRC_MINIZ_CONFIG_H_

#define MINIZ_NO_STDIO
#define MINIZ_NO_TIME
#define MINIZ_NO_ZLIB_COMPATIBLE_NAMES
#define MINIZ_DISABLE_ZIP_READER_CRC32_CHECKS

#endif  // DLF_SRC_MINIZ_CONFIG_H_

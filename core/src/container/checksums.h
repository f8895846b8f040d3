// CRC-8 of the header (§2.4), CRC-32C of the file (§4.2), CRC-32 of the members of an archive
// (A.1).
//
// Thread safety: pure functions.
#ifndef DLF_SRC_CONTAINER_CHECKSUMS_H_
#define DLF_SRC_CONTAINER_CHECKSUMS_H_

#include <cstdint>

#include "base/bytes.h"

namespace dlf {

// Of ZIP archives (APPNOTE.TXT 4.4.7), reflected.
constexpr uint32_t kCrc32Polynomial = 0xEDB88320u;

uint8_t crc8(ByteView bytes);
uint32_t crc32c(ByteView bytes);
uint32_t crc32(ByteView bytes);

}  // namespace dlf

#endif  // DLF_SRC_CONTAINER_CHECKSUMS_H_

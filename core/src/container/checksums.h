// CRC-8 of the header (§2.4), CRC-32C of the file (§4).
//
// Thread safety: pure functions.
#ifndef DLF_SRC_CONTAINER_CHECKSUMS_H_
#define DLF_SRC_CONTAINER_CHECKSUMS_H_

#include <cstdint>

#include "base/bytes.h"

namespace dlf {

uint8_t crc8(ByteView bytes);
uint32_t crc32c(ByteView bytes);

}  // namespace dlf

#endif  // DLF_SRC_CONTAINER_CHECKSUMS_H_

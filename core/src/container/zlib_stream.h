// zlib streams (RFC 1950).
//
// Thread safety: pure functions.
#ifndef DLF_SRC_CONTAINER_ZLIB_STREAM_H_
#define DLF_SRC_CONTAINER_ZLIB_STREAM_H_

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace dlf {

std::vector<uint8_t> deflate_bytes(ByteView bytes);

// Throws DLF_INVALID_FILE unless exactly `size` bytes come out and every input byte was used; a
// size that no stream of this length can reach is refused before it is allocated.
std::vector<uint8_t> inflate_exactly(ByteView bytes, size_t size, uint64_t offset = kNoOffset);

}  // namespace dlf

#endif  // DLF_SRC_CONTAINER_ZLIB_STREAM_H_

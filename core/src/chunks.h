// Chunks: metadata and alpha behind the payload (§3).
//
// Thread safety: pure functions on values.
#ifndef DLF_SRC_CHUNKS_H_
#define DLF_SRC_CHUNKS_H_

#include <cstdint>
#include <vector>

#include "bytes.h"

namespace dlf {

// One chunk with its content already inflated. `stored_bytes` and `offset` describe the file it was
// read from (0 for a chunk that is about to be written).
struct Chunk {
  uint32_t type = 0;  // kChunkAlpha, kChunkIcc, ... or >= kChunkFirstPrivate
  bool critical = false;
  bool safe_to_copy = true;
  std::vector<uint8_t> content;
  bool deflated = false;  // as read; the writer decides for itself
  size_t stored_bytes = 0;
  uint64_t offset = 0;
};

struct ChunkLimits {
  // Upper bound on the sum of all inflated contents; more is DLF_LIMIT_EXCEEDED.
  uint64_t max_bytes = uint64_t{1} << 28;
};

// True for the types that this version of the format defines (§3.3).
bool is_known_chunk(uint32_t type);

// Reads the chunk sequence at the reader's position (§3.1-§3.4). Throws DLF_UNSUPPORTED for an
// unknown critical chunk, DLF_INVALID_FILE for one that breaks the rules.
std::vector<Chunk> read_chunks(ByteReader& reader, const ChunkLimits& limits = {});

// Writes the sequence in canonical order; deflates a content where that is shorter.
// Throws DLF_INVALID_ARGUMENT for duplicates or types out of range.
void write_chunks(ByteWriter& writer, const std::vector<Chunk>& chunks);

// The chunk of `type`, or null.
const Chunk* find_chunk(const std::vector<Chunk>& chunks, uint32_t type);

// Alpha plane <-> chunk content (§3.5). `plane` holds width*height samples, row-major.
std::vector<uint8_t> pack_alpha(const uint8_t* plane, uint32_t width, uint32_t height);
std::vector<uint8_t> unpack_alpha(const Chunk& chunk, uint32_t width, uint32_t height);

// zlib streams. `inflate` throws DLF_INVALID_FILE unless exactly `size` bytes come out and every
// input byte was used.
std::vector<uint8_t> deflate(ByteView bytes);
std::vector<uint8_t> inflate(ByteView bytes, size_t size, uint64_t offset = kNoOffset);

}  // namespace dlf

#endif  // DLF_SRC_CHUNKS_H_

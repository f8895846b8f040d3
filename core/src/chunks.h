// Chunks: metadata and alpha behind the payload (§3).
//
// Thread safety: pure functions on values.
#ifndef DLF_SRC_CHUNKS_H_
#define DLF_SRC_CHUNKS_H_

#include <cstdint>
#include <vector>

#include "bytes.h"

namespace dlf {

// One chunk with its content inflated. `deflated`, `stored_bytes` and `offset` describe the file it
// was read from; a writer ignores them.
struct Chunk {
  uint32_t type = 0;  // kChunkAlpha, kChunkIcc, ... or >= kChunkFirstPrivate
  bool critical = false;
  bool safe_to_copy = true;
  std::vector<uint8_t> content;
  bool deflated = false;
  size_t stored_bytes = 0;
  uint64_t offset = 0;
};

struct ChunkLimits {
  // Upper bound on the sum of all inflated contents; more is DLF_LIMIT_EXCEEDED.
  uint64_t max_bytes = uint64_t{1} << 28;
};

// A chunk as it lies in the file, not yet judged (§3.1).
struct RawChunk {
  uint32_t tag = 0;
  ByteView stored;
  uint64_t offset = 0;  // of the stored bytes
};

// What stands before the stored bytes of one chunk.
struct ChunkHead {
  uint32_t tag = 0;
  uint32_t length = 0;
};

// The framing of the sequence, one step at a time (§3.1): how many chunks follow, and then before
// the bytes of each its head. DLF_LIMIT_EXCEEDED for too many, or for bytes that end behind the
// offset `end_limit`.
uint32_t read_chunk_count(ByteReader& reader);
ChunkHead read_chunk_head(ByteReader& reader, uint64_t end_limit);

// Finds the chunks at the reader's position without looking into them (§3.1). With `cut_is_end`, a
// sequence that ends early yields its whole chunks and sets `*cut`; otherwise that throws the
// reader's end status.
std::vector<RawChunk> scan_chunks(ByteReader& reader, bool cut_is_end, bool* cut,
                                  uint64_t end_limit = UINT64_MAX);

// Applies the rules (§3.2-§3.4) and inflates. `alpha_bytes` is the content length that an alpha
// chunk must have, or 0 when there must be none. Throws DLF_UNSUPPORTED for an unknown critical
// chunk, DLF_INVALID_FILE for a broken rule, DLF_LIMIT_EXCEEDED.
std::vector<Chunk> open_chunks(const std::vector<RawChunk>& raw, uint64_t alpha_bytes,
                               const ChunkLimits& limits);

// Writes the sequence in canonical order; deflates a content where that is shorter.
// Throws DLF_INVALID_ARGUMENT for no chunks, too many, duplicates or a wrong critical bit.
void write_chunks(ByteWriter& writer, std::vector<Chunk> chunks);

// True for the types that this version of the format defines (§3.3).
bool is_known_chunk(uint32_t type);
// The chunk of `type`, or null.
const Chunk* find_chunk(const std::vector<Chunk>& chunks, uint32_t type);

// Alpha plane <-> content of an alpha chunk (§3.5). `plane` holds width*height samples, row-major.
uint64_t alpha_content_bytes(uint32_t width, uint32_t height);
std::vector<uint8_t> pack_alpha(const uint8_t* plane, uint32_t width, uint32_t height);
std::vector<uint8_t> unpack_alpha(const Chunk& chunk, uint32_t width, uint32_t height);

// zlib streams (RFC 1950). `inflate_exactly` throws DLF_INVALID_FILE unless exactly `size` bytes
// come out and every input byte was used; a size that no stream of this length can reach is refused
// before it is allocated.
std::vector<uint8_t> deflate_bytes(ByteView bytes);
std::vector<uint8_t> inflate_exactly(ByteView bytes, size_t size, uint64_t offset = kNoOffset);

}  // namespace dlf

#endif  // DLF_SRC_CHUNKS_H_

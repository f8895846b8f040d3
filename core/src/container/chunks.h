// Chunks: metadata and alpha after the payload (§3).
//
// Thread safety: pure functions on values.
#ifndef DLF_SRC_CONTAINER_CHUNKS_H_
#define DLF_SRC_CONTAINER_CHUNKS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/bytes.h"

namespace dlf {

// One chunk. All after `content` describes the file it was read from; a writer ignores it.
struct Chunk {
  uint32_t type = 0;  // kChunkAlpha, kChunkIcc, ... or >= kChunkFirstPrivate
  bool critical = false;
  bool safe_to_copy = true;
  std::vector<uint8_t> content;
  bool deflated = false;
  size_t stored_bytes = 0;
  uint64_t offset = 0;
  uint64_t content_bytes = 0;  // as the file states it
  ByteView body;               // borrowed from the input: the content or its zlib stream
};

// Upper bounds on inflated contents; more is DLF_LIMIT_EXCEEDED.
struct ChunkLimits {
  uint64_t max_bytes = uint64_t{1} << 28;        // of all chunks together but the alpha plane
  uint64_t max_alpha_bytes = uint64_t{1} << 28;  // of the alpha plane, which follows from the size
};

// Whether contents are inflated at once, or left in the input for read_content().
enum class Contents { kRead, kLeft };

// Contents that are known from an earlier reading, by the number of their chunk, from 0; borrowed.
using KnownContents = std::map<size_t, ByteView>;

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

// The framing of the sequence, one chunk at a time (§3.1): how many chunks follow, and then before
// the bytes of each its head. DLF_LIMIT_EXCEEDED for too many, or for bytes that end after the
// offset `end_limit`.
uint32_t read_chunk_count(ByteReader& reader);
ChunkHead read_chunk_head(ByteReader& reader, uint64_t end_limit);

// Finds the chunks at the reader's position without looking into them (§3.1). With
// `truncated_is_end`, a sequence that ends early yields its whole chunks and sets `*truncated`;
// otherwise that throws the reader's end status.
std::vector<RawChunk> scan_chunks(ByteReader& reader, bool truncated_is_end, bool* truncated,
                                  uint64_t end_limit = UINT64_MAX);

// Applies the rules (§3.2-§3.4) and, unless they are to be left, inflates those contents that are
// not in `known`.
// `alpha_bytes` is the content length that an alpha chunk must have, or 0 when there must be none.
// Throws DLF_UNSUPPORTED for an unknown critical chunk, DLF_INVALID_FILE for a broken rule,
// DLF_LIMIT_EXCEEDED.
std::vector<Chunk> open_chunks(const std::vector<RawChunk>& raw, uint64_t alpha_bytes,
                               const ChunkLimits& limits, Contents contents = Contents::kRead,
                               const KnownContents& known = {});

// The content of a chunk that was read from a file (§3.4), whose bytes must still be there. Throws
// DLF_INVALID_FILE.
std::vector<uint8_t> read_content(const Chunk& chunk);

// What write_chunks checks, without its work; `further` chunks will join these. Throws
// DLF_INVALID_ARGUMENT for too many, duplicates or a wrong critical bit, and DLF_LIMIT_EXCEEDED for
// what no reader with these limits would take.
void check_new_chunks(const std::vector<Chunk>& chunks, const ChunkLimits& limits,
                      size_t further = 0);

// Writes the sequence in canonical order; deflates a content where that is shorter.
// Throws DLF_INVALID_ARGUMENT for no chunks and as check_new_chunks, but knows no limits.
void write_chunks(ByteWriter& writer, std::vector<Chunk> chunks);

// True for the types that this version of the format defines (§3.3).
bool is_known_chunk(uint32_t type);
// The chunk of `type`, or null.
const Chunk* find_chunk(const std::vector<Chunk>& chunks, uint32_t type);

// Alpha plane <-> content of an alpha chunk (§3.5). `plane` holds width*height samples, row-major.
uint64_t alpha_content_bytes(uint32_t width, uint32_t height);
std::vector<uint8_t> pack_alpha(const uint8_t* plane, uint32_t width, uint32_t height);
std::vector<uint8_t> unpack_alpha(const Chunk& chunk, uint32_t width, uint32_t height);

}  // namespace dlf

#endif  // DLF_SRC_CONTAINER_CHUNKS_H_

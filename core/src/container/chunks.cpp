#include "container/chunks.h"

#include <algorithm>

#include "base/constants.h"
#include "container/zlib_stream.h"

namespace dlf {
namespace {

uint32_t tag_type(uint32_t tag) { return tag >> kTagTypeShift; }

// §3.3: the critical bit that a defined type must carry.
bool known_is_critical(uint32_t type) { return type == kChunkAlpha; }

std::string describe(uint32_t type) { return "chunk of type " + std::to_string(type); }

// §3.2: order and uniqueness.
void check_order(const std::vector<RawChunk>& raw) {
  for (size_t i = 1; i < raw.size(); ++i) {
    const uint32_t before = tag_type(raw[i - 1].tag);
    const uint32_t type = tag_type(raw[i].tag);
    if (type < before) {
      fail(DLF_INVALID_FILE, describe(type) + " is out of order", raw[i].offset);
    }
    if (type == before && type < kChunkFirstPrivate) {
      fail(DLF_INVALID_FILE, describe(type) + " appears twice", raw[i].offset);
    }
  }
}

// §3.3: may this chunk be here at all?
void check_kind(const RawChunk& raw, uint64_t alpha_bytes) {
  const uint32_t type = tag_type(raw.tag);
  const bool critical = (raw.tag & kTagCritical) != 0;
  if (!is_known_chunk(type)) {
    if (critical) {
      fail(DLF_UNSUPPORTED, "unknown critical " + describe(type), raw.offset);
    }
    return;
  }
  if (critical != known_is_critical(type)) {
    fail(DLF_INVALID_FILE, describe(type) + " has the wrong critical bit", raw.offset);
  }
  if (type == kChunkAlpha && alpha_bytes == 0) {
    fail(DLF_INVALID_FILE, "alpha chunk in an opaque picture", raw.offset);
  }
}

// §3.4, §3.5: all but the content itself.
Chunk open_chunk(const RawChunk& raw, uint64_t alpha_bytes, const ChunkLimits& left) {
  Chunk chunk;
  chunk.type = tag_type(raw.tag);
  chunk.critical = (raw.tag & kTagCritical) != 0;
  chunk.safe_to_copy = (raw.tag & kTagSafeToCopy) != 0;
  chunk.deflated = (raw.tag & kTagDeflated) != 0;
  chunk.stored_bytes = raw.stored.size();
  chunk.offset = raw.offset;

  ByteReader reader(raw.stored, DLF_INVALID_FILE, DLF_INVALID_FILE, raw.offset);
  chunk.content_bytes = chunk.deflated ? reader.varint() : raw.stored.size();
  if (chunk.type == kChunkAlpha && chunk.content_bytes != alpha_bytes) {
    fail(DLF_INVALID_FILE, "alpha chunk has the wrong length", raw.offset);
  }
  if (chunk.content_bytes > (chunk.type == kChunkAlpha ? left.max_alpha_bytes : left.max_bytes)) {
    fail(DLF_LIMIT_EXCEEDED, "chunks exceed the limit", raw.offset);
  }
  chunk.body = reader.bytes(reader.remaining());
  return chunk;
}

void check_new_chunk(const Chunk& chunk) {
  if (is_known_chunk(chunk.type) && chunk.critical != known_is_critical(chunk.type)) {
    fail(DLF_INVALID_ARGUMENT, describe(chunk.type) + " has the wrong critical bit");
  }
  if (chunk.type >> (32 - kTagTypeShift) != 0 || chunk.content.size() > 0xFFFFFFFFu) {
    fail(DLF_INVALID_ARGUMENT, describe(chunk.type) + " cannot be written");
  }
}

}  // namespace

bool is_known_chunk(uint32_t type) {
  return type == kChunkAlpha || type == kChunkIcc || type == kChunkExif || type == kChunkXmp;
}

const Chunk* find_chunk(const std::vector<Chunk>& chunks, uint32_t type) {
  for (const Chunk& chunk : chunks) {
    if (chunk.type == type) {
      return &chunk;
    }
  }
  return nullptr;
}

uint32_t read_chunk_count(ByteReader& reader) {
  const uint64_t start = reader.offset();
  const uint32_t count = reader.varint();
  if (count == 0) {
    fail(DLF_INVALID_FILE, "an empty chunk sequence", start);
  }
  if (count > kMaxChunks) {
    fail(DLF_LIMIT_EXCEEDED, "more than " + std::to_string(kMaxChunks) + " chunks", start);
  }
  return count;
}

ChunkHead read_chunk_head(ByteReader& reader, uint64_t end_limit) {
  ChunkHead head;
  head.tag = reader.varint();
  head.length = reader.varint();
  if (reader.offset() > end_limit || head.length > end_limit - reader.offset()) {
    fail(DLF_LIMIT_EXCEEDED, "chunks make the file larger than the limit", reader.offset());
  }
  return head;
}

std::vector<RawChunk> scan_chunks(ByteReader& reader, bool truncated_is_end, bool* truncated,
                                  uint64_t end_limit) {
  std::vector<RawChunk> raw;
  try {
    const uint32_t count = read_chunk_count(reader);
    for (uint32_t i = 0; i < count; ++i) {
      const ChunkHead head = read_chunk_head(reader, end_limit);
      RawChunk chunk;
      chunk.tag = head.tag;
      chunk.offset = reader.offset();
      chunk.stored = reader.bytes(head.length);
      raw.push_back(chunk);
    }
  } catch (const Error& error) {
    if (!truncated_is_end || error.status() != DLF_TRUNCATED_FILE) {
      throw;
    }
    *truncated = true;
  }
  return raw;
}

std::vector<Chunk> open_chunks(const std::vector<RawChunk>& raw, uint64_t alpha_bytes,
                               const ChunkLimits& limits, Contents contents,
                               const KnownContents& known) {
  check_order(raw);
  for (const RawChunk& chunk : raw) {
    check_kind(chunk, alpha_bytes);
  }
  std::vector<Chunk> chunks;
  ChunkLimits left = limits;
  for (const RawChunk& one : raw) {
    chunks.push_back(open_chunk(one, alpha_bytes, left));
    Chunk& chunk = chunks.back();
    if (chunk.type != kChunkAlpha) {
      left.max_bytes -= chunk.content_bytes;
    }
    if (contents == Contents::kRead) {
      const auto found = known.find(chunks.size() - 1);
      const bool is_known = found != known.end() && found->second.size() == chunk.content_bytes;
      chunk.content = is_known ? found->second.copy() : read_content(chunk);
    }
  }
  return chunks;
}

std::vector<uint8_t> read_content(const Chunk& chunk) {
  return chunk.deflated
             ? inflate_exactly(chunk.body, static_cast<size_t>(chunk.content_bytes), chunk.offset)
             : chunk.body.copy();
}

void check_new_chunks(const std::vector<Chunk>& chunks, const ChunkLimits& limits, size_t further) {
  if (chunks.size() + further > kMaxChunks) {
    fail(DLF_INVALID_ARGUMENT, "at most " + std::to_string(kMaxChunks) + " chunks can be written");
  }
  std::vector<uint32_t> types;
  uint64_t bytes = 0;
  for (const Chunk& chunk : chunks) {
    check_new_chunk(chunk);
    types.push_back(chunk.type);
    if (chunk.type != kChunkAlpha) {
      bytes += chunk.content.size();
    } else if (chunk.content.size() > limits.max_alpha_bytes) {
      fail(DLF_LIMIT_EXCEEDED, "the alpha plane exceeds the limit of " +
                                   std::to_string(limits.max_alpha_bytes) + " bytes");
    }
  }
  std::sort(types.begin(), types.end());
  for (size_t i = 1; i < types.size(); ++i) {
    if (types[i] == types[i - 1] && types[i] < kChunkFirstPrivate) {
      fail(DLF_INVALID_ARGUMENT, describe(types[i]) + " appears twice");
    }
  }
  if (bytes > limits.max_bytes) {
    fail(DLF_LIMIT_EXCEEDED, "metadata of " + std::to_string(bytes) +
                                 " bytes exceed the limit of " + std::to_string(limits.max_bytes));
  }
}

void write_chunks(ByteWriter& writer, std::vector<Chunk> chunks) {
  if (chunks.empty()) {
    fail(DLF_INVALID_ARGUMENT, "a chunk sequence is never empty");
  }
  check_new_chunks(chunks, {UINT64_MAX, UINT64_MAX});
  std::stable_sort(chunks.begin(), chunks.end(),
                   [](const Chunk& a, const Chunk& b) { return a.type < b.type; });
  writer.varint(static_cast<uint32_t>(chunks.size()));  // §3.1
  for (const Chunk& chunk : chunks) {
    ByteWriter packed;  // §3.4
    packed.varint(static_cast<uint32_t>(chunk.content.size()));
    packed.bytes(deflate_bytes(chunk.content));
    const bool deflated = packed.size() < chunk.content.size();
    const std::vector<uint8_t>& stored = deflated ? packed.view() : chunk.content;
    writer.varint((chunk.type << kTagTypeShift) | (chunk.critical ? kTagCritical : 0) |
                  (chunk.safe_to_copy ? kTagSafeToCopy : 0) | (deflated ? kTagDeflated : 0));
    writer.varint(static_cast<uint32_t>(stored.size()));
    writer.bytes(stored);
  }
}

uint64_t alpha_content_bytes(uint32_t width, uint32_t height) {
  return 1 + uint64_t{width} * height;
}

std::vector<uint8_t> pack_alpha(const uint8_t* plane, uint32_t width, uint32_t height) {
  const size_t count = checked_multiply(width, height, "alpha plane");
  std::vector<uint8_t> content(checked_add(count, 1, "alpha plane"));
  content[0] = kAlphaMethodUpFilter;    // §3.5.1
  for (size_t i = 0; i < count; ++i) {  // §3.5.2
    const uint8_t above = i >= width ? plane[i - width] : uint8_t{0};
    content[i + 1] = static_cast<uint8_t>(plane[i] - above);
  }
  return content;
}

std::vector<uint8_t> unpack_alpha(const Chunk& chunk, uint32_t width, uint32_t height) {
  if (chunk.content.size() != alpha_content_bytes(width, height)) {
    fail(DLF_INVALID_FILE, "alpha chunk has the wrong length", chunk.offset);
  }
  if (chunk.content[0] != kAlphaMethodUpFilter) {
    fail(DLF_UNSUPPORTED, "alpha method " + std::to_string(chunk.content[0]), chunk.offset);
  }
  std::vector<uint8_t> plane(chunk.content.begin() + 1, chunk.content.end());
  for (size_t i = width; i < plane.size(); ++i) {
    plane[i] = static_cast<uint8_t>(plane[i] + plane[i - width]);
  }
  return plane;
}

}  // namespace dlf

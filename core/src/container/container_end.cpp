#include "container/container_end.h"

#include "base/constants.h"

namespace dlf {

void ContainerEnd::start(const Header& header, uint64_t max_file_bytes) {
  trailer_ = trailer_bytes(header);
  most_ = check_extent(header, max_file_bytes);
  next_ = uint64_t{header.header_bytes} + header.payload_length;
  known_ = !header.has_chunks;
  least_ = next_ + trailer_ + (known_ ? 0 : 1);
}

void ContainerEnd::advance(ByteView bytes) {
  while (!known_ && bytes.size() >= next_) {
    ByteReader reader(bytes.sub(static_cast<size_t>(next_)), DLF_TRUNCATED_FILE, DLF_INVALID_FILE,
                      next_);
    try {
      if (!counted_) {
        chunks_left_ = read_chunk_count(reader);
        counted_ = true;
        next_ = reader.offset();
      } else {
        const ChunkHead head = read_chunk_head(reader, most_);
        next_ = reader.offset() + head.length;
        --chunks_left_;
      }
    } catch (const Error& error) {
      if (error.status() != DLF_TRUNCATED_FILE) throw;
      least_ = uint64_t{bytes.size()} + 1 + trailer_;
      return;
    }
    known_ = chunks_left_ == 0;
    least_ = next_ + trailer_ + (known_ ? 0 : 1);
  }
}

}  // namespace dlf

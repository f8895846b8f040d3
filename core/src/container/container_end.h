// Finds where a file ends whose bytes are still coming, by its framing alone (§2-§4).
//
// Thread safety: one object belongs to one thread at a time.
#ifndef DLF_SRC_CONTAINER_CONTAINER_END_H_
#define DLF_SRC_CONTAINER_CONTAINER_END_H_

#include "container/bitstream.h"

namespace dlf {

class ContainerEnd {
 public:
  // Called once, before advance(). Throws what check_extent throws.
  void start(const Header& header, uint64_t max_file_bytes);
  // `bytes` are all bytes of the file so far. Throws what scan_chunks throws for damaged framing.
  void advance(ByteView bytes);

  bool known() const { return known_; }
  // Bytes that the file has in any case; all of them once known() is true.
  uint64_t least_bytes() const { return least_; }

 private:
  bool known_ = false;
  uint64_t trailer_ = 0;  // bytes after the chunks
  uint64_t most_ = 0;     // where the chunks must end
  bool counted_ = false;  // the number of chunks has been read
  uint32_t chunks_left_ = 0;
  uint64_t next_ = 0;  // where the next count or chunk begins
  uint64_t least_ = 0;
};

}  // namespace dlf

#endif  // DLF_SRC_CONTAINER_CONTAINER_END_H_

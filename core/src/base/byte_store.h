// Bytes that grow at their end, in memory that the caller's functions give.
//
// Thread safety: one object belongs to one thread at a time.
#ifndef DLF_SRC_BASE_BYTE_STORE_H_
#define DLF_SRC_BASE_BYTE_STORE_H_

#include "base/bytes.h"

namespace dlf {

// Where memory comes from; malloc and free unless both functions are given.
struct Memory {
  void* user = nullptr;
  void* (*allocate)(void* user, size_t bytes) = nullptr;  // null when there is none
  void (*release)(void* user, void* memory) = nullptr;
};

class ByteStore {
 public:
  explicit ByteStore(const Memory& memory) : memory_(memory) {}
  ~ByteStore();
  ByteStore(const ByteStore&) = delete;
  ByteStore& operator=(const ByteStore&) = delete;

  // Throws DLF_OUT_OF_MEMORY and leaves everything as it was.
  void append(ByteView bytes);
  size_t size() const { return size_; }
  ByteView view() const { return {data_, size_}; }

 private:
  uint8_t* allocate(size_t bytes) const;
  void release(uint8_t* data) const;

  Memory memory_;
  uint8_t* data_ = nullptr;
  size_t size_ = 0, capacity_ = 0;
};

}  // namespace dlf

#endif  // DLF_SRC_BASE_BYTE_STORE_H_

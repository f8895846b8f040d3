#include "base/byte_store.h"

#include <algorithm>
#include <cstdlib>

namespace dlf {
namespace {

constexpr size_t kFirstCapacity = 4096;

}  // namespace

ByteStore::~ByteStore() { release(data_); }

uint8_t* ByteStore::allocate(size_t bytes) const {
  void* const data =
      memory_.allocate != nullptr ? memory_.allocate(memory_.user, bytes) : std::malloc(bytes);
  if (data == nullptr) fail(DLF_OUT_OF_MEMORY, "no memory for the bytes of the file");
  return static_cast<uint8_t*>(data);
}

void ByteStore::release(uint8_t* data) const {
  if (data == nullptr) return;
  if (memory_.release != nullptr) {
    memory_.release(memory_.user, data);
  } else {
    std::free(data);
  }
}

void ByteStore::append(ByteView bytes) {
  const size_t needed = checked_add(size_, bytes.size(), "the file");
  if (needed > capacity_) {
    // Doubling keeps the cost of many small pieces linear.
    const size_t twice = capacity_ > SIZE_MAX / 2 ? SIZE_MAX : 2 * capacity_;
    const size_t capacity = std::max({needed, twice, kFirstCapacity});
    uint8_t* const larger = allocate(capacity);
    std::copy_n(data_, size_, larger);
    release(data_);
    data_ = larger;
    capacity_ = capacity;
  }
  std::copy_n(bytes.data(), bytes.size(), data_ + size_);
  size_ = needed;
}

}  // namespace dlf

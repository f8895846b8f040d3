// Bytes <-> integers: a bounded reader and a growing writer, little-endian, with canonical varints
// (BITSTREAM.md §1.3).
//
// Thread safety: no shared state; one object belongs to one thread at a time.
#ifndef DLF_SRC_BASE_BYTES_H_
#define DLF_SRC_BASE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace dlf {

// A borrowed range of bytes (std::span is C++20). Does not own; the bytes must outlive it.
class ByteView {
 public:
  ByteView() = default;
  ByteView(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  ByteView(const std::vector<uint8_t>& bytes) : data_(bytes.data()), size_(bytes.size()) {}

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  uint8_t operator[](size_t i) const { return data_[i]; }
  // The `count` bytes from `offset`; both are clipped to the range.
  ByteView sub(size_t offset, size_t count = ~size_t{0}) const;
  std::vector<uint8_t> copy() const { return std::vector<uint8_t>(data_, data_ + size_); }

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Reads forward. Running past the end throws Error(end_status, ...) naming the offset and the count
// of bytes missing; a varint that is not in its shortest form or exceeds 32 bits throws
// `bad_status`.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes, dlf_status end_status = DLF_TRUNCATED_FILE,
                      dlf_status bad_status = DLF_INVALID_FILE, uint64_t base_offset = 0)
      : bytes_(bytes), end_status_(end_status), bad_status_(bad_status), base_(base_offset) {}

  uint8_t u8();
  uint16_t u16();
  int16_t i16() { return static_cast<int16_t>(u16()); }
  uint32_t u32();
  int32_t i32() { return static_cast<int32_t>(u32()); }
  uint64_t u64();
  uint32_t varint();  // §1.3
  ByteView bytes(size_t count);

  size_t position() const { return position_; }
  uint64_t offset() const { return base_ + position_; }
  size_t remaining() const { return bytes_.size() - position_; }

 private:
  void need(size_t count) const;

  ByteView bytes_;
  size_t position_ = 0;
  dlf_status end_status_;
  dlf_status bad_status_;
  uint64_t base_;
};

class ByteWriter {
 public:
  void u8(uint8_t value) { bytes_.push_back(value); }
  void u16(uint16_t value);
  void u32(uint32_t value);
  void varint(uint32_t value);  // §1.3, shortest form
  void bytes(ByteView view);

  size_t size() const { return bytes_.size(); }
  const std::vector<uint8_t>& view() const { return bytes_; }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

// a * b and a + b, or Error(DLF_LIMIT_EXCEEDED, what) on overflow of size_t.
size_t checked_multiply(size_t a, size_t b, const char* what);
size_t checked_add(size_t a, size_t b, const char* what);

}  // namespace dlf

#endif  // DLF_SRC_BASE_BYTES_H_

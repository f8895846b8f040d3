#include "base/bytes.h"

#include <algorithm>
#include <cstdint>

#include "base/constants.h"

namespace dlf {

ByteView ByteView::sub(size_t offset, size_t count) const {
  offset = std::min(offset, size_);
  return ByteView(data_ + offset, std::min(count, size_ - offset));
}

void ByteReader::need(size_t count) const {
  if (remaining() < count) {
    const size_t missing = count - remaining();
    fail(end_status_,
         "ends at byte " + std::to_string(base_ + bytes_.size()) + ", at least " +
             std::to_string(missing) + (missing == 1 ? " byte is missing" : " bytes are missing"),
         base_ + bytes_.size());
  }
}

uint8_t ByteReader::u8() {
  need(1);
  return bytes_[position_++];
}

uint16_t ByteReader::u16() {
  need(2);
  const uint8_t* p = bytes_.data() + position_;
  position_ += 2;
  return static_cast<uint16_t>(p[0] | (p[1] << 8));
}

uint32_t ByteReader::u32() {
  need(4);
  const uint8_t* p = bytes_.data() + position_;
  position_ += 4;
  return uint32_t{p[0]} | (uint32_t{p[1]} << 8) | (uint32_t{p[2]} << 16) | (uint32_t{p[3]} << 24);
}

uint64_t ByteReader::u64() {
  need(8);
  const uint64_t low = u32();
  return low | (uint64_t{u32()} << 32);
}

uint32_t ByteReader::varint() {
  const uint64_t start = offset();
  uint32_t value = 0;
  for (size_t i = 0; i < kMaxVarintBytes; ++i) {
    const uint8_t byte = u8();
    const uint32_t bits = byte & 0x7Fu;
    if (i + 1 == kMaxVarintBytes && bits > 0x0F) {
      fail(bad_status_, "varint exceeds 32 bits", start);
    }
    value |= bits << (7 * i);
    if ((byte & 0x80) == 0) {
      if (i > 0 && bits == 0) {
        fail(bad_status_, "varint is not in its shortest form", start);
      }
      return value;
    }
  }
  fail(bad_status_, "varint is longer than 5 bytes", start);
}

ByteView ByteReader::bytes(size_t count) {
  need(count);
  const ByteView view = bytes_.sub(position_, count);
  position_ += count;
  return view;
}

void ByteWriter::u16(uint16_t value) {
  u8(static_cast<uint8_t>(value & 0xFF));
  u8(static_cast<uint8_t>(value >> 8));
}

void ByteWriter::u32(uint32_t value) {
  for (int i = 0; i < 4; ++i) {
    u8(static_cast<uint8_t>((value >> (8 * i)) & 0xFF));
  }
}

void ByteWriter::varint(uint32_t value) {
  while (value >= 0x80) {
    u8(static_cast<uint8_t>((value & 0x7F) | 0x80));
    value >>= 7;
  }
  u8(static_cast<uint8_t>(value));
}

void ByteWriter::bytes(ByteView view) {
  bytes_.insert(bytes_.end(), view.data(), view.data() + view.size());
}

size_t checked_multiply(size_t a, size_t b, const char* what) {
  if (a != 0 && b > SIZE_MAX / a) {
    fail(DLF_LIMIT_EXCEEDED, std::string(what) + ": size overflows");
  }
  return a * b;
}

size_t checked_add(size_t a, size_t b, const char* what) {
  if (b > SIZE_MAX - a) {
    fail(DLF_LIMIT_EXCEEDED, std::string(what) + ": size overflows");
  }
  return a + b;
}

}  // namespace dlf

#include "container/checksums.h"

#include <array>

#include "base/constants.h"

namespace dlf {
namespace {

std::array<uint32_t, 256> make_crc32c_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? kCrc32cPolynomial : 0);
    }
    table[i] = value;
  }
  return table;
}

}  // namespace

uint8_t crc8(ByteView bytes) {
  uint32_t value = kCrc8Init;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) {
      value = (value << 1) ^ ((value & 0x80) != 0 ? 0x100u | kCrc8Polynomial : 0);
    }
  }
  return static_cast<uint8_t>(value);
}

uint32_t crc32c(ByteView bytes) {
  static const std::array<uint32_t, 256> table = make_crc32c_table();
  uint32_t value = 0xFFFFFFFFu;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value = (value >> 8) ^ table[(value ^ bytes[i]) & 0xFF];
  }
  return value ^ 0xFFFFFFFFu;
}

}  // namespace dlf

#include "container/checksums.h"

#include <array>

#include "base/constants.h"

namespace dlf {
namespace {

constexpr size_t kSlices = 8;

// Bytes that lie k places further back act through table k, so eight bytes are taken at a time.
using SlicedTables = std::array<std::array<uint32_t, 256>, kSlices>;

constexpr SlicedTables make_tables(uint32_t polynomial) {
  SlicedTables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0);
    tables[0][i] = value;
  }
  for (size_t slice = 1; slice < kSlices; ++slice) {
    for (size_t i = 0; i < 256; ++i) {
      const uint32_t before = tables[slice - 1][i];
      tables[slice][i] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

// A reflected CRC of 32 bits that begins and ends with all bits inverted.
uint32_t reflected_crc(const SlicedTables& tables, ByteView bytes) {
  uint32_t value = 0xFFFFFFFFu;
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= kSlices; left -= kSlices, at += kSlices) {
    uint32_t next = 0;
    for (size_t i = 0; i < kSlices; ++i) {
      const uint32_t before = i < 4 ? (value >> (8 * i)) & 0xFF : 0;
      next ^= tables[kSlices - 1 - i][before ^ at[i]];
    }
    value = next;
  }
  for (; left > 0; --left, ++at) value = (value >> 8) ^ tables[0][(value ^ *at) & 0xFF];
  return value ^ 0xFFFFFFFFu;
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
  static constexpr SlicedTables tables = make_tables(kCrc32cPolynomial);
  return reflected_crc(tables, bytes);
}

uint32_t crc32(ByteView bytes) {
  static constexpr SlicedTables tables = make_tables(kCrc32Polynomial);
  return reflected_crc(tables, bytes);
}

}  // namespace dlf

#include "base/bytes.h"

#include "base/constants.h"
#include "container/checksums.h"
#include "container/sha256.h"
#include "support.h"
#include "test.h"

using dlf::ByteReader;
using dlf::ByteView;
using dlf::ByteWriter;

namespace {

ByteView view_of(const std::string& text) {
  return ByteView(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

dlf_status varint_status(const std::vector<uint8_t>& bytes) {
  return dlf_test::status_of([&] { ByteReader(bytes).varint(); });
}

}  // namespace

TEST(varints_return_what_was_written_in_the_fewest_bytes) {
  dlf_test::Random random(1);
  for (int i = 0; i < 20000; ++i) {
    const uint32_t value =
        static_cast<uint32_t>(random.in(0, 0xFFFFFFFF)) >> static_cast<int>(random.in(0, 31));
    ByteWriter writer;
    writer.varint(value);
    size_t bytes = 1;
    while (bytes < 5 && (uint64_t{value} >> (7 * bytes)) != 0) {
      ++bytes;
    }
    CHECK_EQ(writer.size(), bytes);
    ByteReader reader(writer.view());
    CHECK_EQ(reader.varint(), value);
    CHECK_EQ(reader.remaining(), size_t{0});
  }
}

TEST(varints_not_in_shortest_form_are_invalid) {
  CHECK_EQ(varint_status({0x00}), DLF_OK);
  CHECK_EQ(varint_status({0x80, 0x00}), DLF_INVALID_FILE);
  CHECK_EQ(varint_status({0xFF, 0x00}), DLF_INVALID_FILE);
  CHECK_EQ(varint_status({0xFF, 0xFF, 0xFF, 0xFF, 0x0F}), DLF_OK);
  CHECK_EQ(varint_status({0xFF, 0xFF, 0xFF, 0xFF, 0x10}), DLF_INVALID_FILE);
  CHECK_EQ(varint_status({0xFF, 0xFF, 0xFF, 0xFF, 0x8F, 0x01}), DLF_INVALID_FILE);
  CHECK_EQ(varint_status({0x80, 0x80, 0x80, 0x80, 0x00}), DLF_INVALID_FILE);
  CHECK_EQ(varint_status({}), DLF_TRUNCATED_FILE);
  CHECK_EQ(varint_status({0x80}), DLF_TRUNCATED_FILE);
}

TEST(a_reader_names_the_end_and_what_is_missing) {
  const std::vector<uint8_t> bytes = {1, 2, 3};
  ByteReader reader(bytes, DLF_MODEL_ERROR, DLF_MODEL_ERROR, 100);
  reader.u8();
  try {
    reader.u32();
    CHECK(false);
  } catch (const dlf::Error& error) {
    CHECK_EQ(error.status(), DLF_MODEL_ERROR);
    CHECK_EQ(error.offset(), uint64_t{103});
    CHECK(std::string(error.what()).find("2 bytes") != std::string::npos);
  }
  CHECK_EQ(reader.u16(), uint16_t{0x0302});  // a failed read takes nothing
}

TEST(size_arithmetic_refuses_to_wrap) {
  CHECK_EQ(dlf::checked_multiply(6, 7, "x"), size_t{42});
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, dlf::checked_multiply(~size_t{0} / 2, 3, "x"));
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, dlf::checked_add(~size_t{0}, 1, "x"));
}

TEST(checksums_give_the_published_values) {
  CHECK_EQ(int{dlf::crc8(view_of("123456789"))}, 0xFB);
  CHECK_EQ(dlf::crc32c(view_of("123456789")), 0xE3069283u);
  CHECK_EQ(dlf::crc32(view_of("123456789")), 0xCBF43926u);
  CHECK_EQ(dlf::crc32(ByteView()), 0u);
  CHECK_EQ(dlf::to_hex(dlf::sha256(view_of("abc"))),
           std::string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  CHECK_EQ(dlf::to_hex(dlf::sha256(ByteView())),
           std::string("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
}

TEST(checksums_of_any_length_follow_their_polynomial) {
  const auto bit_by_bit = [](uint32_t polynomial, ByteView bytes) {
    uint32_t value = 0xFFFFFFFFu;
    for (size_t i = 0; i < bytes.size(); ++i) {
      value ^= bytes[i];
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0);
    }
    return ~value;
  };
  dlf_test::Random random(3);
  for (size_t length = 0; length < 70; ++length) {
    const std::vector<uint8_t> bytes = random.bytes(length);
    CHECK_EQ(dlf::crc32c(bytes), bit_by_bit(dlf::kCrc32cPolynomial, bytes));
    CHECK_EQ(dlf::crc32(bytes), bit_by_bit(dlf::kCrc32Polynomial, bytes));
  }
}

TEST(sha256_is_the_same_in_pieces_and_without_cpu_support) {
  dlf_test::Random random(2);
  for (int i = 0; i < 200; ++i) {
    const std::vector<uint8_t> bytes = random.bytes(static_cast<size_t>(random.in(0, 400)));
    dlf::Sha256 pieces, plain(true);
    plain.update(bytes);
    for (size_t at = 0; at < bytes.size();) {
      const size_t count = static_cast<size_t>(random.in(0, 130));
      pieces.update(ByteView(bytes).sub(at, count));
      at += count;
    }
    const dlf::Digest whole = dlf::sha256(bytes);
    CHECK(pieces.finish() == whole);
    CHECK(plain.finish() == whole);
  }
}

TEST(every_status_has_a_text_of_its_own) {
#define DLF_CHECK_TEXT_(name, value, text) CHECK_EQ(std::string(dlf::status_text(name)), text);
  DLF_STATUS_LIST(DLF_CHECK_TEXT_)
#undef DLF_CHECK_TEXT_
  CHECK_EQ(std::string(dlf::status_text(static_cast<dlf_status>(999))), "unknown status");
}

#include "container/bitstream.h"

#include <algorithm>

#include "base/constants.h"
#include "container/checksums.h"
#include "support.h"
#include "test.h"

using dlf::ByteView;
using dlf::ByteWriter;
using dlf::Chunk;
using dlf::Header;

namespace {

Header random_header(dlf_test::Random& random) {
  Header header;
  header.model_id = random.coin() ? static_cast<uint32_t>(random.in(0, 3))
                                  : static_cast<uint32_t>(random.in(0, 0xFFFFFFFF));
  header.width = static_cast<uint32_t>(random.in(1, random.coin() ? 3000 : dlf::kMaxSide));
  header.height = static_cast<uint32_t>(random.in(1, random.coin() ? 3000 : dlf::kMaxSide));
  header.rate = static_cast<uint8_t>(random.in(0, 255));
  header.has_chunks = random.coin();
  header.has_trailer = random.coin();
  header.payload_length = static_cast<uint32_t>(random.in(4, 100000));
  if (random.coin()) {
    header.picture.orientation = static_cast<uint8_t>(random.in(1, 8));
    header.picture.grayscale = random.coin();
    header.picture.alpha = random.coin() ? dlf::AlphaMode::kStraight : dlf::AlphaMode::kNone;
    header.picture.color_space =
        random.coin() ? dlf::ColorSpace::kDisplayP3 : dlf::ColorSpace::kSrgb;
  }
  if (random.coin() && std::max(header.width, header.height) <= dlf::kMaxSide / 8) {
    header.reduction.factor_bits = static_cast<uint8_t>(random.in(1, 3));
    const int64_t most = (1 << header.reduction.factor_bits) - 1;
    header.reduction.missing_columns = static_cast<uint8_t>(random.in(0, most));
    header.reduction.missing_rows = static_cast<uint8_t>(random.in(0, most));
  }
  return header;
}

std::vector<uint8_t> bytes_of(const Header& header) {
  ByteWriter writer;
  dlf::write_header(writer, header);
  return writer.take();
}

// The header bytes with the byte at `at` replaced and the checksum made right again.
std::vector<uint8_t> patched(std::vector<uint8_t> bytes, size_t at, uint8_t value) {
  bytes[at] = value;
  bytes.back() = dlf::crc8(ByteView(bytes.data(), bytes.size() - 1));
  return bytes;
}

Header small_header() {
  Header header;
  header.payload_length = 4;
  return header;
}

Chunk chunk_of(uint32_t type, std::vector<uint8_t> content) {
  Chunk chunk;
  chunk.type = type;
  chunk.critical = type == dlf::kChunkAlpha;
  chunk.content = std::move(content);
  return chunk;
}

std::vector<uint8_t> file_with_everything() {
  Header header;
  header.width = 5;
  header.height = 3;
  header.picture.alpha = dlf::AlphaMode::kStraight;
  dlf_test::Random random(5);
  const std::vector<uint8_t> plane = random.bytes(15);
  return dlf::write_file(
      header, random.bytes(40),
      {chunk_of(dlf::kChunkAlpha, dlf::pack_alpha(plane.data(), 5, 3)),
       chunk_of(dlf::kChunkExif, std::vector<uint8_t>(300, 7)), chunk_of(20, {1, 2, 3})});
}

}  // namespace

TEST(headers_return_what_was_written) {
  dlf_test::Random random(3);
  for (int i = 0; i < 5000; ++i) {
    const Header header = random_header(random);
    const std::vector<uint8_t> bytes = bytes_of(header);
    const Header read = dlf::parse_header(bytes);
    CHECK_EQ(read.header_bytes, bytes.size());
    CHECK_EQ(read.model_id, header.model_id);
    CHECK_EQ(read.width, header.width);
    CHECK_EQ(read.height, header.height);
    CHECK_EQ(read.rate, header.rate);
    CHECK_EQ(read.payload_length, header.payload_length);
    CHECK_EQ(read.has_chunks, header.has_chunks);
    CHECK_EQ(read.has_trailer, header.has_trailer);
    CHECK_EQ(int{read.picture.to_byte()}, int{header.picture.to_byte()});
    CHECK_EQ(read.reduction.display_width(read.width),
             header.reduction.display_width(header.width));
    CHECK_EQ(read.reduction.display_height(read.height),
             header.reduction.display_height(header.height));
    CHECK(bytes_of(read) == bytes);
  }
}

TEST(an_ordinary_header_has_at_most_14_bytes) {
  Header header;
  header.model_id = 1;
  header.width = 768;
  header.height = 512;
  header.payload_length = 2000;
  CHECK(bytes_of(header).size() <= 14);
}

TEST(every_cut_of_a_header_is_a_truncation) {
  dlf_test::Random random(4);
  for (int i = 0; i < 300; ++i) {
    const std::vector<uint8_t> bytes = bytes_of(random_header(random));
    for (size_t size = 0; size < bytes.size(); ++size) {
      CHECK_STATUS(DLF_TRUNCATED_FILE, dlf::parse_header(ByteView(bytes.data(), size)));
    }
  }
}

TEST(every_flipped_header_bit_is_refused) {
  dlf_test::Random random(6);
  for (int i = 0; i < 300; ++i) {
    Header header = random_header(random);
    header.has_chunks = header.has_trailer = false;
    header.picture.alpha = dlf::AlphaMode::kNone;
    header.payload_length = static_cast<uint32_t>(random.in(4, 300));
    std::vector<uint8_t> file = bytes_of(header);
    const size_t header_bits = 8 * file.size();
    const std::vector<uint8_t> payload = random.bytes(header.payload_length);
    file.insert(file.end(), payload.begin(), payload.end());
    CHECK_STATUS(DLF_OK, dlf::parse_file(file));
    for (size_t bit = 0; bit < header_bits; ++bit) {
      file[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
      const dlf_status status = dlf_test::status_of([&] { dlf::parse_file(file); });
      CHECK(status == DLF_INVALID_FILE || status == DLF_UNSUPPORTED ||
            status == DLF_TRUNCATED_FILE);
      file[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    }
  }
}

TEST(another_signature_is_another_kind_of_file) {
  CHECK_STATUS(DLF_INVALID_FILE, dlf::parse_header(std::vector<uint8_t>{0x89, 'P', 'N', 'G'}));
  CHECK_STATUS(DLF_INVALID_FILE, dlf::parse_header(std::vector<uint8_t>{0xC4, 0x4C, 0x46, 0x0D}));
  CHECK_STATUS(DLF_TRUNCATED_FILE, dlf::parse_header(std::vector<uint8_t>{0xC4, 0x4C}));
  CHECK_STATUS(DLF_TRUNCATED_FILE, dlf::parse_header(std::vector<uint8_t>{}));
}

TEST(versions_are_judged_before_the_checksum) {
  std::vector<uint8_t> bytes = bytes_of(small_header());
  bytes.back() ^= 0xFF;
  for (const int flags : {0x00, 0x02, 0x07, 0x0A}) {
    bytes[4] = static_cast<uint8_t>(flags);
    CHECK_STATUS(DLF_UNSUPPORTED, dlf::parse_header(bytes));
  }
  bytes[4] = 0x01;
  CHECK_STATUS(DLF_INVALID_FILE, dlf::parse_header(bytes));
}

TEST(the_unused_flag_is_ignored) {
  const std::vector<uint8_t> bytes = bytes_of(small_header());
  CHECK_EQ(dlf::parse_header(patched(bytes, 4, bytes[4] | dlf::kFlagMap)).width, 1u);
}

TEST(reserved_picture_descriptions_are_unsupported_and_an_empty_one_invalid) {
  Header header = small_header();
  header.picture.grayscale = true;
  const std::vector<uint8_t> bytes = bytes_of(header);
  const size_t at = bytes.size() - 3;
  CHECK_EQ(int{bytes[at]}, int{dlf::kPictureGrayscale});
  CHECK_STATUS(DLF_INVALID_FILE, dlf::parse_header(patched(bytes, at, 0)));
  for (const int value : {0x20, 0x30, 0x80, 0xC0}) {
    CHECK_STATUS(DLF_UNSUPPORTED,
                 dlf::parse_header(patched(bytes, at, static_cast<uint8_t>(value))));
  }
  for (int value = 1; value < 256; ++value) {
    const bool valid = (value >> 4 & 3) < 2 && (value >> 6) < 2;
    CHECK_EQ(dlf_test::status_of(
                 [&] { dlf::parse_header(patched(bytes, at, static_cast<uint8_t>(value))); }),
             valid ? DLF_OK : DLF_UNSUPPORTED);
  }
}

TEST(every_reduction_byte_is_what_the_clause_says) {
  Header header = small_header();
  header.reduction.factor_bits = 1;
  const std::vector<uint8_t> bytes = bytes_of(header);
  const size_t at = bytes.size() - 2;
  CHECK_EQ(bytes.size(), bytes_of(small_header()).size() + 1);
  CHECK_EQ(int{bytes[at]}, 1);
  for (int value = 0; value < 256; ++value) {
    const int bits = value & 3, columns = value >> 2 & 7, rows = value >> 5;
    const bool fits = columns < 1 << bits && rows < 1 << bits;
    const dlf_status expected = bits == 0 ? DLF_UNSUPPORTED : fits ? DLF_OK : DLF_INVALID_FILE;
    const std::vector<uint8_t> changed = patched(bytes, at, static_cast<uint8_t>(value));
    CHECK_STATUS(expected, dlf::parse_header(changed));
    if (expected != DLF_OK) continue;
    const Header read = dlf::parse_header(changed);
    CHECK_EQ(read.reduction.display_width(1), static_cast<uint32_t>((1 << bits) - columns));
    CHECK_EQ(read.reduction.display_height(1), static_cast<uint32_t>((1 << bits) - rows));
    CHECK(bytes_of(read) == changed);
  }
  header.width = dlf::kMaxSide / 2;
  const std::vector<uint8_t> widest = bytes_of(header);
  CHECK_STATUS(DLF_OK, dlf::parse_header(widest));
  CHECK_STATUS(DLF_INVALID_FILE, dlf::parse_header(patched(widest, widest.size() - 2, 2)));
  header.width = dlf::kMaxSide / 2 + 1;
  CHECK_STATUS(DLF_INVALID_ARGUMENT, bytes_of(header));
}

TEST(a_display_size_leads_to_one_reduction_or_none) {
  using dlf::Reduction;
  for (const uint32_t factor : {2u, 4u, 8u}) {
    for (uint32_t width = 1; width < 40; ++width) {
      const uint32_t height = 97;
      const uint32_t columns = (width + factor - 1) / factor, rows = (height + factor - 1) / factor;
      const Reduction found = Reduction::between(width, height, columns, rows);
      CHECK_EQ(uint32_t{1} << found.factor_bits, factor);
      CHECK_EQ(found.display_width(columns), width);
      CHECK_EQ(found.display_height(rows), height);
    }
  }
  CHECK(!Reduction::between(7, 9, 7, 9).is_given());
  CHECK_STATUS(DLF_INVALID_ARGUMENT, Reduction::between(7, 9, 3, 5));
  CHECK_STATUS(DLF_INVALID_ARGUMENT, Reduction::between(6, 9, 9, 6));
  CHECK_STATUS(DLF_INVALID_ARGUMENT, Reduction::between(0, 9, 1, 5));
  CHECK_STATUS(DLF_INVALID_ARGUMENT, Reduction::between(dlf::kMaxSide + 1, 1, 1, 1));
}

TEST(sides_and_payload_lengths_out_of_range_are_invalid) {
  const auto header_of = [](uint32_t width, uint32_t height, uint32_t length) {
    ByteWriter writer;
    writer.bytes(ByteView(dlf::kSignature, 4));
    writer.u8(dlf::kVersion);
    writer.varint(0);
    writer.varint(width - 1);
    writer.varint(height - 1);
    writer.u8(0);
    writer.varint(length);
    writer.u8(dlf::crc8(writer.view()));
    return writer.take();
  };
  CHECK_STATUS(DLF_OK, dlf::parse_header(header_of(dlf::kMaxSide, dlf::kMaxSide, 4)));
  CHECK_STATUS(DLF_INVALID_FILE, dlf::parse_header(header_of(dlf::kMaxSide + 1, 1, 4)));
  CHECK_STATUS(DLF_INVALID_FILE, dlf::parse_header(header_of(1, dlf::kMaxSide + 1, 4)));
  CHECK_STATUS(DLF_INVALID_FILE, dlf::parse_header(header_of(1, 1, 3)));
}

TEST(headers_that_break_the_rules_are_not_written) {
  ByteWriter writer;
  Header header;
  header.payload_length = 3;
  CHECK_STATUS(DLF_INVALID_ARGUMENT, dlf::write_header(writer, header));
  header.payload_length = 4;
  header.width = 0;
  CHECK_STATUS(DLF_INVALID_ARGUMENT, dlf::write_header(writer, header));
  header.width = dlf::kMaxSide + 1;
  CHECK_STATUS(DLF_INVALID_ARGUMENT, dlf::write_header(writer, header));
}

TEST(every_cut_of_a_file_is_a_truncation) {
  const std::vector<uint8_t> file = file_with_everything();
  CHECK_STATUS(DLF_OK, dlf::parse_file(file));
  for (size_t size = 0; size < file.size(); ++size) {
    CHECK_STATUS(DLF_TRUNCATED_FILE, dlf::parse_file(ByteView(file.data(), size)));
  }
}

TEST(every_flipped_bit_of_a_file_with_trailer_is_refused) {
  std::vector<uint8_t> file = file_with_everything();
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    file[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    CHECK(dlf_test::status_of([&] { dlf::parse_file(file); }) != DLF_OK);
    file[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
}

TEST(a_byte_behind_the_end_is_invalid) {
  std::vector<uint8_t> file = file_with_everything();
  file.push_back(0);
  CHECK_STATUS(DLF_INVALID_FILE, dlf::parse_file(file));
  std::vector<uint8_t> bare = dlf::write_file(Header(), std::vector<uint8_t>(9, 1), {});
  CHECK_STATUS(DLF_OK, dlf::parse_file(bare));
  bare.push_back(0);
  CHECK_STATUS(DLF_INVALID_FILE, dlf::parse_file(bare));
}

TEST(cut_files_give_what_is_whole_on_request) {
  const std::vector<uint8_t> file = file_with_everything();
  const size_t header_bytes = dlf::parse_header(file).header_bytes;
  dlf::ParseOptions options;
  options.allow_truncated = true;
  size_t most_chunks = 0;
  for (size_t size = header_bytes; size < file.size(); ++size) {
    const dlf::ParsedFile cut = dlf::parse_file(ByteView(file.data(), size), options);
    CHECK(cut.truncated);
    CHECK_EQ(cut.payload.size(), std::min(size - header_bytes, size_t{40}));
    CHECK(cut.chunks.size() >= most_chunks);
    most_chunks = cut.chunks.size();
  }
  CHECK_EQ(most_chunks, size_t{3});
  CHECK(!dlf::parse_file(file, options).truncated);
}

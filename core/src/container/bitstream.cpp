#include "container/bitstream.h"

#include <algorithm>

#include "base/constants.h"
#include "container/checksums.h"

namespace dlf {
namespace {

// §2.1. A file that ends inside the signature is truncated, any other byte means another kind of
// file.
void read_signature(ByteReader& reader, ByteView data) {
  for (size_t i = 0; i < sizeof(kSignature) && i < data.size(); ++i) {
    if (data[i] != kSignature[i]) {
      fail(DLF_INVALID_FILE, "not a .dlf file", i);
    }
  }
  reader.bytes(sizeof(kSignature));
}

// §2.2
uint8_t read_flags(ByteReader& reader) {
  const uint64_t at = reader.offset();
  const uint8_t flags = reader.u8();
  const int version = flags & kFlagVersionMask;
  if (version != kVersion) {
    fail(DLF_UNSUPPORTED, "version " + std::to_string(version) + " of the format", at);
  }
  return flags;
}

uint32_t side_from(uint32_t minus_one, const char* name, uint64_t offset) {
  if (minus_one >= kMaxSide) {
    fail(DLF_INVALID_FILE, std::string(name) + " exceeds 2^24", offset);
  }
  return minus_one + 1;
}

}  // namespace

uint8_t PictureDescription::to_byte() const {
  if (orientation < 1 || orientation > 8) {
    fail(DLF_INVALID_ARGUMENT, "orientation is 1 to 8");
  }
  return static_cast<uint8_t>((orientation - 1) | (grayscale ? kPictureGrayscale : 0) |
                              (static_cast<int>(alpha) << kPictureAlphaShift) |
                              (static_cast<int>(color_space) << kPictureColorSpaceShift));
}

PictureDescription PictureDescription::from_byte(uint8_t byte, uint64_t offset) {
  const int alpha = (byte >> kPictureAlphaShift) & 3;
  const int color_space = (byte >> kPictureColorSpaceShift) & 3;
  if (alpha > static_cast<int>(AlphaMode::kStraight)) {
    fail(DLF_UNSUPPORTED, "alpha mode " + std::to_string(alpha), offset);
  }
  if (color_space > static_cast<int>(ColorSpace::kDisplayP3)) {
    fail(DLF_UNSUPPORTED, "colour space " + std::to_string(color_space), offset);
  }
  PictureDescription picture;
  picture.orientation = static_cast<uint8_t>((byte & kPictureOrientationMask) + 1);
  picture.grayscale = (byte & kPictureGrayscale) != 0;
  picture.alpha = static_cast<AlphaMode>(alpha);
  picture.color_space = static_cast<ColorSpace>(color_space);
  return picture;
}

uint8_t Reduction::to_byte() const {
  const uint32_t factor = 1u << factor_bits;
  if (!is_given() || factor_bits > kReductionFactorMask || missing_columns >= factor ||
      missing_rows >= factor) {
    fail(DLF_INVALID_ARGUMENT, "no such reduction");
  }
  return static_cast<uint8_t>(factor_bits | (missing_columns << kReductionColumnsShift) |
                              (missing_rows << kReductionRowsShift));
}

Reduction Reduction::from_byte(uint8_t byte, uint32_t width, uint32_t height, uint64_t offset) {
  Reduction reduction;
  reduction.factor_bits = byte & kReductionFactorMask;
  reduction.missing_columns = (byte >> kReductionColumnsShift) & kReductionSideMask;
  reduction.missing_rows = (byte >> kReductionRowsShift) & kReductionSideMask;
  if (!reduction.is_given()) {
    fail(DLF_UNSUPPORTED, "reduction " + std::to_string(byte), offset);
  }
  const uint32_t factor = 1u << reduction.factor_bits;
  if (reduction.missing_columns >= factor || reduction.missing_rows >= factor) {
    fail(DLF_INVALID_FILE, "a reduction that misses whole samples", offset);
  }
  if (reduction.display_width(width) > kMaxSide || reduction.display_height(height) > kMaxSide) {
    fail(DLF_INVALID_FILE, "the display size exceeds 2^24", offset);
  }
  return reduction;
}

Reduction Reduction::between(uint32_t display_width, uint32_t display_height, uint32_t width,
                             uint32_t height) {
  if (display_width > kMaxSide || display_height > kMaxSide) {
    fail(DLF_INVALID_ARGUMENT, "a display size has at most 2^24 pixels a side");
  }
  if (display_width == width && display_height == height) return {};
  for (uint8_t bits = 1; bits <= kReductionFactorMask; ++bits) {
    const uint32_t factor = 1u << bits;
    // Sides of ceil(side / factor), and no underflow below.
    if ((display_width + factor - 1) >> bits != width ||
        (display_height + factor - 1) >> bits != height) {
      continue;
    }
    Reduction reduction;
    reduction.factor_bits = bits;
    reduction.missing_columns = static_cast<uint8_t>((width << bits) - display_width);
    reduction.missing_rows = static_cast<uint8_t>((height << bits) - display_height);
    return reduction;
  }
  fail(DLF_INVALID_ARGUMENT, std::to_string(display_width) + "x" + std::to_string(display_height) +
                                 " pixels, reduced by 2, 4 or 8, are not " + std::to_string(width) +
                                 "x" + std::to_string(height));
}

Header parse_header(ByteView data) {
  ByteReader reader(data);
  read_signature(reader, data);
  const uint8_t flags = read_flags(reader);
  Header header;
  header.version = flags & kFlagVersionMask;
  header.has_chunks = (flags & kFlagChunks) != 0;
  header.has_trailer = (flags & kFlagCrc) != 0;
  header.has_map = (flags & kFlagMap) != 0;
  header.model_id = reader.varint();
  const uint64_t width_at = reader.offset();
  const uint32_t width_minus_one = reader.varint();
  const uint64_t height_at = reader.offset();
  const uint32_t height_minus_one = reader.varint();
  header.rate = reader.u8();
  const uint64_t picture_at = reader.offset();
  const uint8_t picture = (flags & kFlagPicture) != 0 ? reader.u8() : uint8_t{0};
  const uint64_t length_at = reader.offset();
  header.payload_length = reader.varint();
  const uint64_t reduction_at = reader.offset();
  const uint8_t reduction = (flags & kFlagReduction) != 0 ? reader.u8() : uint8_t{0};
  const uint64_t crc_at = reader.offset();
  const uint8_t expected = crc8(data.sub(0, reader.position()));
  if (reader.u8() != expected) {
    fail(DLF_INVALID_FILE, "the header's checksum is wrong", crc_at);  // §2.4
  }
  // Only a header that arrived whole is judged by its values (§2.5).
  header.width = side_from(width_minus_one, "width", width_at);
  header.height = side_from(height_minus_one, "height", height_at);
  if ((flags & kFlagPicture) != 0 && picture == 0) {
    fail(DLF_INVALID_FILE, "a picture description that says nothing", picture_at);
  }
  header.picture = PictureDescription::from_byte(picture, picture_at);
  if (header.payload_length < kRansStateBytes) {
    fail(DLF_INVALID_FILE, "a payload of less than 4 bytes", length_at);
  }
  if ((flags & kFlagReduction) != 0) {
    header.reduction = Reduction::from_byte(reduction, header.width, header.height, reduction_at);
  }
  header.header_bytes = reader.position();
  return header;
}

void write_header(ByteWriter& writer, const Header& header) {
  if (header.width < 1 || header.width > kMaxSide || header.height < 1 ||
      header.height > kMaxSide) {
    fail(DLF_INVALID_ARGUMENT, "width and height are 1 to 2^24");
  }
  if (header.reduction.display_width(header.width) > kMaxSide ||
      header.reduction.display_height(header.height) > kMaxSide) {
    fail(DLF_INVALID_ARGUMENT, "a display size has at most 2^24 pixels a side");
  }
  if (header.payload_length < kRansStateBytes) {
    fail(DLF_INVALID_ARGUMENT, "a payload has at least 4 bytes");
  }
  const uint8_t picture = header.picture.to_byte();
  ByteWriter bytes;
  bytes.bytes(ByteView(kSignature, sizeof(kSignature)));  // §2.1
  bytes.u8(static_cast<uint8_t>(
      kVersion |  // §2.2
      (header.has_chunks ? kFlagChunks : 0) | (header.has_trailer ? kFlagCrc : 0) |
      (header.has_map ? kFlagMap : 0) | (picture != 0 ? kFlagPicture : 0) |
      (header.reduction.is_given() ? kFlagReduction : 0)));
  bytes.varint(header.model_id);    // §2.3.1
  bytes.varint(header.width - 1);   // §2.3.2
  bytes.varint(header.height - 1);  // §2.3.3
  bytes.u8(header.rate);            // §2.3.4
  if (picture != 0) {
    bytes.u8(picture);  // §2.3.5
  }
  bytes.varint(header.payload_length);  // §2.3.6
  if (header.reduction.is_given()) {
    bytes.u8(header.reduction.to_byte());  // §2.3.7
  }
  bytes.u8(crc8(bytes.view()));  // §2.4
  writer.bytes(bytes.view());
}

uint64_t trailer_bytes(const Header& header) { return header.has_trailer ? kTrailerBytes : 0; }

uint64_t check_extent(const Header& header, uint64_t max_file_bytes) {
  const uint64_t trailer = trailer_bytes(header);
  if (uint64_t{header.header_bytes} + header.payload_length + trailer > max_file_bytes) {
    fail(DLF_LIMIT_EXCEEDED, "the payload of " + std::to_string(header.payload_length) +
                                 " bytes makes the file larger than the limit of " +
                                 std::to_string(max_file_bytes));
  }
  return max_file_bytes - trailer;
}

ParsedFile parse_file(const FileView& view, const ParseOptions& options) {
  const ByteView data = view.bytes();
  ParsedFile file;
  file.header = view.header();
  const uint64_t chunk_end = check_extent(file.header, options.max_file_bytes);
  file.file_bytes = data.size();
  const Header& header = file.header;
  const ByteView rest = data.sub(header.header_bytes);
  file.payload = rest.sub(0, header.payload_length);
  if (file.payload.size() < header.payload_length) {  // §4.1
    if (!options.allow_truncated) {
      fail(DLF_TRUNCATED_FILE,
           "the payload has " + std::to_string(file.payload.size()) + " of " +
               std::to_string(header.payload_length) + " bytes",
           data.size());
    }
    file.truncated = true;
    return file;
  }

  const size_t payload_end = header.header_bytes + header.payload_length;
  ByteReader reader(data.sub(payload_end), DLF_TRUNCATED_FILE, DLF_INVALID_FILE, payload_end);
  std::vector<RawChunk> raw;
  if (header.has_chunks) {
    raw = scan_chunks(reader, options.allow_truncated, &file.truncated, chunk_end);
  }
  if (header.has_trailer && !file.truncated) {  // §4.2
    const size_t end = payload_end + reader.position();
    if (reader.remaining() < kTrailerBytes && options.allow_truncated) {
      file.truncated = true;
    } else if (reader.u32() != crc32c(data.sub(0, end))) {
      fail(DLF_INVALID_FILE, "the file's checksum is wrong", end);
    }
  }
  const uint64_t behind = reader.remaining() + options.bytes_behind;
  if (!file.truncated && behind != 0) {  // §4.3
    fail(DLF_INVALID_FILE, std::to_string(behind) + " bytes after the end", reader.offset());
  }

  const bool wants_alpha = header.picture.alpha != AlphaMode::kNone;
  const uint64_t alpha = wants_alpha ? alpha_content_bytes(header.width, header.height) : 0;
  file.chunks = open_chunks(raw, alpha, options.chunk_limits, options.chunk_contents, view.known());
  if (wants_alpha && !file.truncated && find_chunk(file.chunks, kChunkAlpha) == nullptr) {
    fail(DLF_INVALID_FILE, "the alpha chunk is missing", payload_end);  // §3.5
  }
  return file;
}

std::vector<uint8_t> write_file(Header header, ByteView payload, const std::vector<Chunk>& chunks) {
  if (payload.size() > 0xFFFFFFFFu) {
    fail(DLF_LIMIT_EXCEEDED, "a payload of 4 GiB or more");
  }
  header.payload_length = static_cast<uint32_t>(payload.size());
  header.has_chunks = !chunks.empty();
  header.has_trailer = header.has_trailer || header.has_chunks;
  const bool has_alpha = find_chunk(chunks, kChunkAlpha) != nullptr;
  if (has_alpha != (header.picture.alpha != AlphaMode::kNone)) {
    fail(DLF_INVALID_ARGUMENT, "alpha mode and alpha chunk do not agree");
  }
  ByteWriter writer;
  write_header(writer, header);
  writer.bytes(payload);
  if (header.has_chunks) {
    write_chunks(writer, chunks);
  }
  if (header.has_trailer) {
    writer.u32(crc32c(writer.view()));  // §4.2
  }
  return writer.take();
}

}  // namespace dlf

// The .dlf container: header, picture description, payload extent, chunks, trailer (§2-§4).
//
// Thread safety: pure functions on values.
#ifndef DLF_SRC_CONTAINER_BITSTREAM_H_
#define DLF_SRC_CONTAINER_BITSTREAM_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "container/chunks.h"

namespace dlf {

enum class AlphaMode : uint8_t { kNone = 0, kStraight = 1 };
enum class ColorSpace : uint8_t { kSrgb = 0, kDisplayP3 = 1 };

// How decoded samples are to be understood (§2.6). Decoding never turns the pixels.
struct PictureDescription {
  uint8_t orientation = 1;  // EXIF numbering, 1..8
  bool grayscale = false;
  AlphaMode alpha = AlphaMode::kNone;
  ColorSpace color_space = ColorSpace::kSrgb;

  uint8_t to_byte() const;
  static PictureDescription from_byte(uint8_t byte,
                                      uint64_t offset);  // DLF_UNSUPPORTED if reserved
  int channels() const { return (grayscale ? 1 : 3) + (alpha == AlphaMode::kNone ? 0 : 1); }
};

// What became of the picture before it was encoded, and so how large it is to be shown (§2.7).
struct Reduction {
  uint8_t factor_bits = 0;      // n, 1 to 3: sides were divided by 2^n; 0: the picture is as it was
  uint8_t missing_columns = 0;  // at the right, below 2^n
  uint8_t missing_rows = 0;

  bool is_given() const { return factor_bits != 0; }
  uint32_t display_width(uint32_t width) const { return (width << factor_bits) - missing_columns; }
  uint32_t display_height(uint32_t height) const { return (height << factor_bits) - missing_rows; }

  uint8_t to_byte() const;
  // Throws DLF_UNSUPPORTED for a reserved byte, DLF_INVALID_FILE for one that does not fit the
  // sides.
  static Reduction from_byte(uint8_t byte, uint32_t width, uint32_t height, uint64_t offset);
  // The least reduction from the display size, 1 to 2^24 a side, to width x height; none where they
  // are equal. Throws DLF_INVALID_ARGUMENT where no factor leads from one to the other.
  static Reduction between(uint32_t display_width, uint32_t display_height, uint32_t width,
                           uint32_t height);
};

struct Header {
  uint8_t version = 1;
  bool has_chunks = false;
  bool has_trailer = false;
  bool has_map = false;  // the payload begins with an importance map
  uint32_t model_id = 0;
  uint32_t width = 1;   // 1..2^24
  uint32_t height = 1;  // 1..2^24
  uint8_t rate = 0;
  PictureDescription picture;
  uint32_t payload_length = 0;
  Reduction reduction;

  size_t header_bytes = 0;  // set by parse_header: the payload starts here
};

// Reads and checks the header alone; needs no allocation and no model (§2). `data` may be a prefix.
Header parse_header(ByteView data);
void write_header(ByteWriter& writer, const Header& header);

// A file in memory, or its beginning, whose header has been read: once, when this is made. What
// follows the header is judged by parse_file. The bytes are borrowed.
class FileView {
 public:
  // Throws what parse_header throws.
  explicit FileView(ByteView bytes) : FileView(bytes, parse_header(bytes)) {}
  // `header`: as parse_header has given it for these bytes. `known`: contents of their chunks.
  FileView(ByteView bytes, const Header& header, KnownContents known = {})
      : bytes_(bytes), header_(header), known_(std::move(known)) {}

  ByteView bytes() const { return bytes_; }
  const Header& header() const { return header_; }
  const KnownContents& known() const { return known_; }

 private:
  ByteView bytes_;
  Header header_;
  KnownContents known_;
};

struct ParseOptions {
  // Accept a file that ends inside the payload or after it (chunks or trailer missing or
  // incomplete): what is there is returned and `truncated` is set.
  bool allow_truncated = false;
  ChunkLimits chunk_limits;
  Contents chunk_contents = Contents::kRead;
  uint64_t max_file_bytes = UINT64_MAX;  // of the file as header and chunks frame it
  uint64_t bytes_behind = 0;  // of the input, behind `data`: known to be there, but not kept
};

struct ParsedFile {
  Header header;
  ByteView payload;  // borrowed from the input; shorter than payload_length when truncated
  std::vector<Chunk> chunks;
  bool truncated = false;
  size_t file_bytes = 0;
};

// Bytes of the trailer that the header announces (§4.2).
uint64_t trailer_bytes(const Header& header);
// Throws DLF_LIMIT_EXCEEDED when header, payload and trailer alone are more than `max_file_bytes`;
// returns the offset where the chunks must end.
uint64_t check_extent(const Header& header, uint64_t max_file_bytes);

// The whole container. Checks, in this order: payload extent, trailer, chunks, trailing bytes,
// presence of the alpha chunk (§4.4).
ParsedFile parse_file(const FileView& view, const ParseOptions& options = {});
// The same, the header first.
inline ParsedFile parse_file(ByteView data, const ParseOptions& options = {}) {
  return parse_file(FileView(data), options);
}

// The inverse: sets has_chunks, payload_length and (when there are chunks) has_trailer; a header
// that already has has_trailer set keeps it.
std::vector<uint8_t> write_file(Header header, ByteView payload, const std::vector<Chunk>& chunks);

}  // namespace dlf

#endif  // DLF_SRC_CONTAINER_BITSTREAM_H_

#include "container/zlib_stream.h"

#include "container/inflate.h"
#include "container/miniz_config.h"

// After its configuration.
#include "../../third_party/miniz/miniz.h"

namespace dlf {
namespace {

constexpr size_t kHeaderBytes = 2, kChecksumBytes = 4;

// RFC 1950, 2.2: how far the matches may reach back, 0 when the header is none.
size_t window_of(uint8_t method_and_window, uint8_t flags) {
  const unsigned method = method_and_window & 15, window = method_and_window >> 4;
  const bool has_dictionary = (flags & 32) != 0;
  const bool checked = (method_and_window * 256u + flags) % 31 == 0;
  const bool valid = method == 8 && window <= 7 && !has_dictionary && checked;
  return valid ? size_t{1} << (window + 8) : 0;
}

// Exactly `size` bytes out of a whole zlib stream; false when it is anything else.
bool inflate_zlib(ByteView bytes, size_t size, std::vector<uint8_t>* out) {
  if (bytes.size() < kHeaderBytes + kChecksumBytes) return false;
  const size_t window = window_of(bytes[0], bytes[1]);
  if (window == 0) return false;
  out->reserve(size);
  const TakeBytes take = [&](ByteView piece) {
    if (piece.size() > size - out->size()) return false;
    out->insert(out->end(), piece.data(), piece.data() + piece.size());
    return true;
  };
  const ByteView rest = bytes.sub(kHeaderBytes);
  const std::optional<size_t> used = inflate(rest, take, window);
  if (!used || out->size() != size || rest.size() != *used + kChecksumBytes) return false;
  uint32_t stated = 0;
  for (size_t i = 0; i < kChecksumBytes; ++i) stated = (stated << 8) | rest[*used + i];
  return stated == mz_adler32(MZ_ADLER32_INIT, out->data(), out->size());
}

}  // namespace

std::vector<uint8_t> deflate_bytes(ByteView bytes) {
  mz_ulong size = mz_compressBound(static_cast<mz_ulong>(bytes.size()));
  std::vector<uint8_t> out(size);
  const int status = mz_compress2(out.data(), &size, bytes.data(),
                                  static_cast<mz_ulong>(bytes.size()), MZ_BEST_COMPRESSION);
  if (status != MZ_OK) {
    fail(DLF_OUT_OF_MEMORY, "deflate failed");
  }
  out.resize(size);
  return out;
}

std::vector<uint8_t> inflate_exactly(ByteView bytes, size_t size, uint64_t offset) {
  if (size / kMaxExpansion > bytes.size()) {
    fail(DLF_INVALID_FILE, "a zlib stream of this length cannot hold so many bytes", offset);
  }
  std::vector<uint8_t> out;
  if (!inflate_zlib(bytes, size, &out)) {
    fail(DLF_INVALID_FILE, "damaged zlib stream or wrong length", offset);
  }
  return out;
}

}  // namespace dlf

#include <algorithm>
#include <limits>
#include <memory>

#include "chunks.h"
#include "miniz_config.h"

// After its configuration.
#include "../third_party/miniz/miniz.h"

namespace dlf {
namespace {

// The densest deflate block spends one bit on 258 bytes; two more bytes cover rounding.
constexpr size_t kMaxExpansion = 1032;

struct InflateEnd {
  void operator()(mz_stream* stream) const { mz_inflateEnd(stream); }
};

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
  constexpr size_t kMaxCount = std::numeric_limits<unsigned>::max();
  if (bytes.size() > kMaxCount || size > kMaxCount) {
    fail(DLF_LIMIT_EXCEEDED, "zlib stream of 4 GiB or more", offset);
  }
  if (size / kMaxExpansion > bytes.size()) {
    fail(DLF_INVALID_FILE, "a zlib stream of this length cannot hold so many bytes", offset);
  }
  mz_stream stream = {};
  if (mz_inflateInit(&stream) != MZ_OK) {
    fail(DLF_OUT_OF_MEMORY, "inflate failed");
  }
  const std::unique_ptr<mz_stream, InflateEnd> guard(&stream);
  // One byte more than expected, so that a longer stream shows itself.
  std::vector<uint8_t> out(size + 1);
  stream.next_in = bytes.data();
  stream.avail_in = static_cast<unsigned>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<unsigned>(std::min(out.size(), kMaxCount));
  const int status = mz_inflate(&stream, MZ_FINISH);
  if (status != MZ_STREAM_END || stream.total_out != size || stream.avail_in != 0) {
    fail(DLF_INVALID_FILE, "damaged zlib stream or wrong length", offset);
  }
  out.resize(size);
  return out;
}

}  // namespace dlf

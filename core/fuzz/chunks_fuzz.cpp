// The container: header, chunks, trailer; whole files and truncated ones. What is accepted must be
// written back to a file of the same meaning.

#include "base/constants.h"
#include "container/bitstream.h"
#include "fuzz.h"
#include "mutate.h"

using dlf_fuzz::allow_errors;
using dlf_fuzz::check;

namespace {

constexpr uint64_t kMaxChunkBytes = 1 << 20;
constexpr size_t kMaxWritten = 8;  // chunks; each costs a deflate

void through_the_interface(const uint8_t* data, size_t size) {
  dlf_limits limits;
  dlf_chunk chunk;
  DLF_INIT(&limits);
  limits.max_chunk_bytes = kMaxChunkBytes;
  dlf_chunks* chunks = nullptr;
  const dlf_status status = dlf_chunks_open(data, size, &limits, &chunks, nullptr);
  dlf_fuzz::check_status(
      status, {DLF_OK, DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED, DLF_LIMIT_EXCEEDED});
  check((chunks != nullptr) == (status == DLF_OK), "a handle exactly on success");
  uint64_t total = 0;
  for (size_t i = 0; i < dlf_chunks_count(chunks); ++i) {
    DLF_INIT(&chunk);
    check(dlf_chunks_get(chunks, i, &chunk, nullptr) == DLF_OK, "every chunk can be had");
    for (size_t k = 0; k < chunk.size; ++k) total += chunk.data[k] & 1;  // every byte is readable
  }
  check(total <= kMaxChunkBytes, "the contents keep the limit");
  dlf_chunks_free(chunks);
}

void round_trip(const dlf::ParsedFile& file, const dlf::ParseOptions& options) {
  const std::vector<uint8_t> written = dlf::write_file(file.header, file.payload, file.chunks);
  const dlf::ParsedFile again = dlf::parse_file(written, options);
  check(again.header.width == file.header.width && again.header.height == file.header.height,
        "the size survives");
  check(again.payload.copy() == file.payload.copy(), "the payload survives");
  check(again.chunks.size() == file.chunks.size(), "the chunks survive");
  for (size_t i = 0; i < file.chunks.size(); ++i) {
    const dlf::Chunk &one = file.chunks[i], &other = again.chunks[i];
    check(one.type == other.type && one.critical == other.critical &&
              one.safe_to_copy == other.safe_to_copy && one.content == other.content,
          "a chunk survives");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  through_the_interface(data, size);
  const dlf::ByteView input(data, size);
  dlf::ParseOptions options;
  options.chunk_limits.max_bytes = kMaxChunkBytes;
  allow_errors({DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED, DLF_LIMIT_EXCEEDED}, [&] {
    const dlf::ParsedFile file = dlf::parse_file(input, options);
    if (file.chunks.size() <= kMaxWritten) round_trip(file, options);
    const dlf::Chunk* alpha = dlf::find_chunk(file.chunks, dlf::kChunkAlpha);
    if (alpha != nullptr) dlf::unpack_alpha(*alpha, file.header.width, file.header.height);
  });
  options.allow_truncated = true;
  allow_errors({DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED, DLF_LIMIT_EXCEEDED},
               [&] { dlf::parse_file(input, options); });
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return dlf_fuzz::mutate_file(data, size, max_size, seed);
}

// The container: header, chunks, trailer; whole files and cut ones. What is accepted must be
// written back to a file of the same meaning.

#include "bitstream.h"
#include "constants.h"
#include "fuzz.h"
#include "support.h"

using dlf::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input(data, size);
  dlf::ParseOptions options;
  options.chunk_limits.max_bytes = 1 << 20;
  allow_errors({DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED},
               [&] { dlf::parse_header(input); });
  allow_errors({DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED, DLF_LIMIT_EXCEEDED}, [&] {
    const dlf::ParsedFile file = dlf::parse_file(input, options);
    const dlf::ParsedFile again =
        dlf::parse_file(dlf::write_file(file.header, file.payload, file.chunks), options);
    if (again.chunks.size() != file.chunks.size() || again.header.width != file.header.width) {
      std::abort();
    }
    const dlf::Chunk* alpha = dlf::find_chunk(file.chunks, dlf::kChunkAlpha);
    if (alpha != nullptr) {
      dlf::unpack_alpha(*alpha, file.header.width, file.header.height);
    }
  });
  options.allow_truncated = true;
  allow_errors({DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED, DLF_LIMIT_EXCEEDED},
               [&] { dlf::parse_file(input, options); });
  return 0;
}

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  dlf_test::Random random(1);
  dlf::Header plain;
  plain.width = 300;
  dlf::Header alpha = plain;
  alpha.height = 2;
  alpha.picture.alpha = dlf::AlphaMode::kStraight;
  dlf::Chunk plane, exif, own;
  plane.type = dlf::kChunkAlpha;
  plane.critical = true;
  plane.content = dlf::pack_alpha(std::vector<uint8_t>(600, 9).data(), 300, 2);
  exif.type = dlf::kChunkExif;
  exif.content.assign(200, 5);
  own.type = 77;
  own.content = random.bytes(10);
  return {dlf::write_file(plain, random.bytes(20), {}),
          dlf::write_file(plain, random.bytes(20), {exif, own}),
          dlf::write_file(alpha, random.bytes(20), {plane, exif, own})};
}

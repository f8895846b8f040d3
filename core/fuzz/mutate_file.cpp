#include <algorithm>

#include "base/constants.h"
#include "container/bitstream.h"
#include "container/checksums.h"
#include "fuzz.h"
#include "mutate.h"
#include "support.h"

namespace dlf_fuzz {
namespace {

using dlf_test::Random;

// Reads without judging; false at the end of the bytes.
class Lenient {
 public:
  explicit Lenient(const Bytes& bytes) : bytes_(bytes) {}

  bool skip(size_t count) {
    if (bytes_.size() - at_ < count) return false;
    at_ += count;
    return true;
  }
  bool varint(uint64_t* value) {
    *value = 0;
    for (size_t i = 0; i < dlf::kMaxVarintBytes && at_ < bytes_.size(); ++i) {
      const uint8_t byte = bytes_[at_++];
      *value |= uint64_t{byte & 0x7Fu} << (7 * i);
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }
  size_t at() const { return at_; }

 private:
  const Bytes& bytes_;
  size_t at_ = 0;
};

// Sets CRC-8 and CRC-32C to what the bytes before them ask for, as far as they can be found.
void repair_checksums(Bytes& file, size_t max_size) {
  Lenient reader(file);
  uint64_t value = 0, payload = 0;
  if (!reader.skip(sizeof(dlf::kSignature) + 1)) return;
  std::copy(std::begin(dlf::kSignature), std::end(dlf::kSignature), file.begin());
  const uint8_t flags = file[sizeof(dlf::kSignature)];
  for (int i = 0; i < 3; ++i) {  // model, width, height
    if (!reader.varint(&value)) return;
  }
  if (!reader.skip((flags & dlf::kFlagPicture) != 0 ? 2 : 1)) return;
  if (!reader.varint(&payload)) return;
  if ((flags & dlf::kFlagReduction) != 0 && !reader.skip(1)) return;
  if (reader.at() == file.size()) return;
  file[reader.at()] = dlf::crc8({file.data(), reader.at()});
  if ((flags & dlf::kFlagCrc) == 0 || !reader.skip(1) || !reader.skip(payload)) return;
  if ((flags & dlf::kFlagChunks) != 0) {
    uint64_t count = 0, length = 0;
    if (!reader.varint(&count)) return;
    for (uint64_t i = 0; i < count; ++i) {
      if (!reader.varint(&value) || !reader.varint(&length) || !reader.skip(length)) return;
    }
  }
  if (reader.at() + dlf::kTrailerBytes > max_size) return;
  const uint32_t crc = dlf::crc32c({file.data(), reader.at()});
  file.resize(reader.at() + dlf::kTrailerBytes);
  for (size_t i = 0; i < dlf::kTrailerBytes; ++i) {
    file[reader.at() + i] = static_cast<uint8_t>(crc >> (8 * i));
  }
}

Bytes changed(Bytes bytes) {
  const size_t size = bytes.size();
  bytes.resize(size + 64);
  bytes.resize(LLVMFuzzerMutate(bytes.data(), size, bytes.size()));
  return bytes;
}

uint32_t random_side(Random& random) {
  const uint32_t edges[] = {1, 63, 64, 65, 127, 128, 129, 65535, 65536, dlf::kMaxSide};
  return random.coin() ? edges[random.in(0, 9)] : static_cast<uint32_t>(random.in(1, 200));
}

dlf::Chunk random_chunk(Random& random) {
  dlf::Chunk chunk;
  chunk.type = static_cast<uint32_t>(random.coin() ? random.in(0, 20) : random.in(0, 1 << 29));
  chunk.critical = random.in(0, 3) == 0 || chunk.type == dlf::kChunkAlpha;
  chunk.safe_to_copy = random.coin();
  chunk.content.assign(static_cast<size_t>(random.in(0, 300)), random.bytes(1)[0]);
  return chunk;
}

// An alpha plane of the size that the header asks for, or nearly.
void give_alpha(dlf::Header& header, std::vector<dlf::Chunk>& chunks, Random& random) {
  header.picture.alpha = dlf::AlphaMode::kStraight;
  header.width = std::min(header.width, 200u);
  header.height = std::min(header.height, 200u);
  dlf::Chunk chunk;
  chunk.type = dlf::kChunkAlpha;
  chunk.critical = true;
  const Bytes plane(size_t{header.width} * header.height, random.bytes(1)[0]);
  chunk.content = dlf::pack_alpha(plane.data(), header.width, header.height);
  if (random.in(0, 3) == 0) chunk.content.push_back(0);
  if (random.in(0, 3) == 0) chunk.content[0] = 1;
  chunks.insert(chunks.begin(), chunk);
}

// One change of what the file says. Throws dlf::Error where the writer refuses it.
Bytes rewritten(dlf::ByteView input, Random& random) {
  dlf::ParseOptions options;
  options.chunk_limits.max_bytes = 1 << 18;
  const dlf::ParsedFile file = dlf::parse_file(input, options);
  dlf::Header header = file.header;
  Bytes payload = file.payload.copy();
  std::vector<dlf::Chunk> chunks = file.chunks;
  const auto last = static_cast<int64_t>(chunks.size()) - 1;
  const size_t one = chunks.empty() ? 0 : static_cast<size_t>(random.in(0, last));
  switch (random.in(0, 9)) {
    case 0:
      header.width = random_side(random);
      break;
    case 1:
      header.height = random_side(random);
      break;
    case 2:
      header.rate = static_cast<uint8_t>(random.in(0, 9));
      break;
    case 3:
      header.picture.orientation = static_cast<uint8_t>(random.in(1, 8));
      header.picture.grayscale = random.coin();
      break;
    case 4:
      give_alpha(header, chunks, random);
      break;
    case 5:
      if (!chunks.empty()) chunks[one].content = changed(chunks[one].content);
      break;
    case 6:
      if (!chunks.empty()) chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(one));
      break;
    case 7:
      chunks.push_back(random_chunk(random));
      break;
    case 8:
      header.reduction.factor_bits = static_cast<uint8_t>(random.in(0, 3));
      header.reduction.missing_columns = static_cast<uint8_t>(random.in(0, 8));
      header.reduction.missing_rows = static_cast<uint8_t>(random.in(0, 8));
      break;
    default:
      payload = changed(payload);
  }
  return dlf::write_file(header, payload, chunks);
}

}  // namespace

size_t mutate_file(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  Random random(seed);
  if (random.in(0, 2) == 0) {
    try {
      const Bytes out = rewritten({data, size}, random);
      if (out.size() <= max_size) {
        std::copy(out.begin(), out.end(), data);
        return out.size();
      }
    } catch (const dlf::Error&) {
      // Not a valid file, or not one afterwards: then as bytes.
    }
  }
  return mutate_header(data, size, max_size, seed);
}

size_t mutate_header(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 8 == 0) return size;
  Bytes bytes(data, data + size);
  repair_checksums(bytes, max_size);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}

}  // namespace dlf_fuzz

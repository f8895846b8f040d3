#include "container/chunks.h"

#include "base/constants.h"
#include "container/zlib_stream.h"
#include "support.h"
#include "test.h"

using dlf::ByteReader;
using dlf::ByteWriter;
using dlf::Chunk;

namespace {

Chunk chunk_of(uint32_t type, std::vector<uint8_t> content, bool critical = false) {
  Chunk chunk;
  chunk.type = type;
  chunk.critical = critical;
  chunk.content = std::move(content);
  return chunk;
}

struct Stored {
  uint32_t tag;
  std::vector<uint8_t> bytes;
};

// Reads a sequence that was put together by hand.
std::vector<Chunk> read(const std::vector<Stored>& stored, uint64_t alpha_bytes = 0,
                        dlf::ChunkLimits limits = {}) {
  ByteWriter writer;
  writer.varint(static_cast<uint32_t>(stored.size()));
  for (const Stored& chunk : stored) {
    writer.varint(chunk.tag);
    writer.varint(static_cast<uint32_t>(chunk.bytes.size()));
    writer.bytes(chunk.bytes);
  }
  ByteReader reader(writer.view());
  return dlf::open_chunks(dlf::scan_chunks(reader, false, nullptr), alpha_bytes, limits);
}

// A sequence of one chunk.
std::vector<uint8_t> written(const std::vector<uint8_t>& content) {
  ByteWriter writer;
  dlf::write_chunks(writer, {chunk_of(dlf::kChunkXmp, content)});
  return writer.take();
}

uint32_t tag(uint32_t type, uint32_t bits = 0) { return type << dlf::kTagTypeShift | bits; }

std::vector<uint8_t> deflated(const std::vector<uint8_t>& content, uint32_t stated_size) {
  ByteWriter writer;
  writer.varint(stated_size);
  writer.bytes(dlf::deflate_bytes(content));
  return writer.take();
}

}  // namespace

TEST(chunks_return_what_was_written_in_canonical_order) {
  dlf_test::Random random(10);
  for (int i = 0; i < 300; ++i) {
    std::vector<Chunk> chunks;
    for (uint32_t type = 2; type <= 4; ++type) {
      if (random.coin()) {
        const size_t size = static_cast<size_t>(random.in(0, 500));
        chunks.push_back(
            chunk_of(type, random.coin() ? random.bytes(size) : std::vector<uint8_t>(size, 'x')));
      }
    }
    chunks.push_back(chunk_of(static_cast<uint32_t>(random.in(16, 100000)), random.bytes(9)));
    std::vector<Chunk> mixed(chunks.rbegin(), chunks.rend());
    ByteWriter writer;
    dlf::write_chunks(writer, mixed);
    ByteReader reader(writer.view());
    const std::vector<Chunk> back =
        dlf::open_chunks(dlf::scan_chunks(reader, false, nullptr), 0, {});
    CHECK_EQ(reader.remaining(), size_t{0});
    CHECK_EQ(back.size(), chunks.size());
    for (size_t c = 0; c < chunks.size(); ++c) {
      CHECK_EQ(back[c].type, chunks[c].type);
      CHECK(back[c].content == chunks[c].content);
      CHECK(!back[c].deflated || back[c].stored_bytes < back[c].content.size());
    }
  }
}

TEST(chunks_are_deflated_only_where_it_pays) {
  ByteWriter writer;
  dlf_test::Random random(11);
  dlf::write_chunks(writer, {chunk_of(2, std::vector<uint8_t>(1000, 1)),
                             chunk_of(3, random.bytes(1000)), chunk_of(4, {})});
  ByteReader reader(writer.view());
  const std::vector<Chunk> chunks =
      dlf::open_chunks(dlf::scan_chunks(reader, false, nullptr), 0, {});
  CHECK(chunks[0].deflated);
  CHECK(!chunks[1].deflated);
  CHECK(!chunks[2].deflated);
}

TEST(order_duplicates_and_critical_bits_are_rules) {
  CHECK_STATUS(DLF_OK, read({{tag(2), {1}}, {tag(3), {1}}}));
  CHECK_STATUS(DLF_INVALID_FILE, read({{tag(3), {1}}, {tag(2), {1}}}));
  CHECK_STATUS(DLF_INVALID_FILE, read({{tag(3), {1}}, {tag(3), {1}}}));
  CHECK_STATUS(DLF_INVALID_FILE, read({{tag(9), {1}}, {tag(9), {1}}}));
  CHECK_STATUS(DLF_OK, read({{tag(16), {1}}, {tag(16), {2}}}));
  CHECK_STATUS(DLF_INVALID_FILE, read({{tag(3, dlf::kTagCritical), {1}}}));
  CHECK_STATUS(DLF_INVALID_FILE, read({{tag(1), {0, 9}}}, 2));
  CHECK_STATUS(DLF_OK, read({{tag(1, dlf::kTagCritical), {0, 9}}}, 2));
}

TEST(unknown_chunks_are_kept_unless_critical) {
  const std::vector<Chunk> kept = read({{tag(7, dlf::kTagSafeToCopy), {5}}, {tag(4000), {6}}});
  CHECK_EQ(kept.size(), size_t{2});
  CHECK(kept[0].safe_to_copy && !kept[1].safe_to_copy);
  CHECK_EQ(kept[1].type, 4000u);
  CHECK_STATUS(DLF_UNSUPPORTED, read({{tag(7, dlf::kTagCritical), {5}}}));
  CHECK_STATUS(DLF_UNSUPPORTED, read({{tag(4000, dlf::kTagCritical), {5}}}));
}

TEST(chunk_counts_have_bounds) {
  const auto scan = [](const std::vector<uint8_t>& bytes) {
    return dlf_test::status_of([&] {
      ByteReader reader(bytes);
      dlf::scan_chunks(reader, false, nullptr);
    });
  };
  CHECK_EQ(scan({0}), DLF_INVALID_FILE);
  ByteWriter writer;
  writer.varint(dlf::kMaxChunks + 1);
  CHECK_EQ(scan(writer.view()), DLF_LIMIT_EXCEEDED);
  // A length that promises more than there is must not be allocated.
  CHECK_EQ(scan({1, 16, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F}), DLF_TRUNCATED_FILE);
}

TEST(zlib_streams_must_be_exact) {
  const std::vector<uint8_t> content(1000, 3);
  const uint32_t t = tag(16, dlf::kTagDeflated);
  CHECK_STATUS(DLF_OK, read({{t, deflated(content, 1000)}}));
  CHECK_STATUS(DLF_INVALID_FILE, read({{t, deflated(content, 999)}}));
  CHECK_STATUS(DLF_INVALID_FILE, read({{t, deflated(content, 1001)}}));
  dlf::ChunkLimits none;
  none.max_bytes = ~uint64_t{0};
  CHECK_STATUS(DLF_INVALID_FILE, read({{t, deflated(content, 4000000000u)}}, 0, none));
  CHECK_STATUS(DLF_INVALID_FILE, read({{t, {}}}));
  std::vector<uint8_t> longer = deflated(content, 1000);
  longer.push_back(0);
  CHECK_STATUS(DLF_INVALID_FILE, read({{t, longer}}));
  std::vector<uint8_t> bytes = deflated(content, 1000);
  for (size_t size = 0; size < bytes.size(); ++size) {
    CHECK_STATUS(DLF_INVALID_FILE,
                 read({{t, std::vector<uint8_t>(bytes.begin(),
                                                bytes.begin() + static_cast<ptrdiff_t>(size))}}));
  }
}

TEST(the_sum_of_contents_is_limited) {
  dlf::ChunkLimits limits;
  limits.max_bytes = 1500;
  const Stored one = {tag(16, dlf::kTagDeflated), deflated(std::vector<uint8_t>(1000, 3), 1000)};
  CHECK_STATUS(DLF_OK, read({one}, 0, limits));
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, read({one, one}, 0, limits));
}

TEST(alpha_returns_what_was_packed) {
  dlf_test::Random random(12);
  for (int i = 0; i < 100; ++i) {
    const uint32_t width = static_cast<uint32_t>(random.in(1, 40));
    const uint32_t height = static_cast<uint32_t>(random.in(1, 40));
    const std::vector<uint8_t> plane = random.bytes(size_t{width} * height);
    Chunk chunk = chunk_of(dlf::kChunkAlpha, dlf::pack_alpha(plane.data(), width, height), true);
    CHECK_EQ(uint64_t{chunk.content.size()}, dlf::alpha_content_bytes(width, height));
    CHECK(dlf::unpack_alpha(chunk, width, height) == plane);
    CHECK_STATUS(DLF_INVALID_FILE, dlf::unpack_alpha(chunk, width + 1, height));
    chunk.content[0] = 1;
    CHECK_STATUS(DLF_UNSUPPORTED, dlf::unpack_alpha(chunk, width, height));
  }
}

TEST(alpha_chunks_must_fit_the_picture) {
  const uint32_t t = tag(1, dlf::kTagCritical);
  CHECK_STATUS(DLF_INVALID_FILE, read({{t, {0, 9}}}, 0));
  CHECK_STATUS(DLF_INVALID_FILE, read({{t, {0, 9}}}, 3));
  CHECK_STATUS(DLF_INVALID_FILE,
               read({{t | dlf::kTagDeflated, deflated(std::vector<uint8_t>(50, 0), 50)}}, 51));
}

TEST(chunks_that_break_the_rules_are_not_written) {
  ByteWriter writer;
  CHECK_STATUS(DLF_INVALID_ARGUMENT, dlf::write_chunks(writer, {}));
  CHECK_STATUS(DLF_INVALID_ARGUMENT,
               dlf::write_chunks(writer, {chunk_of(3, {1}), chunk_of(3, {2})}));
  CHECK_STATUS(DLF_INVALID_ARGUMENT, dlf::write_chunks(writer, {chunk_of(2, {1}, true)}));
  CHECK_STATUS(DLF_INVALID_ARGUMENT, dlf::write_chunks(writer, {chunk_of(1u << 29, {1})}));
}

TEST(contents_may_be_left_in_the_file_until_they_are_asked_for) {
  const std::vector<uint8_t> content(1000, 3);
  std::vector<uint8_t> bytes = written(content);
  const auto open = [&] {
    dlf::ByteReader reader(bytes, DLF_TRUNCATED_FILE, DLF_INVALID_FILE);
    return dlf::open_chunks(dlf::scan_chunks(reader, false, nullptr), 0, {}, dlf::Contents::kLeft);
  };
  const std::vector<dlf::Chunk> left = open();
  CHECK(left.front().content.empty());
  CHECK_EQ(left.front().content_bytes, uint64_t{1000});
  CHECK(dlf::read_content(left.front()) == content);
  bytes.back() ^= 1;  // the zlib stream's checksum
  const std::vector<dlf::Chunk> damaged = open();
  CHECK_STATUS(DLF_INVALID_FILE, dlf::read_content(damaged.front()));
}

TEST(contents_that_are_known_are_not_inflated_again) {
  const std::vector<uint8_t> content(1000, 3), another(999, 3);
  std::vector<uint8_t> bytes = written(content);
  bytes.back() ^= 1;  // the zlib stream's checksum
  const auto open = [&](const dlf::KnownContents& known) {
    dlf::ByteReader reader(bytes, DLF_TRUNCATED_FILE, DLF_INVALID_FILE);
    return dlf::open_chunks(dlf::scan_chunks(reader, false, nullptr), 0, {}, dlf::Contents::kRead,
                            known);
  };
  CHECK(open({{0, content}}).front().content == content);
  CHECK_STATUS(DLF_INVALID_FILE, open({}));
  CHECK_STATUS(DLF_INVALID_FILE, open({{1, content}}));  // of another chunk
  CHECK_STATUS(DLF_INVALID_FILE, open({{0, another}}));  // of another file
}

TEST(alpha_has_a_limit_of_its_own) {
  dlf::ChunkLimits limits;
  limits.max_bytes = 0;
  limits.max_alpha_bytes = 17;
  const uint32_t t = tag(dlf::kChunkAlpha, dlf::kTagCritical);
  CHECK_STATUS(DLF_OK, read({{t, std::vector<uint8_t>(17)}}, 17, limits));
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, read({{t, std::vector<uint8_t>(18)}}, 18, limits));
}

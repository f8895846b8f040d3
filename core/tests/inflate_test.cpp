#include "container/inflate.h"

#include <string>

#include "container/zlib_stream.h"
#include "support.h"
#include "test.h"

using dlf::ByteView;

namespace {

using Bytes = std::vector<uint8_t>;

// The deflate stream of a content, without what zlib puts around it.
Bytes deflated(const Bytes& content) {
  const Bytes zlib = dlf::deflate_bytes(content);
  return {zlib.begin() + 2, zlib.end() - 4};
}

// Matches near and far, literals, and more bytes than the reader's buffer holds.
Bytes content_of(uint64_t seed, size_t size) {
  dlf_test::Random random(seed);
  Bytes bytes = random.bytes(40);
  while (bytes.size() < size) {
    if (random.in(0, 3) == 0) {
      const Bytes more = random.bytes(static_cast<size_t>(random.in(1, 50)));
      bytes.insert(bytes.end(), more.begin(), more.end());
      continue;
    }
    const size_t farthest = std::min(bytes.size(), dlf::kInflateWindow);
    const size_t distance = static_cast<size_t>(random.in(1, static_cast<int64_t>(farthest)));
    for (int64_t count = random.in(3, 258); count > 0; --count) {
      bytes.push_back(bytes[bytes.size() - distance]);
    }
  }
  return bytes;
}

}  // namespace

TEST(inflate_returns_what_was_deflated_in_pieces) {
  for (const size_t size : {size_t{40}, size_t{65536}, size_t{65537}, size_t{300000}}) {
    const Bytes content = content_of(size, size);
    Bytes stream = deflated(content);
    const size_t length = stream.size();
    stream.insert(stream.end(), 9, 0xFF);  // what follows is not looked at
    Bytes back;
    const auto used = dlf::inflate(stream, [&](ByteView piece) {
      CHECK(piece.size() <= 2 * dlf::kInflateWindow);
      back.insert(back.end(), piece.data(), piece.data() + piece.size());
      return true;
    });
    CHECK(used.has_value());
    CHECK_EQ(*used, length);
    CHECK(back == content);
  }
}

TEST(inflate_refuses_every_cut) {
  const Bytes stream = deflated(content_of(1, 3000));
  const auto take = [](ByteView) { return true; };
  CHECK(dlf::inflate(stream, take).has_value());
  for (size_t size = 0; size < stream.size(); ++size) {
    CHECK(!dlf::inflate(ByteView(stream.data(), size), take).has_value());
  }
}

TEST(inflate_stops_when_no_more_is_wanted) {
  const Bytes stream = deflated(Bytes(10'000'000, 'x'));
  size_t given = 0;
  const auto used = dlf::inflate(stream, [&](ByteView piece) {
    given += piece.size();
    return given < 100'000;
  });
  CHECK(!used.has_value());
  CHECK(given < 200'000);
}

TEST(inflate_knows_how_far_matches_may_reach) {
  const Bytes content = content_of(2, 60000);
  const Bytes stream = deflated(content);
  const auto take = [](ByteView) { return true; };
  CHECK(dlf::inflate(stream, take, dlf::kInflateWindow).has_value());
  CHECK(!dlf::inflate(stream, take, 256).has_value());
}

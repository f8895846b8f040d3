#include "container/inflate.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace dlf {
namespace {

constexpr int kMaxBits = 15;  // of a code
constexpr size_t kLiterals = 288, kDistances = 32, kCodeLengths = 19;
constexpr uint32_t kEndOfBlock = 256;
constexpr size_t kLengths = 29,
                 kReaches = 30;        // that exist, of lengths and distances (RFC 1951, 3.2.5)
constexpr size_t kMostLiterals = 286;  // HLIT (RFC 1951, 3.2.7)

constexpr uint16_t kLengthBase[kLengths] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                            15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                            67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr uint8_t kLengthBits[kLengths] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                           2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr uint16_t kReachBase[kReaches] = {
    1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
    193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
constexpr uint8_t kReachBits[kReaches] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                          6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};
// The order in which the lengths of the code length code stand (RFC 1951, 3.2.7).
constexpr uint8_t kOrder[kCodeLengths] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                          11, 4,  12, 3, 13, 2, 14, 1, 15};

// Ends the work from within; never leaves inflate().
struct Broken {};

void require(bool condition) {
  if (!condition) throw Broken();
}

// Bits from the lowest of each byte; after the end there are none.
class BitReader {
 public:
  explicit BitReader(ByteView bytes) : bytes_(bytes) {}

  // The next kMaxBits bits without taking them, 0 where there are none.
  uint32_t peek() {
    while (count_ < kMaxBits && position_ < bytes_.size()) {
      held_ |= uint32_t{bytes_[position_++]} << count_;
      count_ += 8;
    }
    return held_ & ((1u << kMaxBits) - 1);
  }
  void skip(int count) {
    require(count <= count_);
    held_ >>= count;
    count_ -= count;
  }
  uint32_t take(int count) {
    const uint32_t bits = peek() & ((1u << count) - 1);
    skip(count);
    return bits;
  }
  // From here on whole bytes; what is left of the last one has no meaning.
  void align() {
    skip(count_ % 8);
    position_ -= static_cast<size_t>(count_ / 8);
    held_ = 0;
    count_ = 0;
  }
  // Only after align().
  ByteView bytes(size_t count) {
    require(count <= bytes_.size() - position_);
    position_ += count;
    return bytes_.sub(position_ - count, count);
  }
  size_t position() const { return position_; }

 private:
  ByteView bytes_;
  size_t position_ = 0;
  uint32_t held_ = 0;  // at most kMaxBits + 7 bits
  int count_ = 0;
};

enum class Partial { kNone, kSingle, kSingleOrEmpty };

// A canonical prefix code (RFC 1951, 3.2.2).
class PrefixCode {
 public:
  // `partial` says which codes that leave bits unused are allowed: one of a single bit, or none.
  void set(const uint8_t* lengths, size_t count, Partial partial) {
    std::fill(std::begin(counts_), std::end(counts_), uint16_t{0});
    for (size_t i = 0; i < count; ++i) ++counts_[lengths[i]];
    const size_t used = count - counts_[0];
    counts_[0] = 0;
    int left = 1;
    for (int length = 1; length <= kMaxBits; ++length) {
      left = 2 * left - counts_[length];
      require(left >= 0);
    }
    const bool single = used == 1 && counts_[1] == 1 && partial != Partial::kNone;
    require(left == 0 || single || (used == 0 && partial == Partial::kSingleOrEmpty));

    std::array<uint16_t, kMaxBits + 2> next{};
    std::array<uint32_t, kMaxBits + 2> code{};
    for (size_t length = 1; length <= kMaxBits; ++length) {
      next[length + 1] = static_cast<uint16_t>(next[length] + counts_[length]);
      code[length + 1] = (code[length] + counts_[length]) << 1;
    }
    fast_.fill(0);
    for (size_t symbol = 0; symbol < count; ++symbol) {
      const unsigned length = lengths[symbol];
      if (length == 0) continue;
      symbols_[next[length]++] = static_cast<uint16_t>(symbol);
      uint32_t reversed = 0;
      for (unsigned bit = 0; bit < length; ++bit) {
        reversed |= ((code[length] >> bit) & 1) << (length - 1 - bit);
      }
      ++code[length];
      if (length > kFastBits) continue;
      for (size_t at = reversed; at < fast_.size(); at += size_t{1} << length) {
        fast_[at] = static_cast<uint16_t>((symbol << 4) | length);
      }
    }
  }

  uint32_t decode(BitReader& bits) const {
    const uint32_t ahead = bits.peek();
    const uint16_t entry = fast_[ahead & (fast_.size() - 1)];
    if (entry != 0) {
      bits.skip(entry & 15);
      return entry >> 4;
    }
    uint32_t code = 0, first = 0, index = 0;
    for (int length = 1; length <= kMaxBits; ++length) {
      code |= (ahead >> (length - 1)) & 1;
      const uint32_t count = counts_[length];
      if (code < first + count) {
        bits.skip(length);
        return symbols_[index + code - first];
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw Broken();  // a code that stands for nothing
  }

 private:
  static constexpr unsigned kFastBits = 9;

  std::array<uint16_t, 1 << kFastBits> fast_;  // symbol * 16 + length; 0: the code is longer
  uint16_t counts_[kMaxBits + 1];              // codes of each length
  std::array<uint16_t, kLiterals> symbols_;    // in the order of their codes
};

// What has been inflated: gives it away in pieces and keeps as much as matches may need.
class Output {
 public:
  Output(const TakeBytes& take, size_t window)
      : take_(take), window_(window), buffer_(2 * kInflateWindow) {}

  void put(uint8_t byte) {
    if (end_ == buffer_.size()) flush();
    buffer_[end_++] = byte;
  }
  void put(ByteView bytes) {
    while (!bytes.empty()) {
      if (end_ == buffer_.size()) flush();
      const size_t count = std::min(bytes.size(), buffer_.size() - end_);
      std::memcpy(buffer_.data() + end_, bytes.data(), count);
      end_ += count;
      bytes = bytes.sub(count);
    }
  }
  void repeat(size_t distance, size_t count) {
    require(distance <= std::min(end_, window_));
    for (; count > 0; --count) {
      if (end_ == buffer_.size()) flush();
      buffer_[end_] = buffer_[end_ - distance];
      ++end_;
    }
  }
  // Gives away what is there.
  void flush() {
    require(take_(ByteView(buffer_.data() + given_, end_ - given_)));
    given_ = end_;
    if (end_ < buffer_.size()) return;
    std::memcpy(buffer_.data(), buffer_.data() + end_ - kInflateWindow, kInflateWindow);
    given_ = end_ = kInflateWindow;
  }

 private:
  const TakeBytes& take_;
  size_t window_;
  std::vector<uint8_t> buffer_;
  size_t given_ = 0, end_ = 0;
};

// The two codes of a block that is compressed.
struct BlockCodes {
  PrefixCode literals, distances;
};

// RFC 1951, 3.2.6
void set_fixed(BlockCodes& codes) {
  uint8_t lengths[kLiterals];
  std::fill(lengths, lengths + 144, uint8_t{8});
  std::fill(lengths + 144, lengths + 256, uint8_t{9});
  std::fill(lengths + 256, lengths + 280, uint8_t{7});
  std::fill(lengths + 280, lengths + kLiterals, uint8_t{8});
  codes.literals.set(lengths, kLiterals, Partial::kNone);
  std::fill(lengths, lengths + kDistances, uint8_t{5});
  codes.distances.set(lengths, kDistances, Partial::kNone);
}

// RFC 1951, 3.2.7
void read_codes(BitReader& bits, BlockCodes& codes) {
  const size_t literals = bits.take(5) + 257, distances = bits.take(5) + 1;
  require(literals <= kMostLiterals);
  uint8_t lengths[kLiterals + kDistances] = {};
  const size_t given = bits.take(4) + 4;
  for (size_t i = 0; i < given; ++i) lengths[kOrder[i]] = static_cast<uint8_t>(bits.take(3));
  PrefixCode code;
  code.set(lengths, kCodeLengths, Partial::kNone);
  for (size_t i = 0; i < literals + distances;) {
    const uint32_t symbol = code.decode(bits);
    if (symbol < 16) {
      lengths[i++] = static_cast<uint8_t>(symbol);
      continue;
    }
    require(symbol != 16 || i > 0);
    const uint8_t length = symbol == 16 ? lengths[i - 1] : uint8_t{0};
    const size_t count = symbol == 16   ? 3 + bits.take(2)
                         : symbol == 17 ? 3 + bits.take(3)
                                        : 11 + bits.take(7);
    require(count <= literals + distances - i);
    std::fill(lengths + i, lengths + i + count, length);
    i += count;
  }
  codes.literals.set(lengths, literals, Partial::kSingle);
  codes.distances.set(lengths + literals, distances, Partial::kSingleOrEmpty);
}

// RFC 1951, 3.2.5
void read_symbols(BitReader& bits, const BlockCodes& codes, Output& out) {
  for (;;) {
    const uint32_t symbol = codes.literals.decode(bits);
    if (symbol < kEndOfBlock) {
      out.put(static_cast<uint8_t>(symbol));
      continue;
    }
    if (symbol == kEndOfBlock) return;
    const size_t length = symbol - kEndOfBlock - 1;
    require(length < kLengths);
    const size_t count = kLengthBase[length] + bits.take(kLengthBits[length]);
    const size_t reach = codes.distances.decode(bits);
    require(reach < kReaches);
    out.repeat(kReachBase[reach] + bits.take(kReachBits[reach]), count);
  }
}

// RFC 1951, 3.2.4
void read_stored(BitReader& bits, Output& out) {
  bits.align();
  const ByteView head = bits.bytes(4);
  const size_t length = head[0] | (size_t{head[1]} << 8);
  const size_t complement = head[2] | (size_t{head[3]} << 8);
  require((length ^ complement) == 0xFFFF);
  out.put(bits.bytes(length));
}

}  // namespace

std::optional<size_t> inflate(ByteView bytes, const TakeBytes& take, size_t window) {
  BitReader bits(bytes);
  Output out(take, std::min(window, kInflateWindow));
  BlockCodes codes;
  try {
    for (bool last = false; !last;) {  // RFC 1951, 3.2.3
      last = bits.take(1) == 1;
      switch (bits.take(2)) {
        case 0:
          read_stored(bits, out);
          break;
        case 1:
          set_fixed(codes);
          read_symbols(bits, codes, out);
          break;
        case 2:
          read_codes(bits, codes);
          read_symbols(bits, codes, out);
          break;
        default:
          throw Broken();
      }
    }
    bits.align();
    out.flush();
    return bits.position();
  } catch (const Broken&) {
    return {};
  }
}

}  // namespace dlf

// What of EXIF is kept in a file.
#include "container/exif.h"

#include <algorithm>

#include "support.h"
#include "test.h"

namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint16_t kDescription = 0x010E, kStripOffsets = 0x0111, kTileBytes = 0x0145;
constexpr uint16_t kAscii = 2, kLong = 4;

struct Entry {
  uint16_t tag, type;
  uint32_t count, value;  // the value, or where it stands
};

class Writer {
 public:
  explicit Writer(bool is_big) : is_big_(is_big) { bytes = {'M', 'M'}; }

  void put(uint32_t value, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const size_t place = is_big_ ? count - 1 - i : i;
      bytes.push_back(static_cast<uint8_t>(value >> (8 * place)));
    }
  }

  Bytes bytes;

 private:
  bool is_big_;
};

Bytes structure(bool is_big, const std::vector<Entry>& entries, const Bytes& values,
                size_t places = 0) {
  Writer out(is_big);
  if (!is_big) out.bytes = {'I', 'I'};
  out.put(42, 2);
  out.put(8, 4);
  out.put(static_cast<uint32_t>(entries.size()), 2);
  for (const Entry& entry : entries) {
    out.put(entry.tag, 2);
    out.put(entry.type, 2);
    out.put(entry.count, 4);
    out.put(entry.value, 4);
  }
  out.put(0x01020304, 4);  // the next directory
  out.bytes.resize(out.bytes.size() + 12 * places);
  out.bytes.insert(out.bytes.end(), values.begin(), values.end());
  return out.bytes;
}

}  // namespace

TEST(exif_loses_the_structure_of_another_file) {
  const Bytes values = {'w', 'o', 'r', 'd', 's', 0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  Bytes cleared = values;
  for (size_t i = 6; i < 14; ++i) cleared[i] = 0;
  constexpr uint32_t kBehind = 10 + 3 * 12 + 4;
  const Entry described = {kDescription, kAscii, 6, kBehind};
  for (const bool is_big : {false, true}) {
    const Bytes given = structure(
        is_big, {described, {kStripOffsets, kLong, 2, kBehind + 6}, {kTileBytes, kLong, 1, 77}},
        values);
    CHECK(dlf::exif_without_structure(given) == structure(is_big, {described}, cleared, 2));
  }
}

TEST(exif_values_that_others_need_stay) {
  const Bytes values = {'w', 'o', 'r', 'd', 's', 0, 1, 2};
  constexpr uint32_t kBehind = 10 + 2 * 12 + 4;
  const Entry described = {kDescription, kAscii, 6, kBehind};
  for (const uint32_t at : {kBehind + 0, kBehind - 4, 12u, 0u}) {  // words, directory, head
    const Bytes given = structure(true, {described, {kStripOffsets, kLong, 2, at}}, values);
    CHECK(dlf::exif_without_structure(given) == structure(true, {described}, values, 1));
  }
}

TEST(exif_that_cannot_be_read_stays) {
  const Bytes whole = structure(true, {{kStripOffsets, kLong, 1, 5}}, {1, 2, 3});
  const size_t directory_end = 8 + 2 + 12;
  for (size_t size = 0; size <= whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    const Bytes kept = dlf::exif_without_structure(cut);
    CHECK_EQ(kept.size(), size);
    CHECK_EQ(kept == cut, size < directory_end);
  }
}

TEST(any_exif_keeps_its_length) {
  dlf_test::Random random(5);
  for (int i = 0; i < 20000; ++i) {
    Bytes exif = random.bytes(static_cast<size_t>(random.in(0, 80)));
    const Bytes head = structure(random.coin(), {}, {});
    for (size_t at = 0; at < std::min<size_t>(exif.size(), 8); ++at) exif[at] = head[at];
    if (exif.size() > 10) {
      exif[8] = static_cast<uint8_t>(random.in(0, 1) * random.in(0, 6));
      exif[9] = static_cast<uint8_t>(random.in(0, 6));
    }
    for (size_t at = 10; at + 12 <= exif.size(); at += 12) {
      exif[at] = exif[at + 1] = 1;
      exif[at + 3] = static_cast<uint8_t>(random.in(0, 14));
    }
    CHECK_EQ(dlf::exif_without_structure(exif).size(), exif.size());
  }
}

#include "container/exif.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <optional>

namespace dlf {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kHeadBytes = 8, kCountBytes = 2, kEntryBytes = 12, kNextBytes = 4;
constexpr size_t kValueAt = 8;        // of an entry: its value, or where that stands
constexpr size_t kMostCleared = 256;  // entries; a directory with more is no honest one

// Tags of TIFF 6.0 and its supplements, first and last of each range.
struct TagRange {
  uint16_t first, last;
};

// Tags of TIFF 6.0 and its supplements.
constexpr TagRange kStructureTags[] = {
    {0x00FE, 0x0103},  // which part of a file a picture is, width, length, bits, compression
    {0x0106, 0x0107},  // photometric interpretation, thresholding
    {0x010A, 0x010A},  // order of bits
    {0x0111, 0x0111},  // strips
    {0x0115, 0x0119},  // samples, rows and bytes of strips, range of samples
    {0x011C, 0x011C},  // planes
    {0x0120, 0x0125},  // free bytes, gray response, fax
    {0x013D, 0x013D},  // predictor
    {0x0140, 0x0140},  // palette
    {0x0142, 0x0145},  // tiles
    {0x014A, 0x014A},  // further pictures
    {0x0152, 0x0155},  // extra samples, their format and range
    {0x015B, 0x015B},  // tables of a JPEG stream
    {0x0200, 0x0209},  // bytes of a JPEG stream
    {0x8773, 0x8773},  // the ICC profile of those pixels
};

bool is_structure(uint16_t tag) {
  return std::any_of(std::begin(kStructureTags), std::end(kStructureTags),
                     [tag](TagRange range) { return range.first <= tag && tag <= range.last; });
}

// Bytes of one value of a TIFF type, 0 for an unknown one.
uint64_t type_bytes(uint16_t type) {
  constexpr std::array<uint8_t, 14> kBytes = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4};
  return type < kBytes.size() ? kBytes[type] : 0;
}

struct Range {
  size_t begin, end;
};

bool overlap(const Range& one, const Range& other) {
  return one.begin < other.end && other.begin < one.end;
}

// The first directory of a structure that is whole so far.
class Directory {
 public:
  static std::optional<Directory> of(const Bytes& tiff) {
    Directory found(tiff);
    const bool is_big = tiff.size() >= kHeadBytes && tiff[0] == 'M' && tiff[1] == 'M';
    const bool is_little = tiff.size() >= kHeadBytes && tiff[0] == 'I' && tiff[1] == 'I';
    if (!is_big && !is_little) return std::nullopt;
    found.is_big_ = is_big;
    constexpr uint32_t kMagic = 42;
    const uint64_t begin = found.number(4, 4);
    if (found.number(2, 2) != kMagic || begin < kHeadBytes || begin > tiff.size() - kCountBytes) {
      return std::nullopt;
    }
    found.begin_ = static_cast<size_t>(begin);
    found.count_ = static_cast<size_t>(found.number(found.begin_, kCountBytes));
    if (found.count_ > (tiff.size() - found.begin_ - kCountBytes) / kEntryBytes) {
      return std::nullopt;
    }
    return found;
  }

  size_t begin() const { return begin_; }
  size_t count() const { return count_; }
  // After the entries, where the position of the next directory stands; sloppy writers leave that
  // out.
  size_t end() const { return entry(count_); }
  size_t end_with_next() const { return std::min(end() + kNextBytes, tiff_->size()); }
  size_t entry(size_t index) const { return begin_ + kCountBytes + index * kEntryBytes; }
  uint16_t tag(size_t index) const { return static_cast<uint16_t>(number(entry(index), 2)); }

  // Where the values of an entry stand, when they do not stand in it and are there.
  std::optional<Range> values(size_t index) const {
    const size_t at = entry(index);
    const uint64_t bytes = type_bytes(static_cast<uint16_t>(number(at + 2, 2))) * number(at + 4, 4);
    const uint64_t begin = number(at + kValueAt, 4);
    if (bytes <= 4 || begin + bytes > tiff_->size()) return std::nullopt;
    return Range{static_cast<size_t>(begin), static_cast<size_t>(begin + bytes)};
  }

  void put_count(size_t count, Bytes* to) const {
    const uint8_t high = static_cast<uint8_t>(count >> 8), low = static_cast<uint8_t>(count);
    (*to)[begin_] = is_big_ ? high : low;
    (*to)[begin_ + 1] = is_big_ ? low : high;
  }

 private:
  explicit Directory(const Bytes& tiff) : tiff_(&tiff) {}

  uint64_t number(size_t at, size_t bytes) const {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) {
      value = value << 8 | (*tiff_)[at + (is_big_ ? i : bytes - 1 - i)];
    }
    return value;
  }

  const Bytes* tiff_;
  bool is_big_ = false;
  size_t begin_ = 0, count_ = 0;
};

// Makes zeros of the values of the entries `gone`, but not of what others need too.
void clear_values(const Directory& directory, const std::vector<size_t>& kept,
                  const std::vector<size_t>& gone, Bytes* to) {
  std::vector<Range> used = {{0, kHeadBytes}, {directory.begin(), directory.end_with_next()}};
  for (const size_t index : kept) {
    if (const std::optional<Range> values = directory.values(index)) used.push_back(*values);
  }
  for (const size_t index : gone) {
    const std::optional<Range> values = directory.values(index);
    if (!values || std::any_of(used.begin(), used.end(),
                               [&](const Range& other) { return overlap(*values, other); })) {
      continue;
    }
    std::fill(to->begin() + static_cast<ptrdiff_t>(values->begin),
              to->begin() + static_cast<ptrdiff_t>(values->end), uint8_t{0});
  }
}

}  // namespace

std::vector<uint8_t> exif_without_structure(std::vector<uint8_t> exif) {
  const std::optional<Directory> directory = Directory::of(exif);
  if (!directory) return exif;
  std::vector<size_t> kept, gone;
  for (size_t i = 0; i < directory->count(); ++i) {
    (is_structure(directory->tag(i)) ? gone : kept).push_back(i);
  }
  if (gone.empty()) return exif;
  Bytes changed = exif;
  if (directory->count() <= kMostCleared) clear_values(*directory, kept, gone, &changed);
  directory->put_count(kept.size(), &changed);
  auto to = changed.begin() + static_cast<ptrdiff_t>(directory->entry(0));
  const auto copy = [&](size_t begin, size_t end) {
    to = std::copy(exif.begin() + static_cast<ptrdiff_t>(begin),
                   exif.begin() + static_cast<ptrdiff_t>(end), to);
  };
  for (const size_t index : kept) copy(directory->entry(index), directory->entry(index + 1));
  copy(directory->end(), directory->end_with_next());
  std::fill(to, changed.begin() + static_cast<ptrdiff_t>(directory->end_with_next()), uint8_t{0});
  return changed;
}

}  // namespace dlf

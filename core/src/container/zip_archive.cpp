#include "container/zip_archive.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "container/checksums.h"
#include "container/inflate.h"

namespace dlf {
namespace {

// Records of the format, by their signatures and sizes without names and comments
// (APPNOTE.TXT 4.3).
constexpr uint32_t kLocalSignature = 0x04034B50, kEntrySignature = 0x02014B50;
constexpr uint32_t kEndSignature = 0x06054B50;
constexpr uint32_t kEnd64Signature = 0x06064B50, kLocatorSignature = 0x07064B50;
constexpr size_t kLocalBytes = 30, kEntryBytes = 46, kEndBytes = 22;
constexpr size_t kEnd64Bytes = 56, kLocatorBytes = 20;
constexpr size_t kMaxComment = 0xFFFF;

constexpr uint16_t kEncrypted = 0x0001 | 0x0040 | 0x2000;  // flags
constexpr uint16_t kStored = 0, kDeflated = 8;
constexpr uint16_t kZip64Extra = 1;
constexpr uint32_t kIn64 = 0xFFFFFFFF;  // the number is in the zip64 field

constexpr char kDamagedDirectory[] = "altered model package: damaged directory";

// The bytes of a record; nothing where the archive has none.
ByteView record_at(ByteView archive, uint64_t offset, size_t size) {
  if (offset > archive.size() || archive.size() - offset < size) return {};
  return archive.sub(static_cast<size_t>(offset), size);
}

ByteReader reading(ByteView bytes) { return ByteReader(bytes, DLF_MODEL_ERROR, DLF_MODEL_ERROR); }

bool begins(ByteView record, uint32_t signature) {
  return record.size() >= sizeof signature && reading(record).u32() == signature;
}

struct Directory {
  uint64_t entries = 0, offset = 0, size = 0;
};

// Where the last end record is, beside nothing but its comment.
size_t find_end(ByteView archive) {
  if (archive.size() >= kEndBytes) {
    const size_t last = archive.size() - kEndBytes;
    const size_t first = last > kMaxComment ? last - kMaxComment : 0;
    for (size_t at = last + 1; at-- > first;) {
      if (begins(archive.sub(at), kEndSignature)) return at;
    }
  }
  fail(DLF_MODEL_ERROR, "not a model package");
}

Directory find_directory(ByteView archive) {
  const size_t end = find_end(archive);
  Directory directory;
  ByteReader reader = reading(archive.sub(end, kEndBytes));
  reader.bytes(10);  // signature, disks, entries on this disk
  directory.entries = reader.u16();
  directory.size = reader.u32();
  directory.offset = reader.u32();
  if (end < kLocatorBytes || !begins(archive.sub(end - kLocatorBytes), kLocatorSignature)) {
    return directory;
  }
  ByteReader locator = reading(archive.sub(end - kLocatorBytes, kLocatorBytes));
  locator.bytes(8);  // signature, disk
  const ByteView end64 = record_at(archive, locator.u64(), kEnd64Bytes);
  if (!begins(end64, kEnd64Signature)) fail(DLF_MODEL_ERROR, kDamagedDirectory);
  ByteReader reader64 = reading(end64);
  reader64.bytes(32);  // signature, size, versions, disks, entries on this disk
  directory.entries = reader64.u64();
  directory.size = reader64.u64();
  directory.offset = reader64.u64();
  return directory;
}

// What a directory says of one member.
struct Entry {
  std::string name;
  uint16_t flags = 0, method = 0;
  uint32_t crc = 0;
  uint64_t packed_size = 0, size = 0, offset = 0;
};

// Replaces the numbers that are too large for their fields; they stand in this order.
void read_zip64(ByteView extra, Entry* entry) {
  uint64_t* const numbers[] = {&entry->size, &entry->packed_size, &entry->offset};
  const auto wants = [](const uint64_t* number) { return *number == kIn64; };
  if (std::none_of(std::begin(numbers), std::end(numbers), wants)) return;
  for (ByteReader reader = reading(extra); reader.remaining() > 0;) {
    const uint16_t kind = reader.u16();
    ByteReader field = reading(reader.bytes(reader.u16()));
    if (kind != kZip64Extra) continue;
    for (uint64_t* number : numbers) {
      if (wants(number)) *number = field.u64();
    }
    return;
  }
}

Entry read_entry(ByteReader& directory) {
  ByteReader reader = reading(directory.bytes(kEntryBytes));
  if (reader.u32() != kEntrySignature) fail(DLF_MODEL_ERROR, kDamagedDirectory);
  Entry entry;
  reader.bytes(4);  // versions
  entry.flags = reader.u16();
  entry.method = reader.u16();
  reader.bytes(4);  // time and date
  entry.crc = reader.u32();
  entry.packed_size = reader.u32();
  entry.size = reader.u32();
  const size_t name_size = reader.u16(), extra_size = reader.u16(), comment_size = reader.u16();
  reader.bytes(8);  // disk, attributes
  entry.offset = reader.u32();
  const ByteView name = directory.bytes(name_size);
  entry.name.assign(name.data(), name.data() + name.size());
  read_zip64(directory.bytes(extra_size), &entry);
  directory.bytes(comment_size);
  return entry;
}

// The content of a member, after its own header.
ByteView packed_of(ByteView archive, const Entry& entry) {
  const ByteView local = record_at(archive, entry.offset, kLocalBytes);
  if (!begins(local, kLocalSignature)) fail(DLF_MODEL_ERROR, kDamagedDirectory);
  ByteReader reader = reading(local);
  reader.bytes(26);  // what the directory says too
  const size_t name_size = reader.u16(), extra_size = reader.u16();
  const ByteView behind = archive.sub(static_cast<size_t>(entry.offset) + kLocalBytes);
  const ByteView content = behind.sub(name_size + extra_size);
  if (name_size + extra_size > behind.size() || entry.packed_size > content.size()) {
    fail(DLF_MODEL_ERROR, kDamagedDirectory);
  }
  return content.sub(0, static_cast<size_t>(entry.packed_size));
}

ZipArchive::Member member_of(ByteView archive, const Entry& entry, const std::string& name) {
  const ByteView packed = packed_of(archive, entry);
  const bool stored = entry.method == kStored && entry.size == packed.size();
  const bool deflated = entry.method == kDeflated && entry.size / kMaxExpansion <= packed.size();
  if ((entry.flags & kEncrypted) != 0 || (!stored && !deflated)) {
    fail(DLF_MODEL_ERROR, "not a model package: " + name + " cannot be read");
  }
  return {name, entry.size, entry.crc, deflated, packed};
}

}  // namespace

ZipArchive::ZipArchive(ByteView bytes) {
  const Directory directory = find_directory(bytes);
  if (directory.offset > bytes.size() || directory.size > bytes.size() - directory.offset) {
    fail(DLF_MODEL_ERROR, kDamagedDirectory);
  }
  ByteReader reader = reading(
      bytes.sub(static_cast<size_t>(directory.offset), static_cast<size_t>(directory.size)));
  std::string root;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    const Entry entry = read_entry(reader);
    const size_t slash = entry.name.find('/');
    if (slash == std::string::npos || (i > 0 && entry.name.compare(0, slash, root) != 0)) {
      fail(DLF_MODEL_ERROR, "not a model package: members outside one root directory");
    }
    root = entry.name.substr(0, slash);
    members_.push_back(member_of(bytes, entry, entry.name.substr(slash + 1)));
  }
  std::sort(members_.begin(), members_.end(),
            [](const Member& a, const Member& b) { return a.name < b.name; });
  for (size_t i = 1; i < members_.size(); ++i) {
    if (members_[i].name == members_[i - 1].name) {
      fail(DLF_MODEL_ERROR, "altered model package: " + members_[i].name + " appears twice");
    }
  }
}

const ZipArchive::Member* ZipArchive::find(const char* name) const {
  for (const Member& member : members_) {
    if (member.name == name) {
      return &member;
    }
  }
  return nullptr;
}

std::vector<uint8_t> ZipArchive::read(const Member& member) const {
  std::vector<uint8_t> room;
  const ByteView bytes = read(member, &room);
  if (!member.deflated) room.assign(bytes.data(), bytes.data() + bytes.size());
  return room;
}

ByteView ZipArchive::read(const Member& member, std::vector<uint8_t>* room) const {
  if (member.deflated) {
    room->clear();
    room->reserve(static_cast<size_t>(member.size));
    read(member, [&](ByteView piece) {
      room->insert(room->end(), piece.data(), piece.data() + piece.size());
    });
  }
  const ByteView bytes = member.deflated ? ByteView(*room) : member.packed;
  if (crc32(bytes) != member.crc) {
    fail(DLF_MODEL_ERROR, "altered model package: " + member.name + " is damaged");
  }
  return bytes;
}

void ZipArchive::read(const Member& member, const std::function<void(ByteView)>& take) const {
  if (!member.deflated) {
    take(member.packed);
    return;
  }
  uint64_t left = member.size;
  const std::optional<size_t> used = inflate(member.packed, [&](ByteView piece) {
    if (piece.size() > left) return false;
    left -= piece.size();
    take(piece);
    return true;
  });
  if (!used || *used != member.packed.size() || left != 0) {
    fail(DLF_MODEL_ERROR, "altered model package: " + member.name + " cannot be read");
  }
}

}  // namespace dlf

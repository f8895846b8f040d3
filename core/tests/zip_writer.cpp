#include "zip_writer.h"

#include "container/miniz_config.h"

// After its configuration.
#include "../third_party/miniz/miniz.h"
#include "container/zlib_stream.h"

namespace dlf_test {
namespace {

using dlf::ByteView;
using dlf::ByteWriter;

constexpr uint16_t kVersion = 45;  // that zip64 needs
constexpr uint32_t kIn64 = 0xFFFFFFFF;

void u64(ByteWriter& writer, uint64_t value) {
  writer.u32(static_cast<uint32_t>(value & 0xFFFFFFFF));
  writer.u32(static_cast<uint32_t>(value >> 32));
}

uint32_t number32(size_t value, const ZipForm& form) {
  return form.zip64 ? kIn64 : static_cast<uint32_t>(value);
}

std::vector<uint8_t> pack(const std::vector<uint8_t>& content, const ZipForm& form) {
  if (!form.deflated) return content;
  const std::vector<uint8_t> zlib = dlf::deflate_bytes(content);  // 2 + 4 bytes around the stream
  return {zlib.begin() + 2, zlib.end() - 4};
}

// What local and directory header have in common.
struct Record {
  std::string name;
  uint32_t crc;
  size_t packed, size, offset;
};

void put_common(ByteWriter& out, const Record& record, const ZipForm& form, bool in_directory) {
  const bool wide = in_directory && form.zip64;
  out.u16(kVersion);
  out.u16(0);  // flags
  out.u16(form.deflated ? 8 : 0);
  out.u32(0);  // time and date
  out.u32(record.crc);
  out.u32(wide ? kIn64 : static_cast<uint32_t>(record.packed));
  out.u32(wide ? kIn64 : static_cast<uint32_t>(record.size));
  out.u16(static_cast<uint16_t>(record.name.size()));
}

void put_text(ByteWriter& out, const std::string& text) {
  out.bytes(ByteView(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

void put_entry(ByteWriter& out, const Record& record, const ZipForm& form) {
  ByteWriter extra;
  if (form.other_fields) {
    extra.u16(0x7075);
    extra.u16(2);
    put_text(extra, "xy");
  }
  if (form.zip64) {
    extra.u16(1);
    extra.u16(24);
    u64(extra, record.size);
    u64(extra, record.packed);
    u64(extra, record.offset);
  }
  if (form.other_fields) {
    extra.u16(0x5455);
    extra.u16(4);
    put_text(extra, "abcd");
  }
  out.u32(0x02014B50);
  out.u16(kVersion);
  put_common(out, record, form, true);
  out.u16(static_cast<uint16_t>(extra.size()));
  out.u16(0);  // comment
  out.u16(0);  // disk
  out.u16(0);  // internal attributes
  out.u32(0);  // external attributes
  out.u32(number32(record.offset, form));
  put_text(out, record.name);
  out.bytes(extra.view());
}

void put_end(ByteWriter& out, size_t entries, size_t offset, const ZipForm& form) {
  const size_t end = out.size(), size = end - offset;
  if (form.zip64) {
    out.u32(0x06064B50);
    u64(out, 44);
    out.u16(kVersion);
    out.u16(kVersion);
    out.u32(0);  // disks
    out.u32(0);
    for (const uint64_t value : {entries, entries, size, offset}) u64(out, value);
    out.u32(0x07064B50);
    out.u32(0);
    u64(out, end);
    out.u32(1);
  }
  out.u32(0x06054B50);
  out.u32(0);  // disks
  const uint16_t count = form.zip64 ? uint16_t{0xFFFF} : static_cast<uint16_t>(entries);
  out.u16(count);
  out.u16(count);
  out.u32(number32(size, form));
  out.u32(number32(offset, form));
  out.u16(0);  // comment
}

}  // namespace

std::vector<uint8_t> make_archive(const std::vector<Member>& members, const std::string& root,
                                  const ZipForm& form) {
  ByteWriter out, directory;
  for (const Member& member : members) {
    const std::vector<uint8_t> packed = pack(member.content, form);
    const mz_ulong crc = mz_crc32(MZ_CRC32_INIT, member.content.data(), member.content.size());
    const Record record{root + "/" + member.name, static_cast<uint32_t>(crc), packed.size(),
                        member.content.size(), out.size()};
    put_entry(directory, record, form);
    out.u32(0x04034B50);
    put_common(out, record, form, false);
    out.u16(0);  // extra
    put_text(out, record.name);
    out.bytes(packed);
  }
  const size_t offset = out.size();
  out.bytes(directory.view());
  put_end(out, members.size(), offset, form);
  return out.take();
}

}  // namespace dlf_test

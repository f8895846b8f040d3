// Reads the members of a zip archive in memory, of the kind that model packages are (A.1): one root
// directory, stored or deflated members, zip64 or not. Every byte of it may be hostile.
//
// Thread safety: an archive never changes; its members may be read from several threads.
#ifndef DLF_SRC_CONTAINER_ZIP_ARCHIVE_H_
#define DLF_SRC_CONTAINER_ZIP_ARCHIVE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace dlf {

class ZipArchive {
 public:
  struct Member {
    std::string name;  // relative to the archive's root
    uint64_t size = 0;
    uint32_t crc = 0;  // CRC-32 of the content, as the archive states it
    bool deflated = false;
    ByteView packed;  // the content as it lies in the archive
  };

  // Throws DLF_MODEL_ERROR for anything but such an archive. `bytes` must outlive the object.
  explicit ZipArchive(ByteView bytes);

  // Sorted by name (A.1.3).
  const std::vector<Member>& members() const { return members_; }
  // The member with this name, or null.
  const Member* find(const char* name) const;
  // The whole content. Throws DLF_MODEL_ERROR when it is damaged, by its CRC-32 too.
  std::vector<uint8_t> read(const Member& member) const;
  // The same without a copy, where the content lies in the archive as it is; else it is put into
  // `room`. Valid as long as both.
  ByteView read(const Member& member, std::vector<uint8_t>* room) const;
  // Gives the content to `take` in pieces, in a buffer of fixed size, and compares no checksum.
  // Throws DLF_MODEL_ERROR when the member is damaged.
  void read(const Member& member, const std::function<void(ByteView)>& take) const;

 private:
  std::vector<Member> members_;
};

}  // namespace dlf

#endif  // DLF_SRC_CONTAINER_ZIP_ARCHIVE_H_

// Reads the members of a zip archive in memory, of the kind that model packages are (A.1): one root
// directory, stored or deflated members.
//
// Thread safety: one object belongs to one thread at a time.
#ifndef DLF_SRC_ZIP_ARCHIVE_H_
#define DLF_SRC_ZIP_ARCHIVE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bytes.h"

namespace dlf {

class ZipArchive {
 public:
  struct Member {
    std::string name;  // relative to the archive's root
    uint32_t index = 0;
    uint64_t size = 0;
    uint32_t crc = 0;  // as the archive states it; nothing here compares it
  };

  // Throws DLF_MODEL_ERROR for anything but such an archive. `bytes` must outlive the object.
  explicit ZipArchive(ByteView bytes);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  // Sorted by name (A.1.3).
  const std::vector<Member>& members() const { return members_; }
  // The member with this name, or null.
  const Member* find(const char* name) const;
  // Throws DLF_MODEL_ERROR when the member is damaged.
  std::vector<uint8_t> read(const Member& member);

 private:
  struct Reader;  // miniz and what it calls

  void list(uint64_t archive_bytes);

  std::unique_ptr<Reader> reader_;
  std::vector<Member> members_;
};

}  // namespace dlf

#endif  // DLF_SRC_ZIP_ARCHIVE_H_

// Writes zip archives, in every form that the archive reader knows.
#ifndef DLF_TESTS_ZIP_WRITER_H_
#define DLF_TESTS_ZIP_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace dlf_test {

// A member by its name relative to the archive's root.
struct Member {
  std::string name;
  std::vector<uint8_t> content;
};

struct ZipForm {
  bool deflated = false;
  bool zip64 = false;         // sizes, offsets and the end of the directory in 64 bits
  bool other_fields = false;  // extra fields of other kinds before and after that of zip64
};

// A zip archive of the given members, as a package file has them.
std::vector<uint8_t> make_archive(const std::vector<Member>& members,
                                  const std::string& root = "model", const ZipForm& form = {});

}  // namespace dlf_test

#endif  // DLF_TESTS_ZIP_WRITER_H_

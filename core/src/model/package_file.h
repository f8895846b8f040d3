// The bytes of a model package on disk.
//
// Thread safety: a pure function of the file.
#ifndef DLF_SRC_MODEL_PACKAGE_FILE_H_
#define DLF_SRC_MODEL_PACKAGE_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace dlf {

// Reads the whole file. Throws DLF_MODEL_ERROR, naming it, when it cannot be read, is no regular
// file (a pipe or a device is never waited for), or changes while it is read.
std::vector<uint8_t> read_package_file(const std::string& path);

}  // namespace dlf

#endif  // DLF_SRC_MODEL_PACKAGE_FILE_H_

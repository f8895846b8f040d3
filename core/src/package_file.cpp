#include "package_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "status.h"

namespace dlf {
namespace {

constexpr uint64_t kMaxArchiveBytes = uint64_t{1} << 36;

// Owns a descriptor.
class OpenFile {
 public:
  // Without O_NONBLOCK a pipe that nobody writes to would be waited for.
  explicit OpenFile(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// False when the file was written to between the two.
bool same(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// "PATH: why", with the system's reason in the words of the C locale.
[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  fail(DLF_MODEL_ERROR, "cannot read model package " + path + ": " + why);
}

[[noreturn]] void refuse(const std::string& path, int error) {
  refuse(path, std::generic_category().message(error));
}

}  // namespace

std::vector<uint8_t> read_package_file(const std::string& path) {
  const OpenFile file(path);
  struct stat before = {};
  if (file.get() < 0 || fstat(file.get(), &before) != 0) refuse(path, errno);
  if (!S_ISREG(before.st_mode)) refuse(path, "not a regular file");
  const uint64_t size = static_cast<uint64_t>(before.st_size);
  if (size > kMaxArchiveBytes) refuse(path, "too large");
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  for (size_t have = 0; have < bytes.size();) {
    const ssize_t count = read(file.get(), bytes.data() + have, bytes.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse(path, errno);
    if (count == 0) refuse(path, "it changed while it was read");
    have += static_cast<size_t>(count);
  }
  struct stat after = {};
  if (fstat(file.get(), &after) != 0) refuse(path, errno);
  if (!same(before, after)) refuse(path, "it changed while it was read");
  return bytes;
}

}  // namespace dlf

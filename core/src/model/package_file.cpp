#include "model/package_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/status.h"

#ifdef _WIN32
#include <io.h>

#include <filesystem>
#else
#include <unistd.h>
#endif

namespace dlf {
namespace {

#ifdef _WIN32
using Facts = struct _stat64;
int open_to_read(const std::string& path) {  // UTF-8, as everywhere
  return _wopen(std::filesystem::u8path(path).c_str(), _O_RDONLY | _O_BINARY | _O_NOINHERIT);
}
int facts_of(int descriptor, Facts* facts) { return _fstat64(descriptor, facts); }
int64_t read_some(int descriptor, uint8_t* to, size_t count) {
  return _read(descriptor, to, static_cast<unsigned>(std::min(count, size_t{1} << 30)));
}
void close_file(int descriptor) { _close(descriptor); }
bool is_regular(const Facts& facts) { return (facts.st_mode & _S_IFMT) == _S_IFREG; }
bool same_time(const Facts& a, const Facts& b) { return a.st_mtime == b.st_mtime; }
#else
using Facts = struct stat;
// Without O_NONBLOCK a pipe that nobody writes to would be waited for.
int open_to_read(const std::string& path) {
  return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}
int facts_of(int descriptor, Facts* facts) { return fstat(descriptor, facts); }
int64_t read_some(int descriptor, uint8_t* to, size_t count) { return read(descriptor, to, count); }
void close_file(int descriptor) { close(descriptor); }
bool is_regular(const Facts& facts) { return S_ISREG(facts.st_mode); }
bool same_time(const Facts& a, const Facts& b) {
#ifdef __APPLE__
  const timespec x = a.st_mtimespec, y = b.st_mtimespec;
#else
  const timespec x = a.st_mtim, y = b.st_mtim;
#endif
  return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
}
#endif

constexpr uint64_t kMaxArchiveBytes = uint64_t{1} << 36;

// Owns a descriptor.
class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : descriptor_(open_to_read(path)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) close_file(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// False when the file was written to between the two.
bool same(const Facts& a, const Facts& b) { return a.st_size == b.st_size && same_time(a, b); }

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
  Facts before = {};
  if (file.get() < 0 || facts_of(file.get(), &before) != 0) refuse(path, errno);
  if (!is_regular(before)) refuse(path, "not a regular file");
  const uint64_t size = static_cast<uint64_t>(before.st_size);
  if (size > kMaxArchiveBytes) refuse(path, "too large");
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  for (size_t have = 0; have < bytes.size();) {
    const int64_t count = read_some(file.get(), bytes.data() + have, bytes.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse(path, errno);
    if (count == 0) refuse(path, "it changed while it was read");
    have += static_cast<size_t>(count);
  }
  Facts after = {};
  if (facts_of(file.get(), &after) != 0) refuse(path, errno);
  if (!same(before, after)) refuse(path, "it changed while it was read");
  return bytes;
}

}  // namespace dlf

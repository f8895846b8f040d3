#include "base/pages.h"

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#endif

namespace dlf {

#ifdef __linux__
namespace {

// Gives the system advice on whole pages. What it refuses to take stays as it is: locked memory, or
// advice that this kernel does not know.
void advise(void* begin, void* end, int advice) {
  const long page = sysconf(_SC_PAGESIZE);
  if (page <= 0) return;
  const auto size = static_cast<uintptr_t>(page);
  const uintptr_t first = (reinterpret_cast<uintptr_t>(begin) + size - 1) / size * size;
  const uintptr_t last = reinterpret_cast<uintptr_t>(end) / size * size;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, advice);
}

// Smaller memory is likely to lie among other things of its allocator's.
constexpr size_t kOfItsOwn = size_t{1} << 26;

}  // namespace

void drop_pages(void* begin, void* end) { advise(begin, end, MADV_DONTNEED); }

void fill_by_small_pages(void* begin, size_t bytes) {
  if (bytes >= kOfItsOwn) advise(begin, static_cast<uint8_t*>(begin) + bytes, MADV_NOHUGEPAGE);
}
#else
void drop_pages(void*, void*) {}
void fill_by_small_pages(void*, size_t) {}
#endif

}  // namespace dlf

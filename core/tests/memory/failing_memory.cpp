#include "failing_memory.h"

#include <atomic>
#include <cstddef>
#include <limits>
#include <new>

// The linker's names: __real_X is the C library's (or the sanitizer's) X, __wrap_X is what the
// library under test calls.
extern "C" {
void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* memory, size_t size);
void __real_free(void* memory);
}

namespace {

constexpr long kNever = std::numeric_limits<long>::min();

std::atomic<long> left{kNever};  // allocations until the one that fails
std::atomic<bool> goes_on{false}, has_failed{false};
std::atomic<long> made{0}, alive{0};

bool refused() {
  ++made;
  if (left.load() == kNever) return false;
  const long before = left.fetch_sub(1);
  const bool fails = before == 0 || (before < 0 && goes_on.load());
  if (fails) has_failed = true;
  return fails;
}

void* counted(void* memory) {
  if (memory != nullptr) ++alive;
  return memory;
}

}  // namespace

extern "C" {

void* __wrap_malloc(size_t size) { return refused() ? nullptr : counted(__real_malloc(size)); }

void* __wrap_calloc(size_t count, size_t size) {
  return refused() ? nullptr : counted(__real_calloc(count, size));
}

void* __wrap_realloc(void* memory, size_t size) {
  if (memory == nullptr) return __wrap_malloc(size);
  return refused() ? nullptr : __real_realloc(memory, size);
}

void __wrap_free(void* memory) {
  if (memory != nullptr) --alive;
  __real_free(memory);
}

}  // extern "C"

// All forms that the library uses: a sanitizer has its own of those that are left out.
void* operator new(size_t size) {
  void* const memory = __wrap_malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* operator new[](size_t size) { return operator new(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return __wrap_malloc(size == 0 ? 1 : size);
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return __wrap_malloc(size == 0 ? 1 : size);
}

void operator delete(void* memory) noexcept { __wrap_free(memory); }
void operator delete[](void* memory) noexcept { __wrap_free(memory); }
void operator delete[](void* memory, size_t) noexcept { __wrap_free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { __wrap_free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { __wrap_free(memory); }
void operator delete(void* memory, size_t) noexcept { __wrap_free(memory); }

namespace dlf_test {

void fail_allocation(long nth, bool and_all_after) {
  has_failed = false;
  goes_on = and_all_after;
  left = nth;
}

bool stop_failing() {
  left = kNever;
  return has_failed;
}

long allocations_made() { return made; }
long allocations_alive() { return alive; }

}  // namespace dlf_test

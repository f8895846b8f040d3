// Splits a loop over threads. The caller's thread works too.
#ifndef DLF_SRC_BASE_PARALLEL_H_
#define DLF_SRC_BASE_PARALLEL_H_

#include <cstddef>
#include <functional>

namespace dlf {

// `threads` brought into the range 1 to 64.
size_t thread_count(int threads);

// Calls body(part, begin, end) for disjoint ranges that cover [0, count). Parts are numbered from 0
// to at most thread_count(threads) - 1. Each runs on a thread of its own, with at least `grain`
// iterations. `body` must not throw. When no thread can be started, the caller does the rest.
void parallel_for(size_t count, size_t grain, int threads,
                  const std::function<void(size_t part, size_t begin, size_t end)>& body);

}  // namespace dlf

#endif  // DLF_SRC_BASE_PARALLEL_H_

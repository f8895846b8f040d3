// Runs independent pieces of work on several threads, with progress told on the caller's own.
//
// Thread safety: no shared state between calls.
#ifndef DLF_SRC_BASE_WORKERS_H_
#define DLF_SRC_BASE_WORKERS_H_

#include <cstddef>
#include <functional>

namespace dlf {

// Calls action(0) .. action(count - 1), each once, on at most `threads` threads, in any order.
// `report(done)` is called on the calling thread, first with 0, at last with `count`. An exception
// from either ends the work early and leaves here, when no action runs any more.
void run_workers(size_t count, int threads, const std::function<void(size_t)>& action,
                 const std::function<void(size_t done)>& report);

}  // namespace dlf

#endif  // DLF_SRC_BASE_WORKERS_H_

// Threads that are kept for later calls, because starting one takes longer than many a network.
//
// Thread safety: everything may be called from any thread. A process that forks has none of these
// threads in the child; the child starts its own.
#ifndef DLF_SRC_MACHINE_CREW_H_
#define DLF_SRC_MACHINE_CREW_H_

#include <cstddef>
#include <functional>

namespace dlf {

// Calls `body` on this thread and, at the same time, on at most `helpers` others. There are fewer,
// or none, when they are busy with other calls, come too late, or cannot be started. Returns when
// all of them have left `body`. `body` must not throw on the other threads; `is_caller` tells it
// where it runs. An exception of the caller's leaves here when the others have left.
void with_crew(size_t helpers, const std::function<void(bool is_caller)>& body);

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_CREW_H_

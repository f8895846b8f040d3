// Threads of our own. One lives for one call. There is no pool that a fork could leave without its
// threads. What libraries keep for each thread (settings, errors that stick) ends with the call.
//
// Thread safety: functions without state.
#ifndef DLF_SRC_BASE_OWN_THREAD_H_
#define DLF_SRC_BASE_OWN_THREAD_H_

#include <functional>
#include <thread>

namespace dlf {

// Starts `work`, which must not throw. The thread takes no signals: those are for the host's
// threads. Priority and CPUs are those of the calling thread. Throws std::system_error or
// std::bad_alloc when no thread can be had.
std::thread start_thread(std::function<void()> work);

// Whether the calling thread was started by start_thread.
bool on_own_thread();

}  // namespace dlf

#endif  // DLF_SRC_BASE_OWN_THREAD_H_

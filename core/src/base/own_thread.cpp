#include "base/own_thread.h"

#include <utility>

#include "base/fork_gate.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include <new>
#endif

namespace dlf {
namespace {

thread_local bool own = false;

#if defined(__unix__) || defined(__APPLE__)
// A new thread inherits the mask of the one that starts it.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_;
};
// What a thread needs beside its stack before it does anything: thread-local data of libraries,
// which glibc allocates at their first use, and without which it aborts the process.
constexpr size_t kFirstNeeds = size_t{16} << 20;

// Refuses a thread that could only start to find no memory left.
void require_memory() {
  pthread_attr_t attributes;
  size_t stack = 0;
  if (pthread_attr_init(&attributes) != 0) throw std::bad_alloc();
  pthread_attr_getstacksize(&attributes, &stack);
  pthread_attr_destroy(&attributes);
  void* const trial = mmap(nullptr, stack + kFirstNeeds, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (trial == MAP_FAILED) throw std::bad_alloc();
  munmap(trial, stack + kFirstNeeds);
}
#else
struct NoSignals {};
void require_memory() {}
#endif

}  // namespace

std::thread start_thread(std::function<void()> work) {
  require_memory();
  [[maybe_unused]] const NoSignals no_signals;  // where there are none it does nothing
  return std::thread([work = std::move(work)]() mutable {
    own = true;
    work();
    work = nullptr;
    stay_inside_to_the_end();
  });
}

bool on_own_thread() { return own; }

}  // namespace dlf

// Does the work of a call on a thread of its own, while the caller waits and runs errands for it.
//
// The host's thread carries the host's state: settings of torch, of floating point, an interpreter
// that may end. And its stack may move: a greenlet that is switched out by a progress function is
// copied away. So nothing that other threads look at may lie there, and nothing of the host may
// reach the work but through errands.
//
// Thread safety: no shared state between calls.
#ifndef DLF_SRC_BASE_APART_H_
#define DLF_SRC_BASE_APART_H_

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <thread>

namespace dlf {

using Errand = std::function<void()>;

// The thread that waits for the end of the call, as the work sees it.
class Caller {
 public:
  virtual ~Caller() = default;

  // Has the caller run `errand`, and returns when it is done; what it throws leaves here. From the
  // thread of the work alone.
  virtual void run(const Errand& errand) = 0;
};

// Work that holds its data by value or on the heap: references to the caller's stack are for its
// errands, and for work that has none.
using Work = std::function<void(Caller&)>;

// Work under way, errand by errand: each is run between next() and done(). For the thread that has
// started it; between errands it may do anything.
class Apart {
 public:
  // Starts it on a thread of its own (own_thread.h); throws what start_thread throws.
  explicit Apart(Work work);
  // Ends it early: its errands fail with DLF_CANCELLED.
  ~Apart();
  Apart(const Apart&) = delete;
  Apart& operator=(const Apart&) = delete;

  // Waits for the next errand, which is to be run; null when the work has ended. Throws what the
  // work has thrown, and DLF_INTERNAL in the child of a fork: the work goes on in the parent alone.
  const Errand* next();
  // The errand has been run, and `error` is what it has thrown.
  void done(std::exception_ptr error = nullptr);

 private:
  class Meeting;

  bool is_forked() const;

  std::shared_ptr<Meeting> meeting_;
  std::unique_ptr<std::thread> thread_;
  uint64_t forks_;
  bool has_errand_ = false;
};

// All errands at once. On a thread of our own, and where none is to be had, everything happens
// here.
void run_apart(const Work& work);

}  // namespace dlf

#endif  // DLF_SRC_BASE_APART_H_

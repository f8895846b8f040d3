#include "machine/crew.h"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace dlf {
namespace {

using Body = std::function<void(bool)>;

// A call that wants helpers.
struct Call {
  const Body* body;
  size_t wanted;      // helpers that may still join
  size_t inside = 0;  // helpers within the body
};

class Crew {
 public:
  Crew() = default;
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  ~Crew() {
    for (std::thread& thread : threads_) thread.join();
  }

  // Nobody is served any more. False when a thread is still in a call: then the crew must stay.
  bool close() {
    const std::lock_guard<std::mutex> lock(mutex);
    is_closing_ = true;
    called_.notify_all();
    return calls_.empty();
  }

  void run(size_t helpers, const Body& body) {
    Call call{&body, helpers};
    std::list<Call*>::iterator place;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      place = calls_.insert(calls_.end(), &call);
      hire(helpers);
    }
    called_.notify_all();
    const Leave leave{*this, call, place};
    body(true);
  }

  std::mutex mutex;  // public for the handlers of fork

 private:
  // Ends a call, however its body ends.
  struct Leave {
    Crew& crew;
    Call& call;
    std::list<Call*>::iterator place;

    ~Leave() {
      std::unique_lock<std::mutex> lock(crew.mutex);
      call.wanted = 0;  // nobody joins any more
      crew.left_.wait(lock, [&] { return call.inside == 0; });
      crew.calls_.erase(place);
    }
  };

  // As many threads as all calls could use, but no more than were ever asked for at once.
  void hire(size_t helpers) {
    size_t needed = 0;
    for (const Call* call : calls_) needed += call->wanted + call->inside;
    needed = std::min(needed, std::max(helpers, kMost));
    try {
      threads_.reserve(needed);
      while (threads_.size() < needed) threads_.emplace_back([this] { serve(); });
    } catch (const std::system_error&) {
      // No more threads to be had: those that are there do the work.
    } catch (const std::bad_alloc&) {
      // Likewise.
    }
  }

  void serve() {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      Call* call = nullptr;
      called_.wait(lock, [&] { return is_closing_ || (call = open_call()) != nullptr; });
      if (call == nullptr) return;
      --call->wanted;
      ++call->inside;
      lock.unlock();
      (*call->body)(false);
      lock.lock();
      if (--call->inside == 0) left_.notify_all();
    }
  }

  Call* open_call() const {
    for (Call* call : calls_) {
      if (call->wanted > 0) return call;
    }
    return nullptr;
  }

  static constexpr size_t kMost = 64;

  std::condition_variable called_, left_;
  std::list<Call*> calls_;
  std::vector<std::thread> threads_;
  bool is_closing_ = false;
};

// The crew of this process. A child abandons its parent's, whose threads it does not have and whose
// condition variables it must not touch, and begins with an empty one.
Crew* crew = nullptr;

#if defined(__unix__) || defined(__APPLE__)
void before_fork() { crew->mutex.lock(); }
void after_fork_in_parent() { crew->mutex.unlock(); }
void after_fork_in_child() { crew = new Crew; }
void follow_forks() { pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); }
#else
void follow_forks() {}
#endif

struct Owner {
  Owner() {
    crew = new Crew;
    follow_forks();
  }
  // When the library is unloaded, or the process ends. Then a thread of the host may still be in a
  // call, and need not ever leave it: it may wait for an interpreter that has gone. So its crew is
  // left to it.
  ~Owner() {
    if (crew->close()) {
      delete crew;
      crew = nullptr;
    }
  }
};

}  // namespace

void with_crew(size_t helpers, const Body& body) {
  if (helpers == 0) {
    body(true);
    return;
  }
  static const Owner owner;
  if (crew == nullptr) {  // the process ends
    body(true);
    return;
  }
  crew->run(helpers, body);
}

}  // namespace dlf

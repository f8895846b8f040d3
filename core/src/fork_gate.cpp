#include "fork_gate.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace dlf {
namespace {

struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<int> waiting{0};  // forks and ends under way; above 0 the gate is closed
  int inside = 0;

  void enter(std::unique_lock<std::mutex>* lock) {
    changed.wait(*lock, [this] { return waiting == 0; });
    ++inside;
  }
  void leave() {
    if (--inside == 0 && waiting > 0) changed.notify_all();
  }
  void close(std::unique_lock<std::mutex>* lock) {
    ++waiting;
    changed.wait(*lock, [this] { return inside == 0; });
  }
};

// Made when the library is loaded, so that no fork can come upon it half-made; never destroyed,
// because threads may still look at it while static objects are.
Gate& gate = *new Gate;
std::atomic<uint64_t> forks{0};

#if defined(__unix__) || defined(__APPLE__)

// The lock is held over the fork, so that two forks do not meet.
void before_fork() {
  std::unique_lock<std::mutex> lock(gate.mutex);
  gate.close(&lock);
  lock.release();
}

void after_fork_in_parent() {
  --gate.waiting;
  gate.mutex.unlock();
  gate.changed.notify_all();
}

// The threads that waited here are gone, and nobody was inside: a new gate, without allocating.
void after_fork_in_child() {
  ++forks;
  new (&gate) Gate;
}

const int registered = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);

#endif

}  // namespace

Inside::Inside() {
  std::unique_lock<std::mutex> lock(gate.mutex);
  gate.enter(&lock);
}

Inside::~Inside() {
  const std::lock_guard<std::mutex> lock(gate.mutex);
  gate.leave();
}

bool Inside::is_awaited() { return gate.waiting.load(std::memory_order_relaxed) > 0; }

void Inside::pause() {
  std::unique_lock<std::mutex> lock(gate.mutex);
  gate.leave();
  gate.enter(&lock);
}

void close_gate_for_ever() {
  std::unique_lock<std::mutex> lock(gate.mutex);
  gate.close(&lock);
}

uint64_t forks_so_far() { return forks; }

}  // namespace dlf

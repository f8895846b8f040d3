#include "base/fork_gate.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>

#if defined(__unix__) || defined(__APPLE__)
#include <limits.h>
#include <pthread.h>
#endif

namespace dlf {
namespace {

struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<int> waiting{0};  // forks and ends under way; above 0 the gate is closed
  int inside = 0;
  bool is_closed_for_ever = false;

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

// What a thread has in `ending_key`: how often its data have been given back so far. There are
// several rounds, because what is given back may make new data; the last is the end of it.
// The thread sanitizer forgets the thread in the last round, before it comes to us.
#if defined(__SANITIZE_THREAD__)
constexpr uintptr_t kRoundsOfOthers = 1;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr uintptr_t kRoundsOfOthers = 1;
#else
constexpr uintptr_t kRoundsOfOthers = 0;
#endif
#else
constexpr uintptr_t kRoundsOfOthers = 0;
#endif
constexpr uintptr_t kFirstRound = 1, kLastRound = PTHREAD_DESTRUCTOR_ITERATIONS - kRoundsOfOthers;

void leave_in_last_round(void* value);

pthread_key_t ending_key = 0;
const bool has_ending_key = pthread_key_create(&ending_key, &leave_in_last_round) == 0;

bool call_in_round(uintptr_t round) {
  return has_ending_key && pthread_setspecific(ending_key, reinterpret_cast<void*>(round)) == 0;
}

void leave() {
  const std::lock_guard<std::mutex> lock(gate.mutex);
  gate.leave();
}

void leave_in_last_round(void* value) {
  const uintptr_t round = reinterpret_cast<uintptr_t>(value);
  if (round == kLastRound || !call_in_round(round + 1)) leave();
}

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

void stay_inside_to_the_end() {
#if defined(__unix__) || defined(__APPLE__)
  {
    std::unique_lock<std::mutex> lock(gate.mutex);
    gate.changed.wait(lock, [] { return gate.waiting == 0 || gate.is_closed_for_ever; });
    if (gate.is_closed_for_ever) return;
    ++gate.inside;
  }
  if (!call_in_round(kFirstRound)) leave();
#endif
}

void close_gate_for_ever() {
  std::unique_lock<std::mutex> lock(gate.mutex);
  gate.is_closed_for_ever = true;
  gate.changed.notify_all();
  gate.close(&lock);
}

uint64_t forks_so_far() { return forks; }

}  // namespace dlf

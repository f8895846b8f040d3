#include "machine/schedule.h"

#include "machine/pause.h"

namespace dlf {
namespace {

// Waits shorter than putting a thread to sleep and waking it.
constexpr int kSpins = 1000;

}  // namespace

Schedule::Schedule(Jobs& jobs) : jobs_(jobs), count_(jobs.count()) { publish(0); }

// Makes the first job from `first_job` on that has a task the next one.
void Schedule::publish(uint64_t first_job) {
  uint64_t job = first_job;
  while (job < count_ && jobs_.tasks(job) == 0) ++job;
  done_.store(0, std::memory_order_relaxed);
  ticket_.store(job << kTaskBits, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) {
    const std::lock_guard<std::mutex> lock(mutex_);
    changed_.notify_all();
  }
}

bool Schedule::take(uint64_t* ticket) {
  uint64_t next = ticket_.load(std::memory_order_acquire);
  while (true) {
    const uint64_t job = next >> kTaskBits;
    if (job >= count_ || stopped_.load(std::memory_order_relaxed)) return false;
    if ((next & kTaskMask) < jobs_.tasks(job)) {
      if (ticket_.compare_exchange_weak(next, next + 1, std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
        *ticket = next;
        return true;
      }
      continue;
    }
    wait_for_change(next);
    next = ticket_.load(std::memory_order_acquire);
  }
}

void Schedule::finished(uint64_t job) {
  if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == jobs_.tasks(job)) publish(job + 1);
}

void Schedule::wait_for_change(uint64_t seen) {
  const auto is_over = [&] {
    return ticket_.load(std::memory_order_seq_cst) != seen ||
           stopped_.load(std::memory_order_relaxed);
  };
  for (int i = 0; i < kSpins; ++i) {
    if (is_over()) return;
    pause_briefly();
  }
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, is_over);
  }
  sleepers_.fetch_sub(1, std::memory_order_seq_cst);
}

void Schedule::stop() {
  stopped_.store(true, std::memory_order_seq_cst);
  const std::lock_guard<std::mutex> lock(mutex_);
  changed_.notify_all();
}

}  // namespace dlf

// A fixed sequence of jobs, each of some independent tasks, done by several threads in that order.
//
// No thread waits for another that has not begun: whoever is there takes the next task. So the work
// goes on when the CPU runs fewer threads than were asked for.
//
// Thread safety: `work` may be called by any number of threads at the same time.
#ifndef DLF_SRC_MACHINE_SCHEDULE_H_
#define DLF_SRC_MACHINE_SCHEDULE_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace dlf {

class Jobs {
 public:
  virtual ~Jobs() = default;
  virtual uint64_t count() const = 0;
  // Tasks of a job; 0: there is nothing to do. Fewer than 2^24.
  virtual uint32_t tasks(uint64_t job) const = 0;
  // Must not throw.
  virtual void run(uint64_t job, uint32_t task) = 0;
};

class Schedule {
 public:
  explicit Schedule(Jobs& jobs);

  // Does tasks until none is left or the schedule is stopped. `between`, on this thread, is told
  // the job in work now and then.
  template <typename Between>
  void work(const Between& between) {
    uint64_t ticket = 0;
    while (take(&ticket)) {
      between(ticket >> kTaskBits);
      if (stopped_.load(std::memory_order_relaxed)) break;
      jobs_.run(ticket >> kTaskBits, static_cast<uint32_t>(ticket & kTaskMask));
      finished(ticket >> kTaskBits);
    }
  }

  // No further task begins. To be called within `between` or when work is over.
  void stop();

 private:
  static constexpr int kTaskBits = 24;
  static constexpr uint64_t kTaskMask = (uint64_t{1} << kTaskBits) - 1;

  bool take(uint64_t* ticket);
  void finished(uint64_t job);
  void publish(uint64_t first_job);
  void wait_for_change(uint64_t seen);

  Jobs& jobs_;
  const uint64_t count_;
  std::atomic<uint64_t> ticket_{0};  // the next task: job and number
  std::atomic<uint32_t> done_{0};    // tasks of the job
  std::atomic<bool> stopped_{false};
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_SCHEDULE_H_

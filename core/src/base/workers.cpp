#include "base/workers.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/own_thread.h"

namespace dlf {
namespace {

// What the workers and the caller share.
class Queue {
 public:
  Queue(size_t count, const std::function<void(size_t)>& action) : count_(count), action_(action) {}

  void work() {
    size_t item = 0;
    while (take(&item)) {
      try {
        action_(item);
        finished(nullptr);
      } catch (...) {
        finished(std::current_exception());
      }
    }
  }

  // Waits until more than `seen` actions are finished, or none can follow; returns their number.
  size_t wait(size_t seen) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return done_ > seen || (next_ >= count_ && running_ == 0); });
    return done_;
  }

  void stop() {
    const std::lock_guard<std::mutex> lock(mutex_);
    next_ = count_;
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  bool take(size_t* item) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (next_ >= count_) return false;
    *item = next_++;
    ++running_;
    return true;
  }

  void finished(std::exception_ptr error) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      --running_;
      if (!error) {
        ++done_;
      } else {
        if (!error_) error_ = error;
        next_ = count_;
      }
    }
    changed_.notify_one();
  }

  const size_t count_;
  const std::function<void(size_t)>& action_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t next_ = 0, done_ = 0, running_ = 0;
  std::exception_ptr error_;
};

// Joins on every way out.
class Crew {
 public:
  Crew(Queue* queue, size_t size) : queue_(queue) {
    threads_.reserve(size);
    for (size_t i = 0; i < size; ++i) {
      try {
        threads_.push_back(start_thread([queue] { queue->work(); }));
      } catch (const std::exception&) {
        break;  // no more threads, or no memory for them: those that run do the work
      }
    }
  }
  ~Crew() {
    queue_->stop();
    for (std::thread& thread : threads_) thread.join();
  }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  bool empty() const { return threads_.empty(); }

 private:
  Queue* queue_;
  std::vector<std::thread> threads_;
};

}  // namespace

void run_workers(size_t count, int threads, const std::function<void(size_t)>& action,
                 const std::function<void(size_t done)>& report) {
  report(0);
  const size_t size = std::min(count, static_cast<size_t>(std::max(threads, 1)));
  Queue queue(count, action);
  {
    Crew crew(&queue, size > 1 ? size : 0);
    if (crew.empty()) {
      for (size_t i = 0; i < count; ++i) {
        action(i);
        report(i + 1);
      }
      return;
    }
    for (size_t done = 0; done < count;) {
      const size_t now = queue.wait(done);
      if (now == done) break;  // an action has failed
      done = now;
      report(done);
    }
  }
  queue.rethrow();
}

}  // namespace dlf

#include "base/apart.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "base/fork_gate.h"
#include "base/own_thread.h"
#include "base/status.h"

namespace dlf {

// What the two threads share. In the child of a fork it is never destroyed: its other owner is
// gone.
class Apart::Meeting : public Caller {
 public:
  explicit Meeting(Work work) : work_(std::move(work)) {}

  // On the thread of the work.
  void work() {
    std::exception_ptr error;
    try {
      work_(*this);
    } catch (...) {
      error = std::current_exception();
    }
    work_ = nullptr;
    const std::lock_guard<std::mutex> lock(mutex_);
    error_ = std::move(error);
    ended_ = true;
    changed_.notify_all();
  }

  void run(const Errand& errand) override {
    std::unique_lock<std::mutex> lock(mutex_);
    errand_ = &errand;
    changed_.notify_all();
    changed_.wait(lock, [this] { return errand_ == nullptr; });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

  // On the caller's thread.
  const Errand* next() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return errand_ != nullptr || ended_; });
    if (errand_ == nullptr && error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return errand_;
  }

  void done(std::exception_ptr error) {
    const std::lock_guard<std::mutex> lock(mutex_);
    error_ = std::move(error);
    errand_ = nullptr;
    changed_.notify_all();
  }

 private:
  Work work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const Errand* errand_ = nullptr;
  bool ended_ = false;
  std::exception_ptr error_;  // of the errand, at last of the work
};

namespace {

// What ends the work; a shortage of memory does too.
std::exception_ptr cancellation() noexcept {
  try {
    return std::make_exception_ptr(Error(DLF_CANCELLED, "cancelled by the caller"));
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

Apart::Apart(Work work)
    : meeting_(std::make_shared<Meeting>(std::move(work))), forks_(forks_so_far()) {
  thread_ = std::make_unique<std::thread>();  // first: a running thread must have a place to be in
  *thread_ = start_thread([meeting = meeting_] { meeting->work(); });
}

Apart::~Apart() {
  if (is_forked()) {
    static_cast<void>(thread_.release());  // of another process: it cannot be joined
    return;
  }
  const std::exception_ptr cancelled = cancellation();
  if (has_errand_) done(cancelled);
  try {
    while (next() != nullptr) done(cancelled);
  } catch (const std::exception&) {
    // Nobody wants to know any more.
  }
  thread_->join();
}

bool Apart::is_forked() const { return forks_so_far() != forks_; }

const Errand* Apart::next() {
  if (is_forked()) {
    fail(DLF_INTERNAL, "the process was forked during this call; only the parent goes on with it");
  }
  const Errand* errand = meeting_->next();
  has_errand_ = errand != nullptr;
  return errand;
}

void Apart::done(std::exception_ptr error) {
  has_errand_ = false;
  if (!is_forked()) meeting_->done(std::move(error));
}

namespace {

class Here : public Caller {
 public:
  void run(const Errand& errand) override { errand(); }
};

}  // namespace

void run_apart(const Work& work) {
  std::optional<Apart> apart;
  if (!on_own_thread()) {
    try {
      apart.emplace(work);
    } catch (const std::exception&) {
      // No thread, or no memory for one.
    }
  }
  if (!apart) {
    Here here;
    work(here);
    return;
  }
  while (const Errand* errand = apart->next()) {
    std::exception_ptr error;
    try {
      (*errand)();
    } catch (...) {
      error = std::current_exception();
    }
    apart->done(std::move(error));
  }
}

}  // namespace dlf

// A value that is made when it is first asked for, and then stays.
//
// No lock is taken, so that a child of fork() never waits for a thread that it does not have.
// Threads that ask at the same time may each make one; the first to be done is kept.
//
// Thread safety: `get` may be called from any thread.
#ifndef DLF_SRC_BASE_ON_DEMAND_H_
#define DLF_SRC_BASE_ON_DEMAND_H_

#include <atomic>
#include <memory>

namespace dlf {

template <typename Value>
class OnDemand {
 public:
  OnDemand() = default;
  ~OnDemand() { delete value_.load(std::memory_order_relaxed); }
  OnDemand(const OnDemand&) = delete;
  OnDemand& operator=(const OnDemand&) = delete;

  // `make()` returns a Value. What it throws leaves here, and the next call tries again.
  template <typename Make>
  const Value& get(const Make& make) const {
    const Value* kept = value_.load(std::memory_order_acquire);
    if (kept != nullptr) return *kept;
    auto made = std::make_unique<const Value>(make());
    if (!value_.compare_exchange_strong(kept, made.get(), std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
      return *kept;
    }
    return *made.release();
  }

 private:
  mutable std::atomic<const Value*> value_{nullptr};
};

}  // namespace dlf

#endif  // DLF_SRC_BASE_ON_DEMAND_H_

#include "codec/size_search.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace dlf {
namespace {

using File = std::vector<uint8_t>;

// A rate point that leaves less than 1/40 of the size unused is taken as it is. A price costs a
// little quality everywhere, which pays only where it buys a better rate point (measured on Kodak).
constexpr uint64_t kEnough = 40;
// A priced file should leave less than 1/128, and one whose latents cost a minute less than 1/1024.
constexpr uint64_t kNearly = 128, kClosely = 1024;
// Prices are in squared steps per bit. Dropping a symbol costs at most one squared step and saves
// several bits, so that nothing is left to save above the highest.
constexpr double kFirstPrice = 1.0 / 64;
constexpr double kHighestPrice = 1.0;
constexpr int kBisections = 10;

bool leaves_less(const File& file, uint64_t max_bytes, uint64_t share) {
  return file.size() <= max_bytes && max_bytes - file.size() < max_bytes / share;
}

// Over prices above 0.
class PriceSearch {
 public:
  PriceSearch(uint64_t max_bytes, PriceTrial trial)
      : max_bytes_(max_bytes), trial_(std::move(trial)) {}

  // The largest file that fits, empty if none does. One that leaves less than 1/`share` will do.
  File run(uint64_t share) {
    double low = 0, high = kFirstPrice;
    while (!take(trial_(high))) {
      if (high >= kHighestPrice) return std::move(best_);
      low = high;
      high *= 2;
    }
    for (int i = 0; i < kBisections && !leaves_less(best_, max_bytes_, share); ++i) {
      const double middle = (low + high) / 2;
      (take(trial_(middle)) ? high : low) = middle;
    }
    return std::move(best_);
  }

  size_t smallest() const { return smallest_; }

 private:
  // Whether the file fits; it is the best so far if it is the largest of those.
  bool take(File file) {
    smallest_ = std::min(smallest_, file.size());
    if (file.size() > max_bytes_) return false;
    if (file.size() > best_.size()) best_ = std::move(file);
    return true;
  }

  uint64_t max_bytes_;
  PriceTrial trial_;
  File best_;
  size_t smallest_ = SIZE_MAX;
};

class Search {
 public:
  Search(uint64_t max_bytes, int rate_points, const SizeTrial& trial)
      : max_bytes_(max_bytes), rate_points_(rate_points), trial_(trial) {}

  File run() {
    try_rate_points();
    const auto best = largest_that_fits();
    if (best->second.size() == max_bytes_ || leaves_less(best->second, max_bytes_, kEnough)) {
      return best->second;
    }
    const auto next = smallest_that_does_not(best->first);
    return next == files_.end() ? best->second : priced(next->first, best->second);
  }

 private:
  using Files = std::map<int, File>;  // by rate point, without a price

  bool fits(const File& file) const { return file.size() <= max_bytes_; }

  bool rate_fits(int rate) {
    auto found = files_.find(rate);
    if (found == files_.end()) {
      found = files_.emplace(rate, trial_(rate, 0)).first;
    }
    return fits(found->second);
  }

  void try_rate_points() {
    int low = 0, high = rate_points_;  // every rate from `high` is taken not to fit
    while (low < high) {
      const int middle = low + (high - low) / 2;
      if (rate_fits(middle)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    // Sizes grow only nearly with the rate: look two points further on both sides.
    for (int rate = std::max(low - 2, 0); rate < std::min(low + 2, rate_points_); ++rate) {
      rate_fits(rate);
    }
  }

  Files::const_iterator largest_that_fits() const {
    auto best = files_.end();
    size_t smallest = SIZE_MAX;
    for (auto at = files_.begin(); at != files_.end(); ++at) {
      const size_t size = at->second.size();
      smallest = std::min(smallest, size);
      if (fits(at->second) && (best == files_.end() || size >= best->second.size())) {
        best = at;
      }
    }
    if (best == files_.end()) {
      throw TooFewBytes(max_bytes_, smallest);
    }
    return best;
  }

  // Above `rate`, because only there are more symbols than what fits has.
  Files::const_iterator smallest_that_does_not(int rate) const {
    auto found = files_.end();
    for (auto at = files_.upper_bound(rate); at != files_.end(); ++at) {
      if (!fits(at->second) &&
          (found == files_.end() || at->second.size() < found->second.size())) {
        found = at;
      }
    }
    return found;
  }

  // The largest file of `rate` that fits at any price tried, or `best` if that is larger.
  File priced(int rate, File best) const {
    PriceSearch search(max_bytes_, [&](double price) { return trial_(rate, price); });
    File found = search.run(kNearly);
    return found.size() > best.size() ? found : best;
  }

  uint64_t max_bytes_;
  int rate_points_;
  const SizeTrial& trial_;
  Files files_;
};

}  // namespace

TooFewBytes::TooFewBytes(uint64_t max_bytes, uint64_t smallest)
    : Error(DLF_INVALID_ARGUMENT, "the image cannot be coded in " + std::to_string(max_bytes) +
                                      " bytes; the smallest file has " + std::to_string(smallest)) {
}

File fit_by_price(uint64_t max_bytes, const PriceTrial& trial) {
  File file = trial(0);
  if (file.size() <= max_bytes) return file;
  PriceSearch search(max_bytes, trial);
  file = search.run(kClosely);
  if (file.empty()) throw TooFewBytes(max_bytes, search.smallest());
  return file;
}

File fill_size(uint64_t max_bytes, int rate_points, const SizeTrial& trial) {
  return Search(max_bytes, rate_points, trial).run();
}

}  // namespace dlf

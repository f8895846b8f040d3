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
// A priced file should leave less than 1/128.
constexpr uint64_t kNearly = 128;
// Prices are in squared steps per bit. Dropping a symbol costs at most one squared step and saves
// several bits, so that nothing is left to save above the highest.
constexpr double kFirstPrice = 1.0 / 64;
constexpr double kHighestPrice = 1.0;
constexpr int kBisections = 10;

class Search {
 public:
  Search(uint64_t max_bytes, int rate_points, const SizeTrial& trial)
      : max_bytes_(max_bytes), rate_points_(rate_points), trial_(trial) {}

  File run() {
    try_rate_points();
    const auto best = largest_that_fits();
    if (best->second.size() == max_bytes_ || leaves_less(best->second, kEnough)) {
      return best->second;
    }
    const auto next = smallest_that_does_not(best->first);
    return next == files_.end() ? best->second : priced(next->first, best->second);
  }

 private:
  using Files = std::map<int, File>;  // by rate point, without a price

  bool fits(const File& file) const { return file.size() <= max_bytes_; }
  bool leaves_less(const File& file, uint64_t share) const {
    return fits(file) && max_bytes_ - file.size() < max_bytes_ / share;
  }

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
    double low = 0, high = kFirstPrice;
    while (!take(trial_(rate, high), best)) {
      if (high >= kHighestPrice) {
        return best;
      }
      low = high;
      high *= 2;
    }
    for (int i = 0; i < kBisections && !leaves_less(best, kNearly); ++i) {
      const double middle = (low + high) / 2;
      (take(trial_(rate, middle), best) ? high : low) = middle;
    }
    return best;
  }

  // Whether the file fits; it is the best so far if it is larger than that.
  bool take(File file, File& best) const {
    const bool enough = fits(file);
    if (enough && file.size() > best.size()) {
      best = std::move(file);
    }
    return enough;
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

File fill_size(uint64_t max_bytes, int rate_points, const SizeTrial& trial) {
  return Search(max_bytes, rate_points, trial).run();
}

}  // namespace dlf

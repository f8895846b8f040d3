#include "codec/tile_groups.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <tuple>

#include "base/status.h"
#include "base/workers.h"
#include "codec/tiles.h"

namespace dlf {
namespace {

// Of the pictures of a round: their symbols are all in memory together.
constexpr uint64_t kRoundPixels = uint64_t{1} << 25;

}  // namespace

std::vector<Round> plan_rounds(const std::vector<Estimate>& estimates,
                               const std::vector<uint64_t>& pixels, uint64_t max_memory) {
  std::vector<Round> rounds;
  uint64_t rest = 0, largest_tile = 1, round_pixels = 0;
  for (size_t i = 0; i < estimates.size(); ++i) {
    // No sum overflows: each estimate is within the limits, and so is the sum before it.
    const uint64_t new_rest = rest + estimates[i].rest_bytes();
    const uint64_t new_tile = std::max(largest_tile, estimates[i].tile_bytes);
    const bool fits = new_rest < max_memory && new_tile <= max_memory - new_rest &&
                      round_pixels + pixels[i] <= kRoundPixels;
    if (rounds.empty() || !fits) {
      rounds.push_back({i, i, 1});
      rest = estimates[i].rest_bytes();
      largest_tile = std::max<uint64_t>(estimates[i].tile_bytes, 1);
      round_pixels = 0;
    } else {
      rest = new_rest;
      largest_tile = new_tile;
    }
    round_pixels += pixels[i];
    rounds.back().end = i + 1;
    rounds.back().tiles_in_memory =
        max_memory > rest ? std::max<uint64_t>((max_memory - rest) / largest_tile, 1) : 1;
  }
  return rounds;
}

std::vector<TileGroup> group_tiles(const std::vector<TileTask>& tasks, uint64_t window_px,
                                   uint64_t pixels_per_call, uint64_t most_tiles) {
  std::vector<TileGroup> groups;
  std::map<std::tuple<uint32_t, uint32_t, int>, size_t> open;  // the group that still takes more
  for (const TileTask& task : tasks) {
    const WindowGrid grid = extended_grid(task.tile);
    const uint64_t pixels = uint64_t{grid.count()} * window_px * window_px;
    const uint64_t room = std::max<uint64_t>(std::min(pixels_per_call / pixels, most_tiles), 1);
    const auto key = std::make_tuple(grid.rows, grid.columns, task.rate);
    const auto found = open.find(key);
    if (found != open.end() && groups[found->second].tasks.size() < room) {
      groups[found->second].tasks.push_back(task);
    } else {
      open[key] = groups.size();
      groups.push_back({grid, task.rate, {task}});
    }
  }
  return groups;
}

void PartCount::work(const std::vector<TileGroup>& groups, int threads, uint64_t tiles_in_memory,
                     const std::function<void(size_t, const TileGroup&)>& action) {
  if (groups.empty()) return;  // strips have told already
  uint64_t largest = 1;
  for (const TileGroup& group : groups) {
    largest = std::max<uint64_t>(largest, group.tasks.size());
  }
  const auto affordable = std::min<uint64_t>(std::max<uint64_t>(tiles_in_memory / largest, 1),
                                             static_cast<uint64_t>(std::max(threads, 1)));
  std::atomic<size_t> tiles{0};
  run_workers(
      groups.size(), static_cast<int>(affordable),
      [&](size_t i) {
        action(i, groups[i]);
        tiles += groups[i].tasks.size();
      },
      [&](size_t) {
        done_ = before_ + tiles;
        report();
      });
  before_ = done_;
}

void PartCount::tell(size_t parts, uint64_t done, uint64_t whole) {
  const size_t now = before_ + static_cast<size_t>(parts * done / whole);
  if (now == done_) return;  // blocks of rows may be smaller than parts
  done_ = now;
  report();
}

void PartCount::report() const {
  if (report_ && !report_(static_cast<uint32_t>(done_), static_cast<uint32_t>(total_))) {
    fail(DLF_CANCELLED, "cancelled by the caller");
  }
}

}  // namespace dlf

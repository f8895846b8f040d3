// The tiles of one or several pictures, put together into calls of the transforms.
//
// Thread safety: values and functions without state.
#ifndef DLF_SRC_CODEC_TILE_GROUPS_H_
#define DLF_SRC_CODEC_TILE_GROUPS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

#include "codec/budget.h"
#include "codec/transform.h"
#include "model/geometry.h"

namespace dlf {

// A tile of one of several pictures.
struct TileTask {
  size_t picture;
  Tile tile;
  int rate;
};

// Tiles of one size and rate, for one call of a transform.
struct TileGroup {
  WindowGrid grid;
  int rate;
  std::vector<TileTask> tasks;
};

// Consecutive pictures that are worked on together.
struct Round {
  size_t begin, end;
  uint64_t tiles_in_memory;  // how many of their tiles may be in work at the same time
};

// Cuts a list of pictures into rounds: as many at a time as the memory of one call and a number of
// pixels allow, one in any case. `estimates` have been checked one by one; `pixels` are those of
// their windows.
std::vector<Round> plan_rounds(const std::vector<Estimate>& estimates,
                               const std::vector<uint64_t>& pixels, uint64_t max_memory);

// Keeps the order. A group has at most `pixels_per_call` pixels and `most_tiles` tiles, and one
// tile in any case. `window_px`: the side of a window.
std::vector<TileGroup> group_tiles(const std::vector<TileTask>& tasks, uint64_t window_px,
                                   uint64_t pixels_per_call, uint64_t most_tiles);

// Counts the parts of a call, tiles or rows of latents, over all of its rounds.
class PartCount {
 public:
  // `report`: a Progress of codec_options.h, borrowed; a copy could need a lock that only its owner
  // holds. Throws DLF_CANCELLED when it says so.
  PartCount(size_t total, const std::function<bool(uint32_t, uint32_t)>& report)
      : total_(total), report_(report) {}

  // Calls action(index, group) for each group, on several threads at once: as many as `threads`
  // and `tiles_in_memory` allow. Groups write to places of their own.
  void work(const std::vector<TileGroup>& groups, int threads, uint64_t tiles_in_memory,
            const std::function<void(size_t, const TileGroup&)>& action);

  // For work that is not done in tiles and stands for `parts` of the total: says that `done` of
  // its `whole` are done, and that it is finished. What is known already is not said again.
  void tell(size_t parts, uint64_t done, uint64_t whole);
  void finish(size_t parts) {
    tell(parts, 1, 1);
    before_ = done_;
  }

  // Says where the call stands: the place to cancel.
  void report() const;

 private:
  size_t total_, before_ = 0, done_ = 0;
  const std::function<bool(uint32_t, uint32_t)>& report_;
};

// One array after another.
template <typename T>
void append(std::vector<T>&& values, std::vector<T>* joined) {
  if (joined->empty()) {
    *joined = std::move(values);
  } else {
    joined->insert(joined->end(), values.begin(), values.end());
  }
}

// What `append` has joined: number `index` of `count` arrays of one length. Takes a single one
// away.
template <typename T>
std::vector<T> part_of(std::vector<T>* joined, size_t index, size_t count) {
  if (count == 1) return std::move(*joined);
  using Distance = typename std::vector<T>::difference_type;
  const auto length = static_cast<Distance>(joined->size() / count);
  const auto begin = std::next(joined->begin(), static_cast<Distance>(index) * length);
  return std::vector<T>(begin, std::next(begin, length));
}

}  // namespace dlf

#endif  // DLF_SRC_CODEC_TILE_GROUPS_H_

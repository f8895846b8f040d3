// The importance map: how far the rate point moves from place to place, and its code (§5.6).
//
// Thread safety: functions without state; one reader belongs to one thread at a time.
#ifndef DLF_SRC_ENTROPY_IMPORTANCE_MAP_H_
#define DLF_SRC_ENTROPY_IMPORTANCE_MAP_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "base/constants.h"
#include "entropy/rans.h"

namespace dlf {

// The rates that a map moves among: of a file, and of its model.
struct MapRates {
  uint8_t rate = 0;         // of the header
  uint8_t rate_points = 1;  // R
  uint8_t map_unit = 1;     // A.2.8

  // How many rate points an offset counts (§5.6.1), and the offsets that stay among them (§5.6.4).
  int32_t unit(uint32_t scale) const { return int32_t{map_unit} << scale; }
  int32_t lowest(uint32_t scale) const { return -(rate / unit(scale)); }
  int32_t highest(uint32_t scale) const { return (rate_points - 1 - rate) / unit(scale); }
};

struct ImportanceMap {
  uint32_t rows = 0, columns = 0;  // of the latent grid
  uint32_t scale = 0;
  std::vector<int16_t> offsets;  // [rows][columns]

  // The rate index of every position (§5.6.6), for offsets within range.
  std::vector<uint8_t> rate_indices(const MapRates& rates) const;
};

// A table of two entries that follows what was coded (§5.6.5).
class AdaptiveBit {
 public:
  explicit AdaptiveBit(uint32_t zeros = 1, uint32_t ones = 1) : counts_{zeros, ones} {}

  // The frequency of entry 0.
  uint32_t zeros() const { return kFrequencyTotal * counts_[0] / (counts_[0] + counts_[1]); }
  void learn(uint32_t entry);

 private:
  uint32_t counts_[2];
};

struct MapModels {
  MapModels();

  AdaptiveBit change[kMapContexts];
  AdaptiveBit side[kMapContexts];
  AdaptiveBit size[kMapSizes];
};

// The offset that the neighbours of a position let expect (§5.6.3); those before it must be there.
int32_t predicted_offset(const ImportanceMap& map, size_t position);

// What a map costs: its ideal code length in bits, the scale included.
double map_bits(const ImportanceMap& map);

// Puts a map, before anything else of the payload. DLF_INVALID_ARGUMENT when its scale or an offset
// is out of range.
void encode_map(const MapRates& rates, const ImportanceMap& map, RansEncoder& encoder);

// Reads a map from a payload that may still be growing.
class MapReader {
 public:
  MapReader(const MapRates& rates, uint32_t rows, uint32_t columns);

  // Reads on; true when every offset is there. False when the bytes ran out: call it again after
  // RansDecoder::extend. DLF_INVALID_FILE for an offset beyond the rates.
  bool read(RansDecoder& decoder);

  ImportanceMap take_map() { return std::move(map_); }

 private:
  enum class Next { kChange, kSide, kSize };

  bool read_offset(RansDecoder& decoder);
  void grow();

  MapRates rates_;
  ImportanceMap map_;
  MapModels models_;
  uint32_t scale_bits_ = 0;  // of the scale, read so far
  size_t position_ = 0;
  Next next_ = Next::kChange;           // entry of the offset at `position_`
  int32_t offset_ = 0, direction_ = 0;  // 1 or -1
  uint32_t ones_ = 0;                   // entries "it goes on" so far
};

}  // namespace dlf

#endif  // DLF_SRC_ENTROPY_IMPORTANCE_MAP_H_

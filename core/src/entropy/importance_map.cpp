#include "entropy/importance_map.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace dlf {
namespace {

int32_t sign(int32_t value) { return (value > 0) - (value < 0); }

// What is known of an offset before it is coded.
struct Expected {
  int32_t offset = 0;
  uint32_t context = 0;
};

Expected expected_at(const ImportanceMap& map, size_t position) {
  const size_t y = position / map.columns, x = position % map.columns;
  const int16_t* at = map.offsets.data() + position;
  int32_t left = 0, above = 0, above_left = 0, above_right = 0;  // §5.6.2
  if (y == 0) {
    left = x > 0 ? at[-1] : 0;
    above = above_left = above_right = left;
  } else {
    const int16_t* row = at - map.columns;
    above = row[0];
    left = x > 0 ? at[-1] : above;
    above_left = x > 0 ? row[-1] : above;
    above_right = x + 1 < map.columns ? row[1] : above;
  }
  const auto [low, high] = std::minmax(left, above);
  Expected out;  // §5.6.3
  out.offset = above_left >= high ? low : above_left <= low ? high : left + above - above_left;
  out.context = static_cast<uint32_t>(9 * sign(left - above_left) + 3 * sign(above - above_left) +
                                      sign(above_right - above) + kMapFlatContext);
  return out;
}

AdaptiveBit& size_model(MapModels& models, uint32_t ones) {
  return models.size[std::min<uint32_t>(ones, kMapSizes - 1)];
}

// Gives every entry of the offsets in coding order to `put(entry, frequency of 0)` (§5.6.4).
template <typename Put>
void walk(const ImportanceMap& map, const Put& put) {
  MapModels models;
  const auto code = [&](AdaptiveBit& model, uint32_t entry) {
    put(entry, model.zeros());
    model.learn(entry);
  };
  for (size_t i = 0; i < map.offsets.size(); ++i) {
    const Expected expected = expected_at(map, i);
    const int32_t change = map.offsets[i] - expected.offset;
    code(models.change[expected.context], change != 0);
    if (change == 0) continue;
    code(models.side[expected.context], change < 0);
    const auto size = static_cast<uint32_t>(change < 0 ? -change : change);
    for (uint32_t ones = 0; ones < size; ++ones) {
      code(size_model(models, ones), ones + 1 < size);
    }
  }
}

// False when the bytes ran out; nothing is learned then.
bool get(RansDecoder& decoder, AdaptiveBit& model, uint32_t* entry) {
  *entry = decoder.get_bit(model.zeros());
  if (decoder.exhausted()) return false;
  model.learn(*entry);
  return true;
}

void check_map(const MapRates& rates, const ImportanceMap& map) {
  if (map.scale >= 1u << kMapScaleBits) {
    fail(DLF_INVALID_ARGUMENT, "an importance map has no scale " + std::to_string(map.scale));
  }
  const int32_t low = rates.lowest(map.scale), high = rates.highest(map.scale);
  for (const int16_t offset : map.offsets) {
    if (offset < low || offset > high) {
      fail(DLF_INVALID_ARGUMENT, "an offset of the importance map is " + std::to_string(offset) +
                                     ", allowed are " + std::to_string(low) + " to " +
                                     std::to_string(high));
    }
  }
}

}  // namespace

std::vector<uint8_t> ImportanceMap::rate_indices(const MapRates& rates) const {
  std::vector<uint8_t> out(offsets.size());
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<uint8_t>(rates.rate + offsets[i] * rates.unit(scale));
  }
  return out;
}

void AdaptiveBit::learn(uint32_t entry) {
  counts_[entry] += kMapAdded;
  if (counts_[0] + counts_[1] > kMapMost) {
    for (uint32_t& count : counts_) count = (count + 1) / 2;
  }
}

MapModels::MapModels() {
  std::fill(std::begin(change), std::end(change), AdaptiveBit(kMapChangeZeros, 1));
  change[kMapFlatContext] = AdaptiveBit(kMapFlatZeros, 1);
}

void encode_map(const MapRates& rates, const ImportanceMap& map, RansEncoder& encoder) {
  check_map(rates, map);
  for (uint32_t bit = kMapScaleBits; bit-- > 0;) {  // §5.6.1
    encoder.put_bit((map.scale >> bit) & 1);
  }
  walk(map, [&](uint32_t entry, uint32_t zeros) { encoder.put_bit(entry, zeros); });
}

double map_bits(const ImportanceMap& map) {
  double bits = kMapScaleBits;
  walk(map, [&](uint32_t entry, uint32_t zeros) {
    const uint32_t frequency = entry == 0 ? zeros : kFrequencyTotal - zeros;
    bits += kFrequencyBits - std::log2(static_cast<double>(frequency));
  });
  return bits;
}

int32_t predicted_offset(const ImportanceMap& map, size_t position) {
  return expected_at(map, position).offset;
}

MapReader::MapReader(const MapRates& rates, uint32_t rows, uint32_t columns) : rates_(rates) {
  map_.rows = rows;
  map_.columns = columns;
  map_.offsets.resize(checked_multiply(rows, columns, "importance map"));
}

bool MapReader::read(RansDecoder& decoder) {
  for (; scale_bits_ < kMapScaleBits; ++scale_bits_) {
    const uint32_t bit = decoder.get_bit();
    if (decoder.exhausted()) return false;
    map_.scale = map_.scale << 1 | bit;
  }
  for (; position_ < map_.offsets.size(); ++position_) {
    if (!read_offset(decoder)) return false;
    map_.offsets[position_] = static_cast<int16_t>(offset_);
    next_ = Next::kChange;
  }
  return true;
}

// §5.6.4
bool MapReader::read_offset(RansDecoder& decoder) {
  const Expected expected = expected_at(map_, position_);
  uint32_t entry = 0;
  if (next_ == Next::kChange) {
    if (!get(decoder, models_.change[expected.context], &entry)) return false;
    offset_ = expected.offset;
    if (entry == 0) return true;
    next_ = Next::kSide;
  }
  if (next_ == Next::kSide) {
    if (!get(decoder, models_.side[expected.context], &entry)) return false;
    direction_ = entry == 0 ? 1 : -1;
    ones_ = 0;
    grow();
    next_ = Next::kSize;
  }
  for (;;) {
    if (!get(decoder, size_model(models_, ones_), &entry)) return false;
    if (entry == 0) return true;
    ++ones_;
    grow();
  }
}

void MapReader::grow() {
  offset_ += direction_;
  if (offset_ < rates_.lowest(map_.scale) || offset_ > rates_.highest(map_.scale)) {
    fail(DLF_INVALID_FILE, "the importance map leaves the rates of the model");
  }
}

}  // namespace dlf

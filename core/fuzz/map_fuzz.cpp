// The importance map (§5.6) with any rates and any grid: two bytes of grid, three of rates, then
// the payload.

#include <algorithm>

#include "base/constants.h"
#include "entropy/importance_map.h"
#include "fuzz.h"

using dlf_fuzz::allow_errors;
using dlf_fuzz::check;

namespace {

constexpr size_t kPrefix = 5;
constexpr uint32_t kSides = 40;

struct Input {
  uint32_t rows, columns;
  dlf::MapRates rates;
  dlf::ByteView payload;

  Input(const uint8_t* data, size_t size)
      : rows(1 + data[0] % kSides),
        columns(1 + data[1] % kSides),
        payload(data + kPrefix, size - kPrefix) {
    rates.rate_points = std::max<uint8_t>(data[2], 1);
    rates.rate = static_cast<uint8_t>(data[3] % rates.rate_points);
    rates.map_unit = std::max<uint8_t>(data[4], 1);
  }
};

// The map that comes at once, and whether the payload holds nothing else. False when bytes ran out.
bool read_whole(const Input& input, dlf::ImportanceMap* map, bool* ends) {
  dlf::RansDecoder decoder(input.payload);
  dlf::MapReader reader(input.rates, input.rows, input.columns);
  if (!reader.read(decoder)) return false;
  *map = reader.take_map();
  *ends = decoder.at_end();
  return true;
}

// The same from bytes that come one by one.
bool read_in_pieces(const Input& input, dlf::ImportanceMap* map) {
  dlf::RansDecoder decoder(input.payload.sub(0, dlf::kRansStateBytes));
  dlf::MapReader reader(input.rates, input.rows, input.columns);
  for (size_t given = dlf::kRansStateBytes; !reader.read(decoder);) {
    if (++given > input.payload.size()) return false;
    decoder.extend(input.payload.sub(0, given));
  }
  *map = reader.take_map();
  return true;
}

void check_map(const Input& input, const dlf::ImportanceMap& map, bool ends) {
  dlf::ImportanceMap other;
  check(read_in_pieces(input, &other), "what comes at once comes in pieces");
  check(other.offsets == map.offsets && other.scale == map.scale, "the same in pieces");
  for (const int16_t offset : map.offsets) {
    const int32_t rate = input.rates.rate + offset * input.rates.unit(map.scale);
    check(rate >= 0 && rate < input.rates.rate_points, "every rate index is one of the model");
  }
  if (!ends) return;
  dlf::RansEncoder encoder;
  dlf::encode_map(input.rates, map, encoder);
  const std::vector<uint8_t> again = encoder.finish();
  check(again.size() == input.payload.size() &&
            std::equal(again.begin(), again.end(), input.payload.data()),
        "a map has one code");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kPrefix + dlf::kRansStateBytes) return 0;
  const Input input(data, size);
  allow_errors({DLF_INVALID_FILE}, [&] {
    dlf::ImportanceMap map;
    bool ends = false;
    if (read_whole(input, &map, &ends)) check_map(input, map, ends);
  });
  return 0;
}

#include "entropy/importance_map.h"

#include "support.h"
#include "test.h"

using dlf::ImportanceMap;
using dlf::MapRates;
using dlf::MapReader;
using dlf::RansDecoder;
using dlf::RansEncoder;

namespace {

ImportanceMap random_map(dlf_test::Random& random, const MapRates& rates) {
  ImportanceMap map;
  map.rows = static_cast<uint32_t>(random.in(1, 12));
  map.columns = static_cast<uint32_t>(random.in(1, 12));
  map.scale = static_cast<uint32_t>(random.in(0, 3));
  map.offsets.resize(size_t{map.rows} * map.columns);
  const int64_t reach = random.coin() ? 2 : 255;
  for (int16_t& offset : map.offsets) {
    offset = static_cast<int16_t>(random.in(std::max<int64_t>(rates.lowest(map.scale), -reach),
                                            std::min<int64_t>(rates.highest(map.scale), reach)));
  }
  return map;
}

MapRates random_rates(dlf_test::Random& random) {
  MapRates rates;
  rates.rate_points = static_cast<uint8_t>(random.in(1, 255));
  rates.rate = static_cast<uint8_t>(random.in(0, rates.rate_points - 1));
  rates.map_unit = static_cast<uint8_t>(random.in(1, 4));
  return rates;
}

std::vector<uint8_t> payload_of(const MapRates& rates, const ImportanceMap& map) {
  RansEncoder encoder;
  dlf::encode_map(rates, map, encoder);
  return encoder.finish();
}

ImportanceMap one(int16_t offset, uint32_t scale) { return {1, 1, scale, {offset}}; }

}  // namespace

TEST(maps_return) {
  dlf_test::Random random(70);
  for (int round = 0; round < 300; ++round) {
    const MapRates rates = random_rates(random);
    const ImportanceMap map = random_map(random, rates);
    const std::vector<uint8_t> payload = payload_of(rates, map);
    RansDecoder decoder(payload);
    MapReader reader(rates, map.rows, map.columns);
    CHECK(reader.read(decoder));
    CHECK(decoder.at_end());
    const ImportanceMap found = reader.take_map();
    CHECK(found.offsets == map.offsets);
    CHECK_EQ(found.scale, map.scale);
    const std::vector<uint8_t> indices = found.rate_indices(rates);
    for (size_t i = 0; i < indices.size(); ++i) {
      CHECK_EQ(int{indices[i]}, rates.rate + map.offsets[i] * rates.unit(map.scale));
      CHECK(indices[i] < rates.rate_points);
    }
  }
}

TEST(maps_return_from_bytes_that_come_one_by_one) {
  dlf_test::Random random(71);
  const MapRates rates = {40, 64, 1};
  for (int round = 0; round < 40; ++round) {
    const ImportanceMap map = random_map(random, rates);
    const std::vector<uint8_t> payload = payload_of(rates, map);
    RansDecoder decoder({payload.data(), dlf::kRansStateBytes});
    MapReader reader(rates, map.rows, map.columns);
    size_t given = dlf::kRansStateBytes;
    while (!reader.read(decoder)) {
      CHECK(given < payload.size());
      decoder.extend({payload.data(), ++given});
    }
    decoder.extend({payload.data(), payload.size()});
    CHECK(decoder.at_end());
    CHECK(reader.take_map().offsets == map.offsets);
  }
}

// Annex C.4: the first entries of the payload, and the rate indices 1 and 2.
TEST(the_map_of_the_worked_example) {
  const std::vector<uint8_t> payload = {0x8B, 0x11, 0x71, 0x20, 0xF0, 0x19, 0x92};
  const MapRates rates = {1, 3, 1};
  RansDecoder decoder(payload);
  MapReader reader(rates, 1, 2);
  CHECK(reader.read(decoder));
  CHECK(reader.take_map().rate_indices(rates) == std::vector<uint8_t>({1, 2}));
}

TEST(offsets_beyond_the_rates_are_refused) {
  const MapRates wide = {20, 64, 1}, narrow = {2, 5, 2};
  for (const int16_t offset : {int16_t{2}, int16_t{-2}, int16_t{43}, int16_t{-20}}) {
    const std::vector<uint8_t> payload = payload_of(wide, one(offset, 0));
    RansDecoder decoder(payload);
    MapReader reader(narrow, 1, 1);
    CHECK_EQ(dlf_test::status_of([&] { reader.read(decoder); }), DLF_INVALID_FILE);
    RansEncoder encoder;
    CHECK_EQ(dlf_test::status_of([&] { dlf::encode_map(narrow, one(offset, 0), encoder); }),
             DLF_INVALID_ARGUMENT);
  }
  payload_of(narrow, one(1, 0));
  payload_of(narrow, one(-1, 0));
  RansEncoder encoder;
  CHECK_EQ(dlf_test::status_of([&] { dlf::encode_map(narrow, one(1, 1), encoder); }),
           DLF_INVALID_ARGUMENT);
  CHECK_EQ(dlf_test::status_of([&] { dlf::encode_map(narrow, one(0, 4), encoder); }),
           DLF_INVALID_ARGUMENT);
}

TEST(a_flat_map_costs_next_to_nothing) {
  ImportanceMap map = {16, 24, 0, std::vector<int16_t>(16 * 24, 0)};
  CHECK(payload_of({3, 9, 1}, map).size() <= dlf::kRansStateBytes + 2);
}

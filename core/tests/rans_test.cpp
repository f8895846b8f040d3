#include "entropy/rans.h"

#include <cmath>

#include "support.h"
#include "test.h"

using dlf::FrequencyTable;
using dlf::RansDecoder;
using dlf::RansEncoder;

TEST(no_symbols_take_four_bytes) {
  const std::vector<uint8_t> payload = RansEncoder().finish();
  CHECK(payload == std::vector<uint8_t>({0x00, 0x00, 0x80, 0x00}));
  RansDecoder decoder(payload);
  CHECK(decoder.at_end());
  CHECK_EQ(decoder.state(), dlf::kRansLow);
}

TEST(random_symbols_return_and_cost_their_ideal_length) {
  dlf_test::Random random(20);
  for (int round = 0; round < 60; ++round) {
    std::vector<FrequencyTable> tables;
    for (int i = 0; i < 5; ++i) {
      tables.push_back(dlf_test::random_table(random, static_cast<uint32_t>(random.in(1, 300)), 0));
    }
    struct Coded {
      size_t table;
      uint32_t entry;
    };
    std::vector<Coded> coded;
    RansEncoder encoder;
    double bits = 0;
    const int64_t count = random.in(0, 3000);
    for (int64_t i = 0; i < count; ++i) {
      const size_t t = static_cast<size_t>(random.in(0, 4));
      const uint32_t residue = static_cast<uint32_t>(random.in(0, 65535));
      uint32_t entry = 0;
      while (tables[t].cumulative[entry + 1] <= residue) {
        ++entry;
      }
      coded.push_back({t, entry});
      encoder.put_entry(tables[t], entry);
      bits += 16 - std::log2(static_cast<double>(tables[t].frequency(entry)));
    }
    const std::vector<uint8_t> payload = encoder.finish();
    CHECK(static_cast<double>(payload.size()) < bits / 8 * 1.001 + 5);
    RansDecoder decoder(payload);
    for (const Coded& symbol : coded) {
      CHECK_EQ(decoder.get_entry(tables[symbol.table]), symbol.entry);
    }
    CHECK(decoder.at_end());
  }
}

TEST(values_beyond_the_table_escape_and_return) {
  dlf_test::Random random(21);
  for (int round = 0; round < 200; ++round) {
    const int32_t first = static_cast<int32_t>(random.in(INT16_MIN, 1000));
    const FrequencyTable table =
        dlf_test::random_table(random, static_cast<uint32_t>(random.in(2, 40)), first);
    std::vector<int32_t> values = {INT16_MIN,
                                   INT16_MAX,
                                   first - 1,
                                   first,
                                   first + static_cast<int32_t>(table.count()) - 2,
                                   first + static_cast<int32_t>(table.count()) - 1};
    for (int i = 0; i < 50; ++i) {
      values.push_back(first + static_cast<int32_t>(random.in(-70, 70)));
    }
    RansEncoder encoder;
    for (const int32_t value : values) {
      encoder.put_value(table, value);
    }
    const std::vector<uint8_t> payload = encoder.finish();
    RansDecoder decoder(payload);
    for (const int32_t value : values) {
      CHECK_EQ(decoder.get_value(table), value);
    }
    CHECK(decoder.at_end());
  }
}

TEST(escapes_of_more_than_17_zeros_are_invalid) {
  FrequencyTable table;
  table.cumulative = {0, 1, 65536};
  RansEncoder longest;
  longest.put_entry(table, 1);
  for (int i = 0; i < 17; ++i) longest.put_bit(0);
  for (int i = 0; i < 18; ++i) longest.put_bit(1);
  const std::vector<uint8_t> valid = longest.finish();
  RansDecoder decoder(valid);
  CHECK_EQ(decoder.get_value(table), (1 << 17) - 1 + 1);  // e = 2^18 - 2
  CHECK(decoder.at_end());

  RansEncoder encoder;
  encoder.put_entry(table, 1);
  for (int i = 0; i < 40; ++i) encoder.put_bit(0);
  const std::vector<uint8_t> payload = encoder.finish();
  CHECK_STATUS(DLF_INVALID_FILE, RansDecoder(payload).get_value(table));
}

TEST(first_states_out_of_range_are_invalid) {
  CHECK_STATUS(DLF_INVALID_FILE, RansDecoder(std::vector<uint8_t>{0xFF, 0xFF, 0x7F, 0x00}));
  CHECK_STATUS(DLF_OK, RansDecoder(std::vector<uint8_t>{0x00, 0x00, 0x80, 0x00}));
  CHECK_STATUS(DLF_OK, RansDecoder(std::vector<uint8_t>{0xFF, 0xFF, 0xFF, 0x7F}));
  CHECK_STATUS(DLF_INVALID_FILE, RansDecoder(std::vector<uint8_t>{0x00, 0x00, 0x00, 0x80}));
}

TEST(missing_bytes_exhaust_the_decoder_without_error) {
  const std::vector<uint8_t> bytes(3, 0x40);
  RansDecoder decoder(bytes);
  CHECK(decoder.exhausted());
  FrequencyTable table;
  table.cumulative = {0, 32768, 65536};
  CHECK_EQ(decoder.get_entry(table), 0u);
  CHECK_EQ(decoder.get_value(table), 0);
  CHECK(!decoder.at_end());
}

TEST(a_cut_stream_gives_a_prefix_of_the_symbols) {
  dlf_test::Random random(22);
  const FrequencyTable table = dlf_test::random_table(random, 9, -4);
  std::vector<int32_t> values;
  RansEncoder encoder;
  for (int i = 0; i < 400; ++i) {
    values.push_back(static_cast<int32_t>(random.in(-7, 7)));
    encoder.put_value(table, values.back());
  }
  const std::vector<uint8_t> payload = encoder.finish();
  size_t most = 0;
  for (size_t size = 4; size < payload.size(); ++size) {
    RansDecoder decoder(dlf::ByteView(payload.data(), size));
    size_t good = 0;
    for (const int32_t value : values) {
      const int32_t read = decoder.get_value(table);
      if (decoder.exhausted()) break;
      CHECK_EQ(read, value);
      ++good;
    }
    CHECK(good >= most);
    CHECK(!decoder.at_end());
    most = good;
  }
}

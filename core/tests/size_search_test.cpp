#include "codec/size_search.h"

#include <algorithm>
#include <cmath>

#include "entropy/code_length.h"
#include "entropy/quantiser.h"
#include "support.h"
#include "test.h"

namespace {

// Files of made-up sizes, as a codec would give them; remembers what it was asked for.
struct Sizes {
  std::vector<size_t> sizes;  // by rate point, without a price
  size_t floor = 10;          // what no price takes away
  int trials = 0;

  std::vector<uint8_t> operator()(int rate, double price) {
    ++trials;
    const size_t whole = sizes[static_cast<size_t>(rate)];
    const size_t least = std::min(floor, whole);
    const double part = static_cast<double>(whole - least) * std::exp(-2.0 * price);
    return std::vector<uint8_t>(least + static_cast<size_t>(part), static_cast<uint8_t>(rate));
  }
  std::vector<uint8_t> fill(uint64_t target) {
    return dlf::fill_size(target, static_cast<int>(sizes.size()),
                          [this](int rate, double price) { return (*this)(rate, price); });
  }
  std::vector<uint8_t> fit(uint64_t target) {
    return dlf::fit_by_price(target, [this](double price) { return (*this)(0, price); });
  }
};

}  // namespace

TEST(every_size_in_the_range_is_met_within_three_percent_from_below) {
  Sizes coder{{500, 560, 550, 640, 700, 860, 1000}};
  for (uint64_t target = 500; target <= 1000; ++target) {
    const size_t size = coder.fill(target).size();
    CHECK(size <= target);
    CHECK(size * 100 >= target * 97);
  }
}

TEST(a_rate_point_that_nearly_fills_the_size_is_taken_as_it_is) {
  Sizes coder{{500, 560, 640, 700}};
  const std::vector<uint8_t> found = coder.fill(570);
  CHECK_EQ(found.size(), 560u);
  CHECK(coder.trials <= 4);                   // no rate point twice, no price
  CHECK_EQ(int{coder.fill(620).front()}, 2);  // the next one, less some symbols
}

TEST(outside_the_range_the_largest_file_or_an_error) {
  Sizes coder{{500, 560, 640}};
  CHECK_EQ(coder.fill(100000).size(), 640u);
  CHECK_STATUS(DLF_INVALID_ARGUMENT, coder.fill(499));
  Sizes stubborn{{500, 900}, 890};  // no price makes the second small enough
  CHECK_EQ(stubborn.fill(700).size(), 500u);
}

TEST(one_rate_point_fits_a_size_by_its_price) {
  Sizes coder{{900}, 300};
  for (uint64_t target = 400; target < 900; ++target) {
    const size_t size = coder.fit(target).size();
    CHECK(size <= target);
    CHECK(size * 100 >= target * 98);
  }
  coder.trials = 0;
  CHECK_EQ(coder.fit(900).size(), 900u);  // fits without a price
  CHECK_EQ(coder.trials, 1);
  CHECK_STATUS(DLF_INVALID_ARGUMENT, coder.fit(350));  // less than the highest price leaves
}

TEST(the_quantiser_weighs_error_against_bits) {
  dlf_test::Random random(7);
  const dlf::NormativePart model = dlf_test::random_part(random);
  int dropped = 0;
  for (int i = 0; i < 4000; ++i) {
    const dlf::FrequencyTable& table = model.scale_tables[static_cast<size_t>(
        random.in(0, static_cast<int64_t>(model.scale_tables.size()) - 1))];
    const dlf::LatentValue value{static_cast<float>(random.in(-4000, 4000)) / 700.0f,
                                 static_cast<int16_t>(1 << model.step_fraction),
                                 static_cast<int16_t>(random.in(-50, 50))};
    const double exact = double{value.y} - std::ldexp(value.mean, -model.mean_fraction);
    const int nearest = dlf::quantise(model, table, value, 0);
    CHECK(std::abs(exact - nearest) <= 0.5);
    const double price = static_cast<double>(random.in(1, 100)) / 100;
    const int priced = dlf::quantise(model, table, value, price);
    CHECK(std::abs(priced) <= std::abs(nearest));
    CHECK(priced == 0 || (priced > 0) == (nearest > 0));
    const auto cost = [&](int symbol) {
      return (exact - symbol) * (exact - symbol) + price * dlf::value_bits(table, symbol);
    };
    CHECK(cost(priced) <= cost(nearest));
    dropped += priced != nearest ? 1 : 0;
  }
  CHECK(dropped > 100);
}

#include "entropy/quantiser.h"

#include <algorithm>
#include <cmath>

#include "entropy/code_length.h"

namespace dlf {

int16_t quantise(const NormativePart& model, const FrequencyTable& table, const LatentValue& value,
                 double bit_price) {
  const double one = std::ldexp(1.0, model.mean_fraction);
  const double width = std::max<int>(value.step, 1) * std::ldexp(1.0, -model.step_fraction);
  const double low = std::max(std::ceil((INT16_MIN - value.mean) / one), double{INT16_MIN});
  const double high = std::min(std::floor((INT16_MAX - value.mean) / one), double{INT16_MAX});
  const double exact = double{value.y} / width - value.mean / one;
  const double rounded = std::floor(exact + 0.5);
  if (!std::isfinite(rounded)) {
    return 0;
  }
  const int16_t nearest = static_cast<int16_t>(std::clamp(rounded, low, high));
  if (bit_price <= 0 || nearest == 0) {
    return nearest;
  }
  const auto cost = [&](int16_t symbol) {
    const double error = exact - symbol;
    return error * error + bit_price * value_bits(table, symbol);
  };
  const int16_t smaller = static_cast<int16_t>(nearest > 0 ? nearest - 1 : nearest + 1);
  int16_t best = nearest;
  double least = cost(nearest);
  for (const int16_t symbol : {smaller, int16_t{0}}) {
    const double own = cost(symbol);
    if (own < least) {
      best = symbol;
      least = own;
    }
  }
  return best;
}

}  // namespace dlf

#include "entropy/code_length.h"

#include <cmath>

#include "base/constants.h"
#include "entropy/rans.h"

namespace dlf {

double entry_bits(const FrequencyTable& table, uint32_t entry) {
  return kFrequencyBits - std::log2(static_cast<double>(table.frequency(entry)));
}

double value_bits(const FrequencyTable& table, int32_t value) {
  const ValueCode code = value_code(table, value);
  return entry_bits(table, code.entry) + code.suffix_bits();
}

}  // namespace dlf

// What one symbol costs: its ideal code length, straight from the frequency table (§5.2, §5.3).
//
// Thread safety: functions without state.
#ifndef DLF_SRC_ENTROPY_CODE_LENGTH_H_
#define DLF_SRC_ENTROPY_CODE_LENGTH_H_

#include <cstdint>

#include "model/normative.h"

namespace dlf {

// Bits of one entry of a table.
double entry_bits(const FrequencyTable& table, uint32_t entry);

// Bits of a value with a table whose last entry is the escape, suffix included.
double value_bits(const FrequencyTable& table, int32_t value);

}  // namespace dlf

#endif  // DLF_SRC_ENTROPY_CODE_LENGTH_H_

// What symbols cost: ideal code lengths, straight from the frequency tables (§5.2, §5.3).
//
// Thread safety: functions without state.
#ifndef DLF_SRC_CODE_LENGTH_H_
#define DLF_SRC_CODE_LENGTH_H_

#include <cstdint>
#include <vector>

#include "normative.h"
#include "symbol_codec.h"

namespace dlf {

// Bits of one entry of a table.
double entry_bits(const FrequencyTable& table, uint32_t entry);

// Bits of a value with a table whose last entry is the escape, suffix included.
double value_bits(const FrequencyTable& table, int32_t value);

// Where the bits of a payload are. All sums together are the payload's size but for the coder's
// state and rounding: at most kRansStateBytes and one byte (§5.4).
struct CodeLengths {
  std::vector<double> windows;    // tokens and bank of each window, bits, [nH*nW]
  std::vector<double> positions;  // detail symbols of all channels, bits, [h*w]
  double map = 0;                 // the importance map, bits
};

// `symbols` are those of one payload, decoded or encoded with `model`.
CodeLengths code_lengths(const NormativePart& model, const SymbolSet& symbols);

}  // namespace dlf

#endif  // DLF_SRC_CODE_LENGTH_H_

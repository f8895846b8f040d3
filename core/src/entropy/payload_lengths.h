// Where the bits of a whole payload are, in ideal code lengths (§5.2, §5.3).
//
// Thread safety: a function without state.
#ifndef DLF_SRC_ENTROPY_PAYLOAD_LENGTHS_H_
#define DLF_SRC_ENTROPY_PAYLOAD_LENGTHS_H_

#include <vector>

#include "entropy/symbol_codec.h"
#include "model/normative.h"

namespace dlf {

// All sums together are the payload's size but for the coder's state and rounding: at most
// kRansStateBytes and one byte (§5.4).
struct CodeLengths {
  std::vector<double> windows;    // tokens and bank of each window, bits, [nH*nW]
  std::vector<double> positions;  // detail symbols of all channels, bits, [h*w]
  double map = 0;                 // the importance map, bits
};

// `symbols` are those of one payload, decoded or encoded with `model`.
CodeLengths code_lengths(const NormativePart& model, const SymbolSet& symbols);

}  // namespace dlf

#endif  // DLF_SRC_ENTROPY_PAYLOAD_LENGTHS_H_

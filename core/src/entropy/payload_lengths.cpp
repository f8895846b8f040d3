#include "entropy/payload_lengths.h"

#include "entropy/code_length.h"
#include "entropy/token_coder.h"

namespace dlf {

CodeLengths code_lengths(const NormativePart& model, const SymbolSet& symbols) {
  CodeLengths out;
  out.windows = token_bits(model, symbols.geometry, symbols.tokens, symbols.banks);
  if (symbols.map) out.map = map_bits(*symbols.map);
  const size_t plane = symbols.symbols.plane();
  out.positions.assign(plane, 0.0);
  for (size_t at = 0; at < symbols.symbols.data.size(); ++at) {
    const int16_t index = symbols.scale_index.data[at];
    if (index >= 0) {
      const FrequencyTable& table = model.scale_tables[static_cast<size_t>(index)];
      out.positions[at % plane] += value_bits(table, symbols.symbols.data[at]);
    }
  }
  return out;
}

}  // namespace dlf

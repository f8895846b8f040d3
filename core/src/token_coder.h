// Semantic tokens <-> entropy-coded symbols (§6).
//
// Thread safety: functions without state.
#ifndef DLF_SRC_TOKEN_CODER_H_
#define DLF_SRC_TOKEN_CODER_H_

#include <cstdint>
#include <vector>

#include "geometry.h"
#include "normative.h"
#include "rans.h"

namespace dlf {

// Puts all tokens and the banks chosen for them (the cheapest of each window). `tokens` are digits
// in range, [nH*nW][T*D]. Returns the banks, [nH*nW].
std::vector<uint8_t> encode_tokens(const NormativePart& model, const ImageGeometry& geometry,
                                   const std::vector<int16_t>& tokens, RansEncoder& encoder);

// Reads them back. Returns false when the bytes ran out.
bool decode_tokens(const NormativePart& model, const ImageGeometry& geometry, RansDecoder& decoder,
                   std::vector<int16_t>* tokens, std::vector<uint8_t>* banks);

}  // namespace dlf

#endif  // DLF_SRC_TOKEN_CODER_H_

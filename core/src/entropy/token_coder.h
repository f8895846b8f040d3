// Semantic tokens <-> entropy-coded symbols (§6).
//
// Thread safety: functions without state.
#ifndef DLF_SRC_ENTROPY_TOKEN_CODER_H_
#define DLF_SRC_ENTROPY_TOKEN_CODER_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "entropy/rans.h"
#include "model/geometry.h"
#include "model/normative.h"

namespace dlf {

// Puts all tokens and the banks chosen for them (the cheapest of each window). `tokens` are digits
// in range, [nH*nW][T*D]. Returns the banks, [nH*nW].
std::vector<uint8_t> encode_tokens(const NormativePart& model, const ImageGeometry& geometry,
                                   const std::vector<int16_t>& tokens, RansEncoder& encoder);

// What the tokens of each window cost with their bank, the bank included, in bits. [nH*nW]
std::vector<double> token_bits(const NormativePart& model, const ImageGeometry& geometry,
                               const std::vector<int16_t>& tokens,
                               const std::vector<uint8_t>& banks);

// Reads tokens from a payload that may still be growing. `model` must outlive it.
class TokenReader {
 public:
  TokenReader(const NormativePart& model, const ImageGeometry& geometry);

  // Reads on; true when every token is there. False when the bytes ran out: call it again after
  // RansDecoder::extend.
  bool read(RansDecoder& decoder);

  std::vector<int16_t> take_tokens() { return std::move(tokens_); }
  std::vector<uint8_t> take_banks() { return std::move(banks_); }

 private:
  const NormativePart& model_;
  ImageGeometry geometry_;
  std::vector<int16_t> tokens_;
  std::vector<uint8_t> banks_;
  size_t window_ = 0;
  bool has_bank_ = false;  // of the window
  size_t digit_ = 0;       // in the window
};

// Reads them back. Returns false when the bytes ran out.
bool decode_tokens(const NormativePart& model, const ImageGeometry& geometry, RansDecoder& decoder,
                   std::vector<int16_t>* tokens, std::vector<uint8_t>* banks);

}  // namespace dlf

#endif  // DLF_SRC_ENTROPY_TOKEN_CODER_H_

// Payload <-> symbols: the whole entropy-coded part (§5-§8), exact on every machine.
//
// Thread safety: functions keep no state; a ModelPackage may be shared by concurrent calls.
#ifndef DLF_SRC_ENTROPY_SYMBOL_CODEC_H_
#define DLF_SRC_ENTROPY_SYMBOL_CODEC_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "entropy/importance_map.h"
#include "machine/rate_map.h"
#include "machine/tensor.h"
#include "model/geometry.h"
#include "model/model_package.h"

namespace dlf {

struct EntropyOptions {
  int threads = 1;           // for the prior's convolutions; results do not depend on it
  bool force_plain = false;  // plain kernels instead of SIMD
  double bit_price = 0;      // for encoding: what a bit is worth, see quantiser.h
};

// Everything that decoding yields before any floating-point number appears.
struct SymbolSet {
  ImageGeometry geometry;
  uint8_t rate = 0;
  std::optional<ImportanceMap> map;
  RateMap rates{0};             // rate index of every position (§5.6.6)
  std::vector<int16_t> tokens;  // digits, [nH*nW][T*D]
  std::vector<uint8_t> banks;   // [nH*nW]
  Tensor symbols;               // q, [C][h][w]
  Tensor scale_index;           // -1 where nothing is coded
  Tensor mean;                  // Fy fraction bits
  Tensor step;                  // Fq fraction bits
  Tensor y_hat;                 // Fy fraction bits
  std::vector<int32_t> latent;  // y_hat * step, Fy + Fq fraction bits, [C][h][w]
  uint32_t final_state = 0;     // of the entropy decoder (§5.4)
  bool complete = true;         // false when a truncated payload was accepted
  size_t token_bytes = 0;       // payload bytes read up to the last token, map included
};

struct EncodedPayload {
  std::vector<uint8_t> payload;
  SymbolSet symbols;  // what a decoder will get
};

// `tokens`: [nH*nW][T*D] digits in range. `y`: float latents [C][h][w] on the coded latent grid, in
// units where symbols are round(y / step - mean). Where a bit has a price, symbols are near that.
// Values that are not finite count as 0. `map`: offsets in range for the rate, or null. Throws
// DLF_INVALID_ARGUMENT for a rate, token or offset out of range, arrays of the wrong size, and a
// map for a model that has none.
EncodedPayload encode_payload(const ModelPackage& model, const ImageGeometry& geometry,
                              uint8_t rate, const std::vector<int16_t>& tokens,
                              const std::vector<float>& y, const EntropyOptions& options = {},
                              const ImportanceMap* map = nullptr);

// What a map's offsets count from and in.
MapRates map_rates(const NormativePart& model, uint8_t rate);

struct PayloadOptions : EntropyOptions {
  // Accept a payload that ends early when all tokens are there; missing symbols are 0 (§5.5).
  bool allow_truncated = false;
  // The payload is known to be shorter than the header says: running out of bytes is then
  // DLF_TRUNCATED_FILE and not DLF_INVALID_FILE.
  bool is_truncated = false;
  // The semantic layer alone: every symbol is taken as 0 and no byte after the tokens is read; the
  // latents are the predicted means. `complete` is true if the tokens were.
  bool semantic_only = false;
  // Of the tensors of a SymbolSet only those that are needed to draw the picture are filled: y_hat
  // and step, and `latent` for TorchScript networks.
  bool for_pixels = false;
  bool has_map = false;      // the payload begins with one (§2.2)
  uint64_t base_offset = 0;  // of the payload in the file, for error messages
};

// Throws DLF_INVALID_FILE, DLF_TRUNCATED_FILE; DLF_INVALID_FILE also for a rate the model lacks.
SymbolSet decode_payload(const ModelPackage& model, const ImageGeometry& geometry, uint8_t rate,
                         ByteView payload, const PayloadOptions& options = {});

// Peak bytes that decode_payload or encode_payload allocates, from validated dimensions alone.
// `for_pixels`: as for decode_payload.
uint64_t estimate_entropy_bytes(const NormativePart& model, const ImageGeometry& geometry,
                                bool for_pixels = false);
// Multiply-accumulates of the integer prior for this image.
uint64_t estimate_entropy_macs(const NormativePart& model, const ImageGeometry& geometry);

}  // namespace dlf

#endif  // DLF_SRC_ENTROPY_SYMBOL_CODEC_H_

// The encoder's networks of an integer package (A.3): not normative, so that they can be replaced
// without making another model.
//
// Thread safety: after parse_encoder returns, everything here is only read.
#ifndef DLF_SRC_MODEL_ENCODER_PART_H_
#define DLF_SRC_MODEL_ENCODER_PART_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "machine/part_reader.h"
#include "machine/program.h"

namespace dlf {

struct NormativePart;

struct EncoderPart {
  std::vector<std::vector<int16_t>> thresholds;  // per digit; a digit is how many are <= the value
  uint8_t y_fraction = 0;                        // Fe, fraction bits of y (A.3)
  RateVectors rate_vectors;                      // [R][Pe], Pe may be 0
  std::vector<ConvLayer> layers;                 // not packed: ModelPackage::encoder_layers()
  Program analysis;                   // samples -> token values, features (, importance features)
  Program bottleneck;                 // features (, rates) -> latents
  std::optional<Program> importance;  // importance features -> importance
};

// Parses and validates everything. Throws DLF_MODEL_ERROR naming the byte offset.
EncoderPart parse_encoder(ByteView bytes, const NormativePart& model);

}  // namespace dlf

#endif  // DLF_SRC_MODEL_ENCODER_PART_H_

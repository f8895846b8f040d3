// The entropy coder and the prior, with the test model and with random ones: payloads without the
// container around them (models.h has the layout of an input).

#include "entropy/symbol_codec.h"
#include "fuzz.h"
#include "models.h"

using dlf_fuzz::allow_errors;
using dlf_fuzz::check;

namespace {

// Integers only: SIMD or not, one thread or two, the symbols are the same (§8).
void same_elsewhere(const dlf::SymbolSet& set, const dlf::ModelPackage& model, uint8_t rate,
                    dlf::ByteView payload) {
  dlf::PayloadOptions options;
  options.force_plain = true;
  options.threads = 2;
  const dlf::SymbolSet other = dlf::decode_payload(model, set.geometry, rate, payload, options);
  check(other.tokens == set.tokens && other.latent == set.latent &&
            other.final_state == set.final_state,
        "the same symbols without SIMD");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < dlf_fuzz::kPayloadPrefix) return 0;
  const dlf::ModelPackage& model = dlf_fuzz::model(data[0]);
  const dlf::ImageGeometry grid = dlf_fuzz::payload_geometry(data);
  const uint8_t rate = data[3];
  const dlf::ByteView payload(data + dlf_fuzz::kPayloadPrefix, size - dlf_fuzz::kPayloadPrefix);
  dlf::PayloadOptions options;
  allow_errors({DLF_INVALID_FILE}, [&] {
    const dlf::SymbolSet set = dlf::decode_payload(model, grid, rate, payload, options);
    check(set.complete, "what is accepted is complete");
    same_elsewhere(set, model, rate, payload);
  });
  options.is_truncated = options.allow_truncated = true;
  options.semantic_only = (size & 1) != 0;  // one of the two for each input, to save time
  allow_errors({DLF_INVALID_FILE, DLF_TRUNCATED_FILE},
               [&] { dlf::decode_payload(model, grid, rate, payload, options); });
  return 0;
}

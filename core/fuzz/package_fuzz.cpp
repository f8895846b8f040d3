// Model packages: the archive and the normative part. A package that is accepted must also run.

#include "entropy/symbol_codec.h"
#include "fuzz.h"
#include "mutate.h"
#include "support.h"

using dlf_fuzz::allow_errors;
using dlf_fuzz::check;

namespace {

void use(const dlf::ModelPackage& model) {
  const dlf::NormativePart& part = model.normative();
  const dlf::ImageGeometry grid = dlf::ImageGeometry::of(part, 70, 40);
  if (dlf::estimate_entropy_macs(part, grid) > 5'000'000 ||
      dlf::estimate_entropy_bytes(part, grid) > 5'000'000) {
    return;
  }
  const std::vector<int16_t> tokens(static_cast<size_t>(grid.windows()) * part.tokens_stride(), 1);
  const std::vector<float> y(size_t{grid.latent_h} * grid.latent_w * part.latent_channels, 1.5f);
  const dlf::EncodedPayload coded = dlf::encode_payload(model, grid, 0, tokens, y);
  const dlf::SymbolSet back = dlf::decode_payload(model, grid, 0, coded.payload);
  check(back.latent == coded.symbols.latent && back.tokens == tokens,
        "a model decodes what it has coded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const dlf::ByteView input(data, size);
  const bool is_part = size > 0 && data[0] == 'D';  // else an archive, which begins with "PK"
  allow_errors({DLF_MODEL_ERROR}, [&] {
    use(is_part ? *dlf::ModelPackage::from_normative(input)
                : *dlf::ModelPackage::from_archive(input, "fuzz"));
  });
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return dlf_fuzz::mutate_package(data, size, max_size, seed);
}

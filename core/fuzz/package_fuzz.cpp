// Model packages: the archive and the normative part. A package that is accepted must also run.

#include "fuzz.h"
#include "support.h"
#include "symbol_codec.h"

namespace {

void use(const dlf::ModelPackage& model) {
  const dlf::NormativePart& part = model.normative();
  const dlf::ImageGeometry grid = dlf::ImageGeometry::of(part, 70, 40);
  if (dlf::estimate_entropy_macs(part, grid) > 20'000'000 ||
      dlf::estimate_entropy_bytes(part, grid) > 20'000'000) {
    return;
  }
  const std::vector<int16_t> tokens(static_cast<size_t>(grid.windows()) * part.tokens_stride(), 1);
  const std::vector<float> y(size_t{grid.latent_h} * grid.latent_w * part.latent_channels, 1.5f);
  const dlf::EncodedPayload coded = dlf::encode_payload(model, grid, 0, tokens, y);
  const dlf::SymbolSet back = dlf::decode_payload(model, grid, 0, coded.payload);
  if (back.latent != coded.symbols.latent || back.tokens != tokens) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const dlf::ByteView input(data, size);
  allow_errors({DLF_MODEL_ERROR}, [&] { use(*dlf::ModelPackage::from_archive(input, "fuzz")); });
  allow_errors({DLF_MODEL_ERROR}, [&] { use(*dlf::ModelPackage::from_normative(input)); });
  return 0;
}

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<std::vector<uint8_t>> seeds;
  for (uint64_t seed = 0; seed < 2; ++seed) {
    dlf_test::Random random(seed);
    dlf_test::PartOptions options;
    options.banks = static_cast<uint8_t>(1 + seed);
    const dlf::NormativePart part = dlf_test::random_part(random, options);
    seeds.push_back(dlf_test::to_bytes(part));
    seeds.push_back(dlf_test::make_package(part));
  }
  return seeds;
}

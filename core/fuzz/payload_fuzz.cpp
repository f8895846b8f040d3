// The whole torch-free decode of a payload with small random models. The first byte chooses the
// model, the next two the size.

#include "fuzz.h"
#include "support.h"
#include "symbol_codec.h"

namespace {

constexpr uint64_t kModels = 4;

const dlf::ModelPackage& model(uint64_t index) {
  static const std::vector<std::shared_ptr<const dlf::ModelPackage>> all = [] {
    std::vector<std::shared_ptr<const dlf::ModelPackage>> models;
    for (uint64_t seed = 0; seed < kModels; ++seed) {
      dlf_test::PartOptions options;
      options.context = seed % 2 == 0;
      options.banks = seed < 2 ? 1 : 3;
      options.use_tokens = seed != 3;
      models.push_back(dlf_test::random_package(seed, options));
    }
    return models;
  }();
  return *all[static_cast<size_t>(index % kModels)];
}

dlf::ImageGeometry geometry(const uint8_t* data) {
  return dlf::ImageGeometry::of(model(data[0]).normative(), 1u + data[1], 1u + data[2]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) {
    return 0;
  }
  const dlf::ByteView payload(data + 4, size - 4);
  const dlf::ImageGeometry grid = geometry(data);
  dlf::PayloadOptions options;
  allow_errors({DLF_INVALID_FILE}, [&] {
    // What is accepted has one encoding only (§5.2.4): the symbols decide every byte.
    const dlf::SymbolSet set = dlf::decode_payload(model(data[0]), grid, data[3], payload, options);
    if (!set.complete) std::abort();
  });
  options.is_truncated = options.allow_truncated = true;
  allow_errors({DLF_INVALID_FILE, DLF_TRUNCATED_FILE},
               [&] { dlf::decode_payload(model(data[0]), grid, data[3], payload, options); });
  options.semantic_only = true;
  allow_errors({DLF_INVALID_FILE, DLF_TRUNCATED_FILE},
               [&] { dlf::decode_payload(model(data[0]), grid, data[3], payload, options); });
  return 0;
}

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<std::vector<uint8_t>> seeds;
  for (uint8_t index = 0; index < kModels; ++index) {
    std::vector<uint8_t> input = {index, static_cast<uint8_t>(40 * index + 10), 90, 1};
    const dlf::NormativePart& part = model(index).normative();
    const dlf::ImageGeometry grid = geometry(input.data());
    dlf_test::Random random(index);
    std::vector<int16_t> tokens(static_cast<size_t>(grid.windows()) * part.tokens_stride());
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = static_cast<int16_t>(random.in(0, part.levels[i % part.digits()] - 1));
    }
    std::vector<float> y(size_t{grid.latent_h} * grid.latent_w * part.latent_channels);
    for (float& value : y) {
      value = static_cast<float>(random.in(-300, 300)) / 100.0f;
    }
    const std::vector<uint8_t> payload =
        dlf::encode_payload(model(index), grid, 1, tokens, y).payload;
    input.insert(input.end(), payload.begin(), payload.end());
    seeds.push_back(input);
  }
  return seeds;
}

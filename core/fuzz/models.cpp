#include "models.h"

#include <fstream>
#include <iterator>

#include "fuzz.h"
#include "support.h"

namespace dlf_fuzz {

const std::vector<uint8_t>& test_package_bytes() {
  static const std::vector<uint8_t> bytes = [] {
    std::ifstream file(DLF_TEST_MODEL, std::ios::binary);
    std::vector<uint8_t> content(std::istreambuf_iterator<char>(file), {});
    check(!content.empty(), "the test model is at " DLF_TEST_MODEL);
    return content;
  }();
  return bytes;
}

const dlf_package* test_package() {
  static const dlf_package* const package = [] {
    dlf_package* opened = nullptr;
    const std::vector<uint8_t>& bytes = test_package_bytes();
    check(dlf_package_open_memory(bytes.data(), bytes.size(), &opened, nullptr) == DLF_OK,
          "the test model can be opened");
    return opened;
  }();
  return package;
}

dlf_limits small_limits() {
  dlf_limits limits;
  DLF_INIT(&limits);
  limits.max_pixels = 192 * 192;
  limits.max_chunk_bytes = 1 << 18;
  limits.max_memory = 64 << 20;
  return limits;
}

const dlf::ModelPackage& model(uint64_t index) {
  static const std::vector<std::shared_ptr<const dlf::ModelPackage>> all = [] {
    std::vector<std::shared_ptr<const dlf::ModelPackage>> models = {
        dlf::ModelPackage::from_archive(test_package_bytes(), "the test model")};
    for (uint64_t seed = 0; models.size() < kModels; ++seed) {
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

dlf::ImageGeometry payload_geometry(const uint8_t* prefix) {
  return dlf::ImageGeometry::of(model(prefix[0]).normative(), 1 + prefix[1] % kPayloadSides,
                                1 + prefix[2] % kPayloadSides);
}

}  // namespace dlf_fuzz

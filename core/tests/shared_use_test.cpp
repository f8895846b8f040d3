// One package, many threads: what dlf.h says of handles. Under the thread sanitizer it is also
// checked that the threads share nothing that one of them writes (tests/test_sanitizers.py).

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "entropy/symbol_codec.h"
#include "support.h"
#include "test.h"

namespace {

using Bytes = std::vector<uint8_t>;

constexpr int kThreads = 4, kRounds = 3;

Bytes read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

// Runs `body` on several threads at once; it returns whether all went well.
void on_threads(const std::function<bool()>& body) {
  std::atomic<int> ready{0}, failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (++ready; ready < kThreads;) std::this_thread::yield();
      for (int round = 0; round < kRounds; ++round) failed += body() ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(failed.load(), 0);
}

bool same_latents(const dlf_symbols* symbols, const std::vector<int32_t>& expected) {
  dlf_tensor latent;
  DLF_INIT(&latent);
  if (dlf_symbols_get(symbols, DLF_TENSOR_LATENT, &latent, nullptr) != DLF_OK) return false;
  const auto* values = static_cast<const int32_t*>(latent.data);
  const size_t count = size_t{latent.shape[0]} * latent.shape[1] * latent.shape[2];
  return count == expected.size() && std::equal(expected.begin(), expected.end(), values);
}

}  // namespace

TEST(shared_package_decodes_on_many_threads) {
  const Bytes model = read(DLF_TEST_MODEL);
  const Bytes file = read(DLF_VECTORS "/test-all-chunks/input.dlf");
  dlf_package* package = nullptr;
  CHECK_EQ(dlf_package_open_memory(model.data(), model.size(), &package, nullptr), DLF_OK);
  dlf_symbols* first = nullptr;
  dlf_tensor latent;
  DLF_INIT(&latent);
  CHECK_EQ(dlf_symbols_decode(file.data(), file.size(), package, nullptr, &first, nullptr), DLF_OK);
  CHECK_EQ(dlf_symbols_get(first, DLF_TENSOR_LATENT, &latent, nullptr), DLF_OK);
  const auto* values = static_cast<const int32_t*>(latent.data);
  const std::vector<int32_t> expected(
      values, values + size_t{latent.shape[0]} * latent.shape[1] * latent.shape[2]);
  on_threads([&] {
    dlf_info info;
    dlf_estimate estimate;
    dlf_package_info about;
    DLF_INIT(&info);
    DLF_INIT(&estimate);
    DLF_INIT(&about);
    bool fine = dlf_probe(file.data(), file.size(), &info, nullptr) == DLF_OK;
    fine &=
        dlf_estimate_decoding(file.data(), file.size(), package, 2, &estimate, nullptr) == DLF_OK;
    fine &= dlf_package_get_info(package, &about, nullptr) == DLF_OK;
    fine &= std::strlen(dlf_package_json(package)) > 2;
    fine &= dlf_verify(file.data(), file.size(), package, nullptr, nullptr) == DLF_OK;
    dlf_symbols* symbols = nullptr;
    fine &=
        dlf_symbols_decode(file.data(), file.size(), package, nullptr, &symbols, nullptr) == DLF_OK;
    fine = fine && same_latents(symbols, expected) && same_latents(first, expected);
    dlf_symbols_free(symbols);
    dlf_chunks* chunks = nullptr;
    fine &= dlf_chunks_open(file.data(), file.size(), nullptr, &chunks, nullptr) == DLF_OK;
    fine &= dlf_chunks_count(chunks) > 1;
    dlf_chunks_free(chunks);
    dlf_info damaged;
    DLF_INIT(&damaged);
    fine &= dlf_probe(file.data() + 1, file.size() - 1, &damaged, nullptr) == DLF_INVALID_FILE;
    return fine;
  });
  dlf_symbols_free(first);
  dlf_package_free(package);
}

TEST(shared_package_feeds_decoders_on_many_threads) {
  const Bytes file = read(DLF_VECTORS "/test-all-chunks/input.dlf");
  dlf_package* package = nullptr;
  CHECK_EQ(dlf_package_open(DLF_TEST_MODEL, &package, nullptr), DLF_OK);
  on_threads([&] {
    dlf_decoder* decoder = nullptr;
    bool fine = dlf_decoder_open(package, nullptr, &decoder, nullptr) == DLF_OK;
    for (size_t at = 0; at < file.size(); at += 37) {
      fine &= dlf_decoder_push(decoder, file.data() + at, std::min<size_t>(37, file.size() - at),
                               nullptr) == DLF_OK;
    }
    fine &= dlf_decoder_finish(decoder, nullptr) == DLF_OK;
    dlf_symbols* symbols = nullptr;
    fine &= dlf_decoder_symbols(decoder, &symbols, nullptr) == DLF_OK;
    dlf_symbols_free(symbols);
    dlf_decoder_free(decoder);
    return fine;
  });
  dlf_package_free(package);
}

TEST(shared_bytes_are_opened_as_packages_on_many_threads) {
  const Bytes model = read(DLF_TEST_MODEL);
  on_threads([&] {
    dlf_package* package = nullptr;
    const dlf_status status =
        dlf_package_open_memory(model.data(), model.size(), &package, nullptr);
    dlf_package_free(package);
    return status == DLF_OK;
  });
}

TEST(shared_model_codes_on_many_threads_that_use_threads) {
  const auto model = dlf_test::random_package(9);
  const dlf::NormativePart& part = model->normative();
  const auto grid = dlf::ImageGeometry::of(part, 400, 300);
  const std::vector<int16_t> tokens(grid.windows() * part.tokens_stride(), 1);
  const std::vector<float> y(size_t{grid.latent_h} * grid.latent_w * part.latent_channels, 2.0f);
  const dlf::EncodedPayload alone = dlf::encode_payload(*model, grid, 1, tokens, y);
  on_threads([&] {
    dlf::PayloadOptions options;
    options.threads = 3;
    const dlf::EncodedPayload coded = dlf::encode_payload(*model, grid, 1, tokens, y, options);
    const dlf::SymbolSet back = dlf::decode_payload(*model, grid, 1, coded.payload, options);
    return coded.payload == alone.payload && back.latent == alone.symbols.latent;
  });
}

// The whole torch-free decoder through dlf.h, as a server meets it: bytes from a stranger, limits,
// the test model.

#include "fuzz.h"
#include "models.h"
#include "mutate.h"

using dlf_fuzz::check;
using dlf_fuzz::check_status;
using dlf_fuzz::test_package;

namespace {

void check_symbols(const dlf_symbols* symbols, const dlf_info& info) {
  dlf_tensor latent, tokens;
  DLF_INIT(&latent);
  DLF_INIT(&tokens);
  check(dlf_symbols_get(symbols, DLF_TENSOR_LATENT, &latent, nullptr) == DLF_OK, "latents");
  check(dlf_symbols_get(symbols, DLF_TENSOR_TOKENS, &tokens, nullptr) == DLF_OK, "tokens");
  dlf_package_info package;
  DLF_INIT(&package);
  check(dlf_package_get_info(test_package(), &package, nullptr) == DLF_OK, "package");
  const uint32_t columns = (info.width + package.window - 1) / package.window;
  const uint32_t rows = (info.height + package.window - 1) / package.window;
  check(tokens.shape[0] == rows * columns, "one row of tokens for each window");
  check(latent.shape[0] == package.latent_channels, "channels");
  check(latent.shape[1] >= (info.height + package.latent_stride - 1) / package.latent_stride &&
            latent.shape[2] >= (info.width + package.latent_stride - 1) / package.latent_stride,
        "the latents cover the picture");
  const auto* values = static_cast<const int32_t*>(latent.data);
  int32_t all = 0;
  for (size_t i = 0; i < size_t{latent.shape[0]} * latent.shape[1] * latent.shape[2]; ++i) {
    all |= values[i];
  }
  check(all != INT32_MIN || values != nullptr, "every latent is readable");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const dlf_limits limits = dlf_fuzz::small_limits();
  dlf_info info;
  dlf_estimate estimate;
  DLF_INIT(&info);
  DLF_INIT(&estimate);

  const dlf_status probed = dlf_probe(data, size, &info, nullptr);
  const dlf_status estimated =
      dlf_estimate_decoding(data, size, test_package(), 1, &estimate, nullptr);
  if (probed == DLF_OK) {
    check_status(estimated, {DLF_OK, DLF_MODEL_ERROR});
  } else {
    check(estimated == probed, "an estimate needs a valid header");
  }

  dlf_symbols* symbols = nullptr;
  const dlf_status decoded =
      dlf_symbols_decode(data, size, test_package(), &limits, &symbols, nullptr);
  check_status(decoded, {DLF_OK, DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED,
                         DLF_LIMIT_EXCEEDED, DLF_MODEL_ERROR});
  check((symbols != nullptr) == (decoded == DLF_OK), "a handle exactly on success");
  if (probed != DLF_OK) check(decoded == probed, "a broken header is named the same way");
  if (decoded == DLF_OK) {
    check(uint64_t{info.width} * info.height <= limits.max_pixels, "the limit of pixels holds");
    check_symbols(symbols, info);
    // Only the alpha plane is looked at more closely.
    check_status(dlf_verify(data, size, test_package(), &limits, nullptr),
                 {DLF_OK, info.channels % 2 == 0 ? DLF_UNSUPPORTED : DLF_OK});
  }
  dlf_symbols_free(symbols);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return dlf_fuzz::mutate_file(data, size, max_size, seed);
}

#include "codec/latent_replacement.h"

#include "base/status.h"
#include "codec/size_search.h"
#include "entropy/symbol_codec.h"

namespace dlf {
namespace {

// A file that is read once and written at several prices.
class Replacement {
 public:
  Replacement(const FileView& file, const ModelPackage& model, const std::vector<float>& latents,
              const ReadOptions& options)
      : model_(model),
        latents_(latents),
        threads_(options.threads),
        opened_(open_file(file, model, options)),
        symbols_(read_symbols(opened_, model, options)) {}

  std::vector<uint8_t> at(double bit_price) const {
    EntropyOptions entropy;
    entropy.threads = threads_;
    entropy.bit_price = bit_price;
    const Header& header = opened_.file.header;
    const EncodedPayload coded =
        encode_payload(model_, opened_.geometry, header.rate, symbols_.tokens, latents_, entropy,
                       symbols_.map ? &*symbols_.map : nullptr);
    return write_file(header, coded.payload, opened_.file.chunks);
  }

 private:
  const ModelPackage& model_;
  const std::vector<float>& latents_;
  int threads_;
  OpenedFile opened_;
  SymbolSet symbols_;
};

}  // namespace

std::vector<uint8_t> replace_latents(const FileView& file, const ModelPackage& model,
                                     const std::vector<float>& latents, double bit_price,
                                     const ReadOptions& options) {
  if (!(bit_price >= 0)) fail(DLF_INVALID_ARGUMENT, "the price of a bit must be at least 0");
  return Replacement(file, model, latents, options).at(bit_price);
}

std::vector<uint8_t> replace_latents_to_size(const FileView& file, const ModelPackage& model,
                                             const std::vector<float>& latents, uint64_t max_bytes,
                                             const ReadOptions& options) {
  const Replacement replacement(file, model, latents, options);
  return fit_by_price(max_bytes, [&](double bit_price) { return replacement.at(bit_price); });
}

}  // namespace dlf

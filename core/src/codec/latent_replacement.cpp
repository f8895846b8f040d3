#include "codec/latent_replacement.h"

#include "base/status.h"
#include "entropy/symbol_codec.h"

namespace dlf {

std::vector<uint8_t> replace_latents(const FileView& file, const ModelPackage& model,
                                     const std::vector<float>& latents, double bit_price,
                                     const ReadOptions& options) {
  if (!(bit_price >= 0)) fail(DLF_INVALID_ARGUMENT, "the price of a bit must be at least 0");
  const OpenedFile opened = open_file(file, model, options);
  const SymbolSet symbols = read_symbols(opened, model, options);
  EntropyOptions entropy;
  entropy.threads = options.threads;
  entropy.bit_price = bit_price;
  const Header& header = opened.file.header;
  const EncodedPayload coded =
      encode_payload(model, opened.geometry, header.rate, symbols.tokens, latents, entropy,
                     symbols.map ? &*symbols.map : nullptr);
  return write_file(header, coded.payload, opened.file.chunks);
}

}  // namespace dlf

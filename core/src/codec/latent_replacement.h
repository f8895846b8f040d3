// A file with other latents: tokens, rates, map, chunks and all else of it stay.
//
// Encoders that choose latents themselves, say by looking at what a decoder draws of them, begin
// with an ordinary file and end here.
//
// Thread safety: a function without state.
#ifndef DLF_SRC_CODEC_LATENT_REPLACEMENT_H_
#define DLF_SRC_CODEC_LATENT_REPLACEMENT_H_

#include <cstdint>
#include <vector>

#include "codec/file_reader.h"
#include "container/bitstream.h"
#include "model/model_package.h"

namespace dlf {

// The file with its detail layer coded anew from `latents`, which are as for encode_payload.
// `bit_price`: see quantiser.h. Throws what open_file and read_symbols throw, and
// DLF_INVALID_ARGUMENT for latents of another number than the file's, or for a price below 0.
std::vector<uint8_t> replace_latents(const FileView& file, const ModelPackage& model,
                                     const std::vector<float>& latents, double bit_price,
                                     const ReadOptions& options);

// The same in at most `max_bytes`, by the price that fit_by_price finds. Throws TooFewBytes where
// no price is high enough.
std::vector<uint8_t> replace_latents_to_size(const FileView& file, const ModelPackage& model,
                                             const std::vector<float>& latents, uint64_t max_bytes,
                                             const ReadOptions& options);

}  // namespace dlf

#endif  // DLF_SRC_CODEC_LATENT_REPLACEMENT_H_

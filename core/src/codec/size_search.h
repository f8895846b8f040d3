// Finding the file that fills a given size: over rate points, then over the price of a bit.
//
// Thread safety: a function without state.
#ifndef DLF_SRC_CODEC_SIZE_SEARCH_H_
#define DLF_SRC_CODEC_SIZE_SEARCH_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "base/status.h"

namespace dlf {

// No rate point fits: DLF_INVALID_ARGUMENT, of a class of its own so that callers can try a smaller
// picture.
class TooFewBytes : public Error {
 public:
  TooFewBytes(uint64_t max_bytes, uint64_t smallest);
};

// Codes the picture at a rate point and a price of a bit (quantiser.h) and returns the file.
using SizeTrial = std::function<std::vector<uint8_t>(int rate, double bit_price)>;

// Codes what is given at a price of a bit and returns the file.
using PriceTrial = std::function<std::vector<uint8_t>(double bit_price)>;

// The largest file of at most `max_bytes` among the prices tried, 0 first; it may leave some bytes
// unused. Throws TooFewBytes, naming the smallest size, when no price is high enough.
std::vector<uint8_t> fit_by_price(uint64_t max_bytes, const PriceTrial& trial);

// The best file of at most `max_bytes`. Sizes grow with the rate point, but only nearly. Where the
// largest rate point that fits leaves bytes over, the next one is made to fit by a price on bits.
// It drops the symbols that cost most for what they give. Deterministic; the same trials are never
// made twice. Throws TooFewBytes, naming the smallest size, when no rate point fits.
std::vector<uint8_t> fill_size(uint64_t max_bytes, int rate_points, const SizeTrial& trial);

}  // namespace dlf

#endif  // DLF_SRC_CODEC_SIZE_SEARCH_H_

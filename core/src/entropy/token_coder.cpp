#include "entropy/token_coder.h"

#include "entropy/code_length.h"

namespace dlf {
namespace {

// Walks the digits of one window in coding order, with the table of each (§6.2, §6.3).
class Window {
 public:
  Window(const NormativePart& model, const ImageGeometry& geometry,
         const std::vector<int16_t>& tokens, size_t index)
      : model_(model),
        tokens_(tokens),
        stride_(model.tokens_stride()),
        start_(index * stride_),
        has_left_(index % geometry.windows_x != 0),
        has_above_(index >= geometry.windows_x),
        above_(size_t{geometry.windows_x} * stride_) {}

  // visit(table, position in tokens) for every digit from number `first` on, until it says false.
  template <typename Visit>
  bool each_digit(uint32_t bank, size_t first, const Visit& visit) const {
    const uint32_t digits = model_.digits();
    for (size_t i = first; i < stride_; ++i) {
      const size_t at = start_ + i;
      const uint32_t slot = static_cast<uint32_t>(i) / digits;
      const uint32_t digit = static_cast<uint32_t>(i) % digits;
      const uint32_t left = has_left_ ? digit_plus_one(at - stride_) : 0;
      const uint32_t above = has_above_ ? digit_plus_one(at - above_) : 0;
      const uint16_t row = model_.token_table(bank, slot, digit, left, above);
      if (!visit(model_.token_tables[row], at)) return false;
    }
    return true;
  }

 private:
  uint32_t digit_plus_one(size_t at) const { return static_cast<uint32_t>(tokens_[at] + 1); }

  const NormativePart& model_;
  const std::vector<int16_t>& tokens_;
  size_t stride_, start_;
  bool has_left_, has_above_;
  size_t above_;
};

double bits_with_bank(const NormativePart& model, const Window& window,
                      const std::vector<int16_t>& tokens, uint32_t bank) {
  double total = model.banks > 1 ? entry_bits(model.token_tables[0], bank) : 0;
  window.each_digit(bank, 0, [&](const FrequencyTable& table, size_t at) {
    total += entry_bits(table, static_cast<uint32_t>(tokens[at]));
    return true;
  });
  return total;
}

uint8_t cheapest_bank(const NormativePart& model, const Window& window,
                      const std::vector<int16_t>& tokens) {
  uint8_t best = 0;
  double best_bits = 0;
  for (uint32_t bank = 0; bank < model.banks; ++bank) {
    const double total = bits_with_bank(model, window, tokens, bank);
    if (bank == 0 || total < best_bits) {
      best = static_cast<uint8_t>(bank);
      best_bits = total;
    }
  }
  return best;
}

}  // namespace

std::vector<uint8_t> encode_tokens(const NormativePart& model, const ImageGeometry& geometry,
                                   const std::vector<int16_t>& tokens, RansEncoder& encoder) {
  std::vector<uint8_t> banks(static_cast<size_t>(geometry.windows()));
  for (size_t i = 0; i < banks.size(); ++i) {
    const Window window(model, geometry, tokens, i);
    if (model.banks > 1) {
      banks[i] = cheapest_bank(model, window, tokens);
      encoder.put_entry(model.token_tables[0], banks[i]);  // §6.2.1
    }
    window.each_digit(banks[i], 0, [&](const FrequencyTable& table, size_t at) {  // §6.2.2
      encoder.put_entry(table, static_cast<uint32_t>(tokens[at]));
      return true;
    });
  }
  return banks;
}

std::vector<double> token_bits(const NormativePart& model, const ImageGeometry& geometry,
                               const std::vector<int16_t>& tokens,
                               const std::vector<uint8_t>& banks) {
  std::vector<double> out(banks.size());
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = bits_with_bank(model, Window(model, geometry, tokens, i), tokens, banks[i]);
  }
  return out;
}

TokenReader::TokenReader(const NormativePart& model, const ImageGeometry& geometry)
    : model_(model),
      geometry_(geometry),
      tokens_(checked_multiply(static_cast<size_t>(geometry.windows()), model.tokens_stride(),
                               "tokens")),
      banks_(static_cast<size_t>(geometry.windows())) {}

bool TokenReader::read(RansDecoder& decoder) {
  for (; window_ < banks_.size(); ++window_, has_bank_ = false, digit_ = 0) {
    if (model_.banks > 1 && !has_bank_) {
      const uint32_t bank = decoder.get_entry(model_.token_tables[0]);
      if (decoder.exhausted()) return false;
      banks_[window_] = static_cast<uint8_t>(bank);
    }
    has_bank_ = true;
    const Window window(model_, geometry_, tokens_, window_);
    const auto take = [&](const FrequencyTable& table, size_t at) {
      const uint32_t value = decoder.get_entry(table);
      if (decoder.exhausted()) return false;
      tokens_[at] = static_cast<int16_t>(value);
      ++digit_;
      return true;
    };
    if (!window.each_digit(banks_[window_], digit_, take)) return false;
  }
  return true;
}

bool decode_tokens(const NormativePart& model, const ImageGeometry& geometry, RansDecoder& decoder,
                   std::vector<int16_t>* tokens, std::vector<uint8_t>* banks) {
  TokenReader reader(model, geometry);
  const bool complete = reader.read(decoder);
  *tokens = reader.take_tokens();
  *banks = reader.take_banks();
  return complete;
}

}  // namespace dlf

#include "entropy/rans.h"

#include <algorithm>

namespace dlf {
namespace {

// §5.2.2: the check after an entry that begins at `start`.
uint32_t next_check(uint32_t check, uint32_t start) { return (check + start + 1) * kCheckFactor; }

uint32_t final_state(uint32_t check) { return kRansLow + (check >> kCheckShift); }  // §5.4

}  // namespace

ValueCode value_code(const FrequencyTable& table, int32_t value) {
  const int64_t escape = int64_t{table.count()} - 1;
  const int64_t index = int64_t{value} - table.first;
  ValueCode out;
  if (index >= 0 && index < escape) {
    out.entry = static_cast<uint32_t>(index);
    return out;
  }
  out.entry = static_cast<uint32_t>(escape);
  // §5.3: values below the table are odd, values above are even.
  const int64_t distance = index < 0 ? 2 * (-1 - index) + 1 : 2 * (index - escape);
  out.suffix = static_cast<uint32_t>(distance) + 1;
  while ((out.suffix >> out.suffix_zeros) > 1) {
    ++out.suffix_zeros;
  }
  return out;
}

void RansEncoder::put_value(const FrequencyTable& table, int32_t value) {
  const ValueCode code = value_code(table, value);
  put_entry(table, code.entry);
  if (code.suffix == 0) {
    return;
  }
  for (int i = 0; i < code.suffix_zeros; ++i) {
    put_bit(0);
  }
  for (int i = code.suffix_zeros; i >= 0; --i) {
    put_bit((code.suffix >> i) & 1);
  }
}

std::vector<uint8_t> RansEncoder::finish(uint32_t* final) const {
  std::vector<uint8_t> reversed;
  reversed.reserve(items_.size() / 4 + 16);
  std::vector<uint32_t> checks(items_.size() + 1, 0);  // before each entry, and after the last
  for (size_t i = 0; i < items_.size(); ++i) {
    checks[i + 1] = next_check(checks[i], items_[i].start);
  }
  uint64_t state = final_state(checks.back());
  if (final != nullptr) {
    *final = static_cast<uint32_t>(state);
  }
  for (size_t i = items_.size(); i-- > 0;) {
    const uint32_t start = items_[i].start, frequency = items_[i].frequency;
    // §5.2.4: keep the next state below 2^31.
    const uint64_t limit = uint64_t{kRansLow >> kFrequencyBits << 8} * frequency;
    while (state >= limit) {
      reversed.push_back(static_cast<uint8_t>(state & 0xFF));
      state >>= 8;
    }
    const uint64_t residue = (state % frequency + start) ^ (checks[i] >> kCheckShift);
    state = ((state / frequency) << kFrequencyBits) + residue;
  }
  for (int i = 3; i >= 0; --i) {  // §5.2.1: four bytes, little-endian, in front
    reversed.push_back(static_cast<uint8_t>((state >> (8 * i)) & 0xFF));
  }
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

RansDecoder::RansDecoder(ByteView payload, uint64_t base_offset)
    : payload_(payload), base_(base_offset) {
  if (payload.size() < kRansStateBytes) {
    exhausted_ = true;
    return;
  }
  ByteReader reader(payload);
  state_ = reader.u32();
  position_ = reader.position();
  if (state_ < kRansLow || state_ >= kRansHigh) {  // §5.2.1
    fail(DLF_INVALID_FILE, "the entropy coder's first state is out of range", base_);
  }
}

bool RansDecoder::ready() {
  while (state_ < kRansLow && !exhausted_) {  // §5.2.3
    if (position_ == payload_.size()) {
      exhausted_ = true;
      break;
    }
    state_ = (state_ << 8) | payload_[position_++];
  }
  return !exhausted_;
}

// §5.2.2
uint32_t RansDecoder::residue() const {
  return (state_ & (kFrequencyTotal - 1)) ^ (check_ >> kCheckShift);
}

void RansDecoder::advance(uint32_t residue, uint32_t start, uint32_t frequency) {
  state_ = frequency * (state_ >> kFrequencyBits) + residue - start;
  check_ = next_check(check_, start);
}

uint32_t RansDecoder::get_entry(const FrequencyTable& table) {
  if (!ready()) {
    return 0;
  }
  const uint32_t at = residue();
  const auto above = std::upper_bound(table.cumulative.begin(), table.cumulative.end(), at);
  const uint32_t entry = static_cast<uint32_t>(above - table.cumulative.begin()) - 1;
  advance(at, table.cumulative[entry], table.frequency(entry));
  return entry;
}

uint32_t RansDecoder::get_bit(uint32_t zeros) {
  if (!ready()) {
    return 0;
  }
  const uint32_t at = residue();
  const bool bit = at >= zeros;
  advance(at, bit ? zeros : 0, bit ? kFrequencyTotal - zeros : zeros);
  return bit;
}

int32_t RansDecoder::get_value(const FrequencyTable& table) {
  const uint32_t escape = table.count() - 1;
  const uint32_t entry = get_entry(table);
  if (entry != escape || exhausted_) {
    return exhausted_ ? 0 : table.first + static_cast<int32_t>(entry);
  }
  int length = 0;
  while (get_bit() == 0) {  // §5.3
    if (exhausted_) {
      return 0;
    }
    if (++length > kEscapeMaxPrefix) {
      fail(DLF_INVALID_FILE, "an escaped symbol is too long", base_ + position_);
    }
  }
  uint32_t code = 1;
  for (int i = 0; i < length; ++i) {
    code = (code << 1) | get_bit();
  }
  if (exhausted_) {
    return 0;
  }
  const int32_t distance = static_cast<int32_t>(code - 1);
  return (distance & 1) != 0 ? table.first - 1 - distance / 2
                             : table.first + static_cast<int32_t>(escape) + distance / 2;
}

bool RansDecoder::at_end() {
  return ready() && state_ == final_state(check_) && position_ == payload_.size();
}

}  // namespace dlf

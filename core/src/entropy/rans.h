// The entropy coder: 32-bit rANS, byte renormalisation, 16-bit frequencies (§5.2-§5.4).
//
// Thread safety: one object belongs to one thread at a time.
#ifndef DLF_SRC_ENTROPY_RANS_H_
#define DLF_SRC_ENTROPY_RANS_H_

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/constants.h"
#include "model/normative.h"

namespace dlf {

// How a value is coded with a table whose last entry is the escape (§5.3).
struct ValueCode {
  uint32_t entry = 0;   // of the table
  uint32_t suffix = 0;  // after an escape, as Exp-Golomb code of `suffix_bits` bits; 0: none
  int suffix_zeros = 0;

  int suffix_bits() const { return suffix == 0 ? 0 : 2 * suffix_zeros + 1; }
};

ValueCode value_code(const FrequencyTable& table, int32_t value);

// Collects (start, frequency) pairs in coding order and codes them backwards at the end.
class RansEncoder {
 public:
  // One symbol of `frequency` (1..65536) whose cumulative start is `start`.
  void put(uint32_t start, uint32_t frequency) { items_.push_back({start, frequency}); }
  void put_entry(const FrequencyTable& table, uint32_t entry) {
    put(table.cumulative[entry], table.frequency(entry));
  }
  // An entry of a table of two, of which the first has the frequency `zeros`; a raw bit without.
  void put_bit(uint32_t bit, uint32_t zeros = kFrequencyTotal / 2) {
    put(bit ? zeros : 0, bit ? kFrequencyTotal - zeros : zeros);
  }
  // Value with escape in the last entry (§5.3).
  void put_value(const FrequencyTable& table, int32_t value);

  size_t size() const { return items_.size(); }
  // Drops the symbols put after the first `count` (to try an alternative).
  void rewind(size_t count) { items_.resize(count); }
  // The payload. `final` receives the state that the decoder will end with (§5.4).
  std::vector<uint8_t> finish(uint32_t* final = nullptr) const;

 private:
  struct Item {
    uint32_t start, frequency;
  };
  std::vector<Item> items_;
};

class RansDecoder {
 public:
  // Throws DLF_INVALID_FILE when the first state is out of range. `base_offset` is for messages.
  explicit RansDecoder(ByteView payload, uint64_t base_offset = 0);

  // Each returns 0 and sets exhausted() when the symbol needs a byte that is not there (§5.2.5);
  // the caller decides what that means. Nothing more is decoded then before extend().
  uint32_t get_entry(const FrequencyTable& table);
  // An entry of a table of two, of which the first has the frequency `zeros`; a raw bit without.
  uint32_t get_bit(uint32_t zeros = kFrequencyTotal / 2);
  // Value with escape in the last entry; DLF_INVALID_FILE for a prefix that is too long.
  int32_t get_value(const FrequencyTable& table);

  bool exhausted() const { return exhausted_; }
  // Goes on with a payload of which more bytes have come; `payload` begins with those read so far.
  void extend(ByteView payload) {
    payload_ = payload;
    exhausted_ = false;
  }
  // Reads what the last symbol still needs; true when the state fits the check and every byte was
  // used (§5.4).
  bool at_end();

  uint32_t state() const { return state_; }
  size_t position() const { return position_; }

 private:
  bool ready();
  uint32_t residue() const;
  void advance(uint32_t residue, uint32_t start, uint32_t frequency);

  ByteView payload_;
  uint64_t base_ = 0;
  size_t position_ = 0;
  uint32_t state_ = 0;
  uint32_t check_ = 0;
  bool exhausted_ = false;
};

}  // namespace dlf

#endif  // DLF_SRC_ENTROPY_RANS_H_

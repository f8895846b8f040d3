// SHA-256 (FIPS 180-4) of model packages (Annex A).
//
// Thread safety: functions are pure; a Sha256 object belongs to one thread at a time.
#ifndef DLF_SRC_CONTAINER_SHA256_H_
#define DLF_SRC_CONTAINER_SHA256_H_

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace dlf {

using Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  // `force_plain` avoids the CPU's SHA instructions (for tests); the digest is the same.
  explicit Sha256(bool force_plain = false);
  void update(ByteView bytes);
  Digest finish();

 private:
  void block(const uint8_t* data, size_t count);

  [[maybe_unused]] bool force_plain_;  // there is a choice on some CPUs only
  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> buffer_;
  size_t buffered_ = 0;
  uint64_t total_ = 0;
};

Digest sha256(ByteView bytes);

// Lower case.
std::string to_hex(const Digest& digest);

}  // namespace dlf

#endif  // DLF_SRC_CONTAINER_SHA256_H_

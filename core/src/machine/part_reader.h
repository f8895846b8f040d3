// Reads what the binary parts of a model package have in common (A.2.8 to A.2.10): rate vectors,
// layers and programs.
//
// Thread safety: one object belongs to one thread.
#ifndef DLF_SRC_MACHINE_PART_READER_H_
#define DLF_SRC_MACHINE_PART_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "machine/program.h"

namespace dlf {

using RateVectors = std::vector<std::vector<int16_t>>;  // [R][P]

// Every broken rule is DLF_MODEL_ERROR with the byte offset.
class PartReader {
 public:
  explicit PartReader(ByteView bytes) : reader_(bytes, DLF_MODEL_ERROR, DLF_MODEL_ERROR) {}

  ByteReader& bytes() { return reader_; }
  void require(bool condition, const std::string& what) const;
  // Returns `value`, which must be in [low, high].
  uint32_t in_range(uint32_t value, uint32_t low, uint32_t high, const char* name) const;
  void end() const { require(reader_.remaining() == 0, "bytes after the last field"); }

  // `rate_points` vectors of the same length, which is read first and is at least `least`.
  RateVectors rate_vectors(uint32_t rate_points, uint32_t least);
  std::vector<ConvLayer> layers(uint16_t format);  // not packed
  Program program(uint16_t format);                // not yet checked

 private:
  ConvLayer layer(uint16_t format);
  std::vector<int32_t> int32_array(uint32_t count);

  ByteReader reader_;
};

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_PART_READER_H_

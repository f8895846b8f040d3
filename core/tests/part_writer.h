// The only writer of the binary parts of model packages in C++ (Annex A.2, A.3).
#ifndef DLF_TESTS_PART_WRITER_H_
#define DLF_TESTS_PART_WRITER_H_

#include <cstdint>
#include <vector>

#include "model/encoder_part.h"
#include "model/normative.h"

namespace dlf_test {

// In the format that the part states.
std::vector<uint8_t> to_bytes(const dlf::NormativePart& part);
std::vector<uint8_t> to_bytes(const dlf::EncoderPart& part);

}  // namespace dlf_test

#endif  // DLF_TESTS_PART_WRITER_H_

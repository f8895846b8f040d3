// Random integer packages: small networks in which every input matters.
#ifndef DLF_TESTS_INTEGER_SUPPORT_H_
#define DLF_TESTS_INTEGER_SUPPORT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "model/encoder_part.h"
#include "model/model_package.h"
#include "support.h"

namespace dlf_test {

// Windows of 64 pixels, latents of 32. Reads noise at cells 4 and 2 and rate vectors, allows
// importance maps; has a program for 1/2 and none for 1/4 and 1/8.
dlf::NormativePart integer_part(Random& random);
dlf::EncoderPart encoder_part(Random& random, const dlf::NormativePart& part);

// A whole package file of both.
std::vector<uint8_t> integer_archive(uint64_t seed);
std::shared_ptr<const dlf::ModelPackage> integer_package(uint64_t seed);

}  // namespace dlf_test

#endif  // DLF_TESTS_INTEGER_SUPPORT_H_

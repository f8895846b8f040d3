// Random model packages and data for the tests, from a seed.
#ifndef DLF_TESTS_SUPPORT_H_
#define DLF_TESTS_SUPPORT_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "machine/tensor.h"
#include "model/model_package.h"
#include "model/normative.h"
#include "zip_writer.h"

namespace dlf_test {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  // Uniform in [low, high].
  int64_t in(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  bool coin() { return in(0, 1) == 1; }
  // Mostly ordinary, sometimes an extreme of int16.
  int16_t sample();
  std::vector<uint8_t> bytes(size_t count);
  dlf::Tensor tensor(uint32_t channels, uint32_t height, uint32_t width);

 private:
  std::mt19937_64 engine_;
};

// Frequencies of `count` entries, very uneven, summing to 65536.
dlf::FrequencyTable random_table(Random& random, uint32_t count, int32_t first);
// A layer that satisfies the bound on accumulators and uses it fully in some channels.
dlf::ConvLayer random_layer(Random& random, bool depthwise, uint8_t kernel, uint16_t in_channels,
                            uint16_t out_channels);

struct PartOptions {
  uint16_t window = 64;
  uint16_t align = 32;
  uint16_t tokens = 2;
  std::vector<uint16_t> levels = {5, 3};
  bool context = true;
  uint8_t banks = 2;
  uint16_t channels = 8;
  bool use_tokens = true;  // program init has two inputs
};

// A valid normative part in which every instruction occurs and the prior depends on everything.
dlf::NormativePart random_part(Random& random, const PartOptions& options = {});
std::shared_ptr<const dlf::ModelPackage> random_package(uint64_t seed,
                                                        const PartOptions& options = {});

// The digest that A.1.3 asks for.
dlf::Digest digest_of(std::vector<Member> members);
// A whole package around `part`: sets its digest, adds three other members and `more`.
std::vector<uint8_t> make_package(dlf::NormativePart part, const std::vector<Member>& more = {});

}  // namespace dlf_test

#endif  // DLF_TESTS_SUPPORT_H_

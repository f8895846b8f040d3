// Runs a fuzz target without libFuzzer, for compilers that lack it:
//
//   target [seconds] [seed] [FILE...]
//
// First every FILE as it is, then random data and random changes of the target's own seeds until
// the time is over (default 10 s). A crash or a sanitizer report ends the program; the input that
// caused it is in crash-input.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "fuzz.h"

namespace {

using Bytes = std::vector<uint8_t>;

Bytes read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

void run(const Bytes& input) {
  std::ofstream("crash-input", std::ios::binary)
      .write(reinterpret_cast<const char*>(input.data()),
             static_cast<std::streamsize>(input.size()));
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : engine_(seed) {}

  size_t below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(engine_);
  }

  Bytes next(const std::vector<Bytes>& seeds) {
    Bytes input;
    if (seeds.empty() || below(20) == 0) {
      input.resize(below(300));
      for (uint8_t& byte : input) byte = random_byte();
      return input;
    }
    input = seeds[below(seeds.size())];
    for (size_t changes = below(4) + 1; changes > 0; --changes) change(input, seeds);
    return input;
  }

 private:
  uint8_t random_byte() {
    static const uint8_t edges[] = {0, 1, 0x7F, 0x80, 0xFF};
    return below(3) == 0 ? edges[below(5)] : static_cast<uint8_t>(below(256));
  }

  void change(Bytes& input, const std::vector<Bytes>& seeds) {
    if (input.empty()) return;
    const auto at = [&](size_t i) { return input.begin() + static_cast<std::ptrdiff_t>(i); };
    const size_t i = below(input.size());
    switch (below(6)) {
      case 0:
        input[i] ^= static_cast<uint8_t>(1u << below(8));
        break;
      case 1:
        input[i] = random_byte();
        break;
      case 2:
        input.resize(i);
        break;
      case 3:
        input.erase(at(i), at(i + 1 + below(input.size() - i)));
        break;
      case 4:
        input.insert(at(i), 1 + below(8), random_byte());
        break;
      default: {
        const Bytes& other = seeds[below(seeds.size())];
        if (!other.empty()) {
          input.resize(i);
          input.insert(input.end(), other.end() - static_cast<std::ptrdiff_t>(below(other.size())),
                       other.end());
        }
      }
    }
  }

  std::mt19937_64 engine_;
};

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
  Mutator mutator(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1);
  std::vector<Bytes> seeds = fuzz_seeds();
  for (int i = 3; i < argc; ++i) {
    seeds.push_back(read_file(argv[i]));
  }
  for (const Bytes& seed : seeds) {
    run(seed);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  size_t runs = 0;
  while (std::chrono::steady_clock::now() < end) {
    run(mutator.next(seeds));
    ++runs;
  }
  std::remove("crash-input");
  std::printf("%zu inputs, no crash\n", runs);
  return 0;
}

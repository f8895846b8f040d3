// How fast each set of kernels convolves, beside what the CPU could do at most.
//
//   machine_speed [ROUNDS]
//
// Prints a Markdown table: GMAC/s of one thread, by CPU time, the best of ROUNDS (default 7). The
// peak of a set is that of its multiply-accumulate instruction on registers alone.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "machine/kernel_choice.h"
#include "machine/tensors.h"
#include "machine_support.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define DLF_PEAKS 1
#endif

namespace {

constexpr size_t kChained = 6;  // layers of one kind in a program, one after the other

struct Shape {
  const char* name;
  uint8_t kernel;
  uint16_t channels;
  uint32_t height, width;  // of the grid, for a picture of 768x512
};

const Shape kShapes[] = {
    {"3x3, 192 channels at 1/16", 3, 192, 32, 48}, {"3x3, 96 at 1/8", 3, 96, 64, 96},
    {"3x3, 48 at 1/4", 3, 48, 128, 192},           {"3x3, 16 at 1/2", 3, 16, 256, 384},
    {"1x1, 192 at 1/16", 1, 192, 32, 48},          {"1x1, 96 at 1/8", 1, 96, 64, 96},
    {"1x1, 48 at 1/4", 1, 48, 128, 192},
};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double best_of(int rounds, const std::function<void()>& work) {
  double best = 1e9;
  for (int i = 0; i < rounds; ++i) {
    const double start = cpu_seconds();
    work();
    best = std::min(best, cpu_seconds() - start);
  }
  return best;
}

double gmacs(const Shape& shape, const dlf::Kernels& kernels, int rounds) {
  dlf_test::Random random(1);
  std::vector<dlf::ConvLayer> layers;
  dlf::Program program;
  for (size_t i = 0; i < kChained; ++i) {
    layers.push_back(dlf_test::bounded_layer(random, false, shape.kernel, shape.channels,
                                             shape.channels, INT16_MAX + 1));
    const auto at = static_cast<uint16_t>(i);
    program.instructions.push_back(
        {dlf::Op::kConv, static_cast<uint16_t>(at + 1), {at}, static_cast<int32_t>(i), 0});
  }
  program.registers = kChained + 1;
  program.inputs = 1;
  program.outputs = {kChained};
  dlf::ProgramContract contract;
  contract.window = 1;
  contract.inputs = {{shape.channels, 1, {INT16_MIN, INT16_MAX}}};
  contract.outputs = {{0, 1}};
  dlf::check_program(layers, contract, program, "speed");
  const dlf::Tensor source = random.tensor(shape.channels, shape.height, shape.width);
  dlf::MachineOptions options;
  options.kernels = &kernels;
  const double seconds = best_of(rounds, [&] {
    dlf::run_program(layers, program, {shape.height, shape.width}, {dlf::from_tensor(source)}, 32,
                     options);
  });
  const double macs = 1.0 * kChained * shape.kernel * shape.kernel * shape.channels *
                      shape.channels * shape.height * shape.width;
  return macs / seconds / 1e9;
}

#if DLF_PEAKS
constexpr int kSums = 12;  // enough to hide an instruction's latency, and no more than registers
constexpr int kTurns = 2000000;

__attribute__((target("avx2"))) void peak_avx2() {
  __m256i sums[kSums], x = _mm256_set1_epi16(3), y = _mm256_set1_epi16(5);
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  for (int turn = 0; turn < kTurns; ++turn) {
    for (__m256i& sum : sums) {
      asm volatile("" : "+x"(x));  // or one product would do for all sums
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(x, y));
    }
  }
  for (__m256i& sum : sums) asm volatile("" : : "x"(sum));
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) void peak_vnni() {
  __m512i sums[kSums], x = _mm512_set1_epi16(3), y = _mm512_set1_epi16(5);
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (int turn = 0; turn < kTurns; ++turn) {
    for (__m512i& sum : sums) {
      asm volatile("" : "+v"(x));
      sum = _mm512_dpwssd_epi32(sum, x, y);
    }
  }
  for (__m512i& sum : sums) asm volatile("" : : "v"(sum));
}
#endif

// GMAC/s, or 0 where it is not known.
double peak(const std::string& kernels, int rounds) {
#if DLF_PEAKS
  const double turns = 1.0 * kTurns * kSums / 1e9;
  if (kernels == "avx2") return 16 * turns / best_of(rounds, peak_avx2);
  if (kernels == "vnni") return 32 * turns / best_of(rounds, peak_vnni);
#endif
  static_cast<void>(kernels);
  static_cast<void>(rounds);
  return 0;
}

}  // namespace

int main(int count, char** words) {
  const int rounds = count > 1 ? std::atoi(words[1]) : 7;
  const auto& kernels = dlf::available_kernels();
  std::string head = "| layer |", rule = "|---|", last = "| peak of the instruction |";
  for (const dlf::Kernels* set : kernels) {
    const double most = peak(set->name, rounds);
    head += std::string(" ") + set->name + " |";
    rule += "---:|";
    last += most > 0 ? " " + std::to_string(static_cast<int>(most + 0.5)) + " |" : " |";
  }
  std::printf("%s\n%s\n", head.c_str(), rule.c_str());
  for (const Shape& shape : kShapes) {
    std::printf("| %s |", shape.name);
    for (const dlf::Kernels* set : kernels) std::printf(" %.1f |", gmacs(shape, *set, rounds));
    std::printf("\n");
  }
  std::printf("%s\n", last.c_str());
  return 0;
}

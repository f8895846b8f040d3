// By hand, because `__builtin_cpu_supports` says no to everything where the compiler's own library
// leaves out its table (Zig's does), and compilers before GCC 14 do not know the name "sha".

#include "base/cpu.h"

#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif

namespace dlf {
namespace {

struct Features {
  uint32_t basic_c = 0;     // leaf 1, ecx
  uint32_t extended_b = 0;  // leaf 7, ebx
  uint32_t extended_c = 0;  // leaf 7, ecx
  uint32_t saved = 0;       // registers that the system saves for a thread

  Features() {
#if defined(__x86_64__) && defined(__GNUC__)
    uint32_t a = 0, b = 0, d = 0;
    if (__get_cpuid(1, &a, &b, &basic_c, &d) == 0) return;
    if (__get_cpuid_count(7, 0, &a, &extended_b, &extended_c, &d) == 0) extended_b = extended_c = 0;
    if (!bit(basic_c, 27)) return;  // no xgetbv for programs
    __asm__ __volatile__("xgetbv" : "=a"(saved), "=d"(d) : "c"(0));
#endif
  }

  static bool bit(uint32_t word, int place) { return (word >> place & 1) != 0; }
  bool saves(uint32_t registers) const { return (saved & registers) == registers; }
};

const Features& features() {
  static const Features found;
  return found;
}

constexpr uint32_t kYmm = 0x06, kZmm = 0xe6;

}  // namespace

bool has_sha_ni() {
  const Features& f = features();
  return f.bit(f.extended_b, 29) && f.bit(f.basic_c, 19) && f.bit(f.basic_c, 9);  // SSE4.1, SSSE3
}

bool has_avx2() { return features().saves(kYmm) && Features::bit(features().extended_b, 5); }

bool has_avx512_vnni() {
  const Features& f = features();
  const bool has_parts =
      f.bit(f.extended_b, 16) && f.bit(f.extended_b, 30) && f.bit(f.extended_b, 31);
  return f.saves(kZmm) && has_parts && f.bit(f.extended_c, 11);
}

}  // namespace dlf

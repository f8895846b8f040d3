// The kernels of each instruction set, and which of them this build has: kernels_plain.cpp and its
// siblings.
//
// Thread safety: functions without state.
#ifndef DLF_SRC_MACHINE_ISA_H_
#define DLF_SRC_MACHINE_ISA_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "machine/kernels.h"

// GCC for Windows spills vectors of 32 bytes to stacks that it aligns to 16 (its bug 54412).
#if defined(__x86_64__) && defined(__GNUC__) && (defined(__clang__) || !defined(_WIN32))
#define DLF_HAVE_X86 1
#elif defined(__aarch64__) && defined(__GNUC__) && !defined(__AARCH64EB__)
#define DLF_HAVE_NEON 1
#elif defined(__wasm_simd128__)
#define DLF_HAVE_WASM 1
#endif

namespace dlf {

const Kernels& plain_kernels();
// Null when the build or the CPU lacks them.
const Kernels* avx2_kernels();
const Kernels* vnni_kernels();
const Kernels* neon_kernels();
const Kernels* wasm_kernels();

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_ISA_H_

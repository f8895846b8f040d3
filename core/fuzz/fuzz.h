// What all fuzz targets share. Each *_fuzz.cpp is linked either with libFuzzer (-fsanitize=fuzzer)
// or with driver.cpp, which understands the same command line.
#ifndef DLF_FUZZ_FUZZ_H_
#define DLF_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <vector>

#include "base/status.h"

// Must return 0 for any input: errors of the library are expected, anything else is a bug.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Called once, first, where a program defines it.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);

// Changes `data` in place; returns its new size, at most `max_size`. A target defines it where a
// checksum would stop most inputs at the gate (mutate.h).
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed);

// The general mutations: libFuzzer's own, or the driver's.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace dlf_fuzz {

using Bytes = std::vector<uint8_t>;

// Ends the program, which a fuzzer reports together with the input.
inline void check(bool condition, const char* what) {
  if (!condition) {
    std::fprintf(stderr, "broken promise: %s\n", what);
    std::abort();
  }
}

// Nothing but these statuses may leave a function of the library.
inline void check_status(dlf_status status, std::initializer_list<dlf_status> allowed) {
  for (const dlf_status each : allowed) {
    if (status == each) return;
  }
  std::fprintf(stderr, "unexpected status %d: %s\n", status, dlf::status_text(status));
  std::abort();
}

// Runs `body` and lets only errors with the given statuses pass.
inline void allow_errors(std::initializer_list<dlf_status> allowed,
                         const std::function<void()>& body) {
  try {
    body();
  } catch (const dlf::Error& error) {
    check_status(error.status(), allowed);
  }
}

}  // namespace dlf_fuzz

#endif  // DLF_FUZZ_FUZZ_H_

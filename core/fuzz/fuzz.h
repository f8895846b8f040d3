// What a fuzz target provides. Each *_fuzz.cpp is linked with libFuzzer (-fsanitize=fuzzer) or with
// driver.cpp, and with the helpers of core/tests.
#ifndef DLF_FUZZ_FUZZ_H_
#define DLF_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "status.h"

// Must return 0 for any input: errors of the library are expected, anything else is a bug.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Valid inputs that driver.cpp starts from.
std::vector<std::vector<uint8_t>> fuzz_seeds();

// Runs `body` and lets only errors with the given statuses pass.
inline void allow_errors(const std::vector<dlf_status>& allowed,
                         const std::function<void()>& body) {
  try {
    body();
  } catch (const dlf::Error& error) {
    for (const dlf_status status : allowed) {
      if (error.status() == status) return;
    }
    std::fprintf(stderr, "unexpected status %d: %s\n", error.status(), error.what());
    std::abort();
  }
}

#endif  // DLF_FUZZ_FUZZ_H_

#include "machine/kernel_choice.h"

#include <cstdlib>
#include <string>

#include "machine/isa.h"

namespace dlf {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

const std::vector<const Kernels*>& available_kernels() {
  // Never destroyed: a thread of the host may still be in a call when the process ends.
  static const std::vector<const Kernels*>& all = *[] {
    auto* const made = new std::vector<const Kernels*>{&plain_kernels()};
    std::vector<const Kernels*>& found = *made;
    for (const Kernels* each : {neon_kernels(), wasm_kernels(), avx2_kernels(), vnni_kernels()}) {
      if (each != nullptr) found.push_back(each);
    }
    return made;
  }();
  return all;
}

const Kernels& default_kernels() {
  const std::string name = environment("DLF_KERNELS");
  for (const Kernels* each : available_kernels()) {
    if (name == each->name) return *each;
  }
  return *available_kernels().back();
}

}  // namespace dlf

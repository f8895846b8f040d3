#include "torch/torch_settings.h"

#include <ATen/Context.h>

#include <iterator>
#include <mutex>
#include <optional>

namespace dlf {
namespace {

using at::Float32Backend;
using at::Float32Op;
using at::Float32Precision;

// One that has no value takes that of its backend, and that one the value for all backends.
// libtorch only tells the outcome, so the two above are taken away for the question.
Float32Precision own_precision(Float32Op operation) {
  at::Context& context = at::globalContext();
  const auto taken_away = [&](Float32Backend backend) {
    const Float32Precision value = context.float32Precision(backend, Float32Op::ALL);
    context.setFloat32Precision(backend, Float32Op::ALL, Float32Precision::NONE);
    return value;
  };
  const Float32Precision of_all = taken_away(Float32Backend::GENERIC);
  const Float32Precision of_backend = taken_away(Float32Backend::MKLDNN);
  const Float32Precision own = context.float32Precision(Float32Backend::MKLDNN, operation);
  context.setFloat32Precision(Float32Backend::MKLDNN, Float32Op::ALL, of_backend);
  context.setFloat32Precision(Float32Backend::GENERIC, Float32Op::ALL, of_all);
  return own;
}

// kFull, or else what is set for the operation itself, from 1.
constexpr int kFull = 0;

template <Float32Op operation>
int precision() {
  switch (at::globalContext().float32Precision(Float32Backend::MKLDNN, operation)) {
    case Float32Precision::TF32:
    case Float32Precision::BF16:
      return 1 + static_cast<int>(own_precision(operation));
    default:
      return kFull;
  }
}

template <Float32Op operation>
void set_precision(int value) {
  const auto own =
      value == kFull ? Float32Precision::IEEE : static_cast<Float32Precision>(value - 1);
  at::globalContext().setFloat32Precision(Float32Backend::MKLDNN, operation, own);
}

// Kernels that aten::scaled_dot_product_attention may choose from, a bit each, and whether the one
// without a kernel of its own sums in bfloat16.
int attention() {
  const at::Context& context = at::globalContext();
  const bool bits[] = {context.userEnabledFlashSDP(), context.userEnabledMathSDP(),
                       context.userEnabledMemEfficientSDP(), context.userEnabledCuDNNSDP(),
                       context.allowFP16BF16ReductionMathSDP()};
  int value = 0;
  for (size_t i = 0; i < std::size(bits); ++i) value |= int{bits[i]} << i;
  return value;
}

void set_attention(int value) {
  at::Context& context = at::globalContext();
  context.setSDPUseFlash((value & 1) != 0);
  context.setSDPUseMath((value & 2) != 0);
  context.setSDPUseMemEfficient((value & 4) != 0);
  context.setSDPUseCuDNN((value & 8) != 0);
  context.setAllowFP16BF16ReductionMathSDP((value & 16) != 0);
}

constexpr int kAttention = 15;

struct Setting {
  int (*get)();
  void (*set)(int);
  int ours;
};

const Setting kSettings[] = {
    {[] { return int{at::globalContext().userEnabledMkldnn()}; },
     [](int value) { at::globalContext().setUserEnabledMkldnn(value != 0); }, 1},
    // Float32 that is cut to bfloat16 in convolutions and matrix products.
    {precision<Float32Op::CONV>, set_precision<Float32Op::CONV>, kFull},
    {precision<Float32Op::MATMUL>, set_precision<Float32Op::MATMUL>, kFull},
    {attention, set_attention, kAttention},
    // With these libtorch refuses matrix products on a GPU; ours are the same without.
    {[] {
       const at::Context& context = at::globalContext();
       return int{context.deterministicAlgorithms()} +
              2 * int{context.deterministicAlgorithmsWarnOnly()};
     },
     [](int value) {
       at::globalContext().setDeterministicAlgorithms((value & 1) != 0, (value & 2) != 0);
     },
     0},
};

std::mutex mutex;
int pins = 0;
std::optional<int> of_host[std::size(kSettings)];

}  // namespace

void PinnedSettings::pin() {
  const std::lock_guard<std::mutex> lock(mutex);
  ++pins;
  for (size_t i = 0; i < std::size(kSettings); ++i) {
    const Setting& setting = kSettings[i];
    const int value = setting.get();
    if (value == setting.ours) continue;
    of_host[i] = value;
    setting.set(setting.ours);
  }
}

void PinnedSettings::put_back() {
  const std::lock_guard<std::mutex> lock(mutex);
  if (--pins > 0) return;
  for (size_t i = 0; i < std::size(kSettings); ++i) {
    const Setting& setting = kSettings[i];
    if (of_host[i] && setting.get() == setting.ours) setting.set(*of_host[i]);
    of_host[i].reset();
  }
}

}  // namespace dlf

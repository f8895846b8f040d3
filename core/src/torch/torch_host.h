// What a call into libtorch needs set for its thread; libtorch's errors as ours.
// Part of the only set of files that includes libtorch (torchscript_transform.h).
//
// The thread is one of ours (own_thread.h), so what libtorch keeps for each thread is as in a fresh
// process: gradients, autocast, modes of the dispatcher, function transforms, default device.
//
// Thread safety: all settings are those of the calling thread alone, but for torch_settings.h.
#ifndef DLF_SRC_TORCH_TORCH_HOST_H_
#define DLF_SRC_TORCH_TORCH_HOST_H_

#include <ATen/Context.h>
#include <c10/core/Device.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <cfenv>
#include <functional>
#include <new>
#include <string>

#include "base/fork_gate.h"
#include "base/status.h"
#include "codec/transforms.h"
#include "torch/torch_settings.h"
#include "torch/torch_thread.h"

namespace dlf {

// The default rounding and denormal handling, which a thread inherits from the host's.
class DefaultFloatingPoint {
 public:
  DefaultFloatingPoint() { std::fesetenv(FE_DFL_ENV); }
};

// Autocast, where the precision asks for it.
class OwnAutocast {
 public:
  OwnAutocast(c10::Device device, Precision precision);
  ~OwnAutocast();
  OwnAutocast(const OwnAutocast&) = delete;
  OwnAutocast& operator=(const OwnAutocast&) = delete;

 private:
  c10::DeviceType kind_;
  bool on_;
};

// Everything together; one at a time on a thread. A fork waits until the next operator of the
// networks begins, and happens there.
class Inference {
 public:
  Inference(c10::Device device, Precision precision);
  ~Inference();
  Inference(const Inference&) = delete;
  Inference& operator=(const Inference&) = delete;

  // Lets a fork pass, which then finds the host's settings.
  void pause();

 private:
  Inside inside_;
  PinnedSettings settings_;
  DefaultFloatingPoint floating_point_;
  c10::InferenceMode mode_;
  OwnAutocast autocast_;
  // cuBLAS in full float32; convolutions are told one by one (see exact_convolutions).
  at::NoTF32Guard no_tf32_;
  // The optimising executor would profile and compile the graph again for every new image size.
  torch::jit::GraphOptimizerEnabledGuard no_profiling_{false};
};

// Throws libtorch's error `text` as ours, in one line: DLF_OUT_OF_MEMORY when it says so, else
// DLF_MODEL_ERROR.
[[noreturn]] void fail_as_libtorch(const char* what, const std::string& text);

// Runs `action`, turning libtorch's exceptions into ours.
template <typename Action>
auto guarded(const char* what, Action action) -> decltype(action()) {
  try {
    return action();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const c10::Error& error) {
    fail_as_libtorch(what, error.what_without_backtrace());
  } catch (const std::exception& error) {
    fail_as_libtorch(what, error.what());
  }
}

// Calls `action` with everything set, on a thread of this library's own, whoever calls: the
// caller's may be one of dlf._core's.
void infer_apart(const char* what, c10::Device device, Precision precision,
                 const std::function<void()>& action);

}  // namespace dlf

#endif  // DLF_SRC_TORCH_TORCH_HOST_H_

// What a call into libtorch needs set for its thread, and put back at its end; libtorch's errors as
// ours. Part of the only set of files that includes libtorch (torchscript_transform.h).
//
// Thread safety: all settings are those of the calling thread alone.
#ifndef DLF_SRC_TORCH_HOST_H_
#define DLF_SRC_TORCH_HOST_H_

#include <ATen/Context.h>
#include <c10/core/Device.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/Exception.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

#include <cfenv>
#include <new>
#include <string>

#include "status.h"
#include "torchscript_transform.h"

namespace dlf {

// Makes libtorch compute with the calling thread alone, and puts the host's number back. Its
// kernels sum in another order for another number of threads, which would make pixels depend on it;
// the codec works on several tiles at once instead. libtorch keeps two numbers: one per thread,
// which decides, and one for the process, from which new threads take theirs. The second is put
// back at once, by a thread of its own, so that threads which the host starts meanwhile see nothing
// of ours. Only with several codec threads, a thread that the host starts in the microseconds
// between the two calls can see 1.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int host_ = 1;
};

// The default rounding and denormal handling, whatever the host has chosen for its own arithmetic.
class DefaultFloatingPoint {
 public:
  DefaultFloatingPoint() {
    std::fegetenv(&host_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultFloatingPoint() { std::fesetenv(&host_); }
  DefaultFloatingPoint(const DefaultFloatingPoint&) = delete;
  DefaultFloatingPoint& operator=(const DefaultFloatingPoint&) = delete;

 private:
  std::fenv_t host_;
};

// Autocast as the precision asks for it. A host that runs us under torch.autocast would otherwise
// get float32 pixels computed in its number type.
class OwnAutocast {
 public:
  OwnAutocast(c10::Device device, Precision precision);
  ~OwnAutocast();
  OwnAutocast(const OwnAutocast&) = delete;
  OwnAutocast& operator=(const OwnAutocast&) = delete;

 private:
  c10::impl::ExcludeDispatchKeyGuard no_host_autocast_;
  c10::DeviceType kind_;
  bool on_;
  at::ScalarType host_type_ = at::kFloat;
  bool host_cache_ = false;
};

// Everything together.
struct Inference {
  Inference(c10::Device device, Precision precision) : autocast(device, precision) {}

  OneThread one_thread;
  DefaultFloatingPoint floating_point;
  c10::InferenceMode mode;
  OwnAutocast autocast;
  // cuBLAS in full float32; convolutions are told one by one (see exact_convolutions).
  at::NoTF32Guard no_tf32;
  // The optimising executor would profile and compile the graph again for every new image size.
  torch::jit::GraphOptimizerEnabledGuard no_profiling{false};
};

// Runs `action`, turning libtorch's exceptions into ours.
template <typename Action>
auto guarded(const char* what, Action action) -> decltype(action()) {
  try {
    return action();
  } catch (const Error&) {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    fail(DLF_OUT_OF_MEMORY, std::string(what) + ": " + error.what_without_backtrace());
  } catch (const c10::Error& error) {
    fail(DLF_MODEL_ERROR, std::string(what) + " failed: " + error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    fail(DLF_MODEL_ERROR, std::string(what) + " failed: " + error.what());
  }
}

}  // namespace dlf

#endif  // DLF_SRC_TORCH_HOST_H_

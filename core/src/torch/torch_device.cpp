#include "torch/torch_device.h"

#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/Device.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>

#include "base/status.h"

namespace dlf {
namespace {

// libtorch registers CUDA when its library is loaded, and looks for it once. We link the part for
// CPUs alone, so that part must come in before anyone looks. It lies beside the part for
// CPUs, wherever that was found. Where the library is absent, nothing happens.
void load_cuda() {
  static const bool tried = [] {
    Dl_info cpus;
    if (dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &cpus) == 0) return true;
    const std::string path = cpus.dli_fname;
    const std::string folder = path.substr(0, path.rfind('/') + 1);
    dlopen((folder + "libtorch_cuda.so").c_str(), RTLD_NOW | RTLD_GLOBAL);
    return true;
  }();
  static_cast<void>(tried);
}

}  // namespace

void check_torch_device(const std::string& device) {
  const auto refuse = [&](const std::string& why) {
    fail(DLF_INVALID_ARGUMENT, "device \"" + device + "\" is not available: " + why);
  };
  c10::Device parsed(c10::kCPU);
  try {
    parsed = c10::Device(device);
  } catch (const c10::Error&) {
    fail(DLF_INVALID_ARGUMENT, "unknown device \"" + device + "\"");
  }
  if (parsed.is_cpu()) return;
  if (!parsed.is_cuda()) refuse("DLF runs on \"cpu\" and \"cuda\"");
  load_cuda();
  int count = 0;
  try {
    const auto& hooks = at::detail::getCUDAHooks();
    if (hooks.hasCUDA()) count = hooks.getNumGPUs();
  } catch (const c10::Error& error) {
    refuse(error.what_without_backtrace());
  }
  if (count == 0) refuse("this libtorch has no CUDA, or it finds no device");
  if (parsed.has_index() && parsed.index() >= count) {
    refuse("there are " + std::to_string(count) + " CUDA devices, counted from 0");
  }
}

}  // namespace dlf

#include "torch_host.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>

#include <mutex>
#include <thread>

namespace dlf {
namespace {

std::mutex& thread_number_mutex() {
  static std::mutex instance;
  return instance;
}

// libtorch registers CUDA when its library is loaded, and looks for it once. We link the part for
// processors alone, so that part must come in before anyone looks. It lies beside the part for
// processors, wherever that was found. Where the library is absent, nothing happens.
void load_cuda() {
  static const bool tried = [] {
    Dl_info processors;
    if (dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &processors) == 0) return true;
    const std::string path = processors.dli_fname;
    const std::string folder = path.substr(0, path.rfind('/') + 1);
    dlopen((folder + "libtorch_cuda.so").c_str(), RTLD_NOW | RTLD_GLOBAL);
    return true;
  }();
  static_cast<void>(tried);
}

}  // namespace

OneThread::OneThread() {
  // Read under the lock too: a new worker must not take another worker's 1 for the host's number.
  const std::lock_guard<std::mutex> lock(thread_number_mutex());
  host_ = at::get_num_threads();
  if (host_ == 1) return;
  at::set_num_threads(1);
  std::thread([host = host_] { at::set_num_threads(host); }).join();
}

OneThread::~OneThread() {
  if (host_ == 1) return;
  const std::lock_guard<std::mutex> lock(thread_number_mutex());
  at::set_num_threads(host_);
}

OwnAutocast::OwnAutocast(c10::Device device, Precision precision)
    : no_host_autocast_(c10::autocast_dispatch_keyset),
      kind_(device.type()),
      on_(precision == Precision::kBFloat16) {
  if (!on_) return;
  host_type_ = at::autocast::get_autocast_dtype(kind_);
  host_cache_ = at::autocast::is_autocast_cache_enabled();
  at::autocast::set_autocast_dtype(kind_, at::kBFloat16);
  at::autocast::set_autocast_cache_enabled(false);  // it is the host's too
  at::autocast::set_autocast_enabled(kind_, true);
}

OwnAutocast::~OwnAutocast() {
  if (!on_) return;
  at::autocast::set_autocast_enabled(kind_, false);
  at::autocast::set_autocast_cache_enabled(host_cache_);
  at::autocast::set_autocast_dtype(kind_, host_type_);
}

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

#include "torch/torch_thread.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include "base/own_thread.h"
#include "base/status.h"

namespace dlf {
namespace {

// at::set_num_threads sets three numbers. OpenMP's holds for the calling thread. MKL's, and one of
// its own from which every new thread takes its first, hold for the process. So it is never called.
// OpenMP's and MKL's functions for one thread are those of the libraries that libtorch has loaded;
// a host may have others of the same name.
struct ThreadNumbers {
  void (*openmp)(int) = nullptr;
  int (*mkl)(int) = nullptr;
};

ThreadNumbers find_thread_numbers() {
  ThreadNumbers found;
  Dl_info libtorch;
  if (dladdr(reinterpret_cast<const void*>(&at::get_num_threads), &libtorch) == 0) return found;
  void* library = dlopen(libtorch.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return found;
  found.openmp = reinterpret_cast<void (*)(int)>(dlsym(library, "omp_set_num_threads"));
  found.mkl = reinterpret_cast<int (*)(int)>(dlsym(library, "MKL_Set_Num_Threads_Local"));
  dlclose(library);  // libtorch itself keeps it loaded
  return found;
}

}  // namespace

void compute_alone() {
  thread_local bool alone = false;
  if (alone) return;
  if (!on_own_thread()) fail(DLF_OUT_OF_MEMORY, "no thread could be started for the networks");
  at::get_num_threads();  // a new thread takes the process's number at its first question
  static const ThreadNumbers numbers = find_thread_numbers();
  if (numbers.openmp != nullptr) numbers.openmp(1);
  if (numbers.mkl != nullptr) numbers.mkl(1);
  if (at::get_num_threads() != 1) {
    fail(DLF_UNSUPPORTED, "this libtorch cannot compute with one thread alone: it has no OpenMP");
  }
  alone = true;
}

}  // namespace dlf

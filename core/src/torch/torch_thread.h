// Makes a thread of ours (own_thread.h) ready for libtorch.
// Part of the only set of files that includes libtorch (torchscript_transform.h).
//
// Thread safety: acts on the calling thread alone.
#ifndef DLF_SRC_TORCH_TORCH_THREAD_H_
#define DLF_SRC_TORCH_TORCH_THREAD_H_

namespace dlf {

// Lets libtorch compute with the calling thread alone, for good. Its kernels sum in another order
// for another number of threads, which would make pixels depend on it; the codec works on several
// tiles at once instead. Threads of the host never see this number.
// Throws DLF_OUT_OF_MEMORY on a thread of the host, where no thread of our own could be had, and
// DLF_UNSUPPORTED with a libtorch that has no such number for one thread.
void compute_alone();

}  // namespace dlf

#endif  // DLF_SRC_TORCH_TORCH_THREAD_H_

// A hint to the CPU that this thread waits in a loop.
#ifndef DLF_SRC_MACHINE_PAUSE_H_
#define DLF_SRC_MACHINE_PAUSE_H_

namespace dlf {

inline void pause_briefly() {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
  __asm__ __volatile__("yield");
#endif
}

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_PAUSE_H_

// What an x86-64 CPU and the system on it offer.
#ifndef DLF_SRC_BASE_CPU_H_
#define DLF_SRC_BASE_CPU_H_

namespace dlf {

// All are false on other CPUs, and with compilers that do not take GCC's attributes.
bool has_sha_ni();
bool has_avx2();
bool has_avx512_vnni();  // with the parts F, BW and VL

}  // namespace dlf

#endif  // DLF_SRC_BASE_CPU_H_

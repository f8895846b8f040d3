// Runs a program over a picture, in blocks of rows and in bounded memory (machine/plan.h).
//
// Thread safety: functions without state.
#ifndef DLF_SRC_MACHINE_EXECUTOR_H_
#define DLF_SRC_MACHINE_EXECUTOR_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "machine/kernels.h"
#include "machine/plan.h"
#include "machine/rows.h"

namespace dlf {

// Fills one row of an input, or takes one of an output, as far as its columns go. Called from any
// of the threads, for several rows at the same time; must not throw.
using FillRow = std::function<void(const Row&)>;
using TakeRow = std::function<void(const ConstRow&)>;

struct MachineOptions {
  int threads = 1;                   // 1 to 64
  const Kernels* kernels = nullptr;  // null: default_kernels()
  // Called on the caller's thread now and then with the number of blocks done; false ends the run.
  std::function<bool(uint64_t done, uint64_t total)> progress;
};

// `inputs` and `outputs` are those of the program, in order; inputs that no output needs are not
// called, the others once for each row. Results depend on nothing but the program and its inputs.
// False when `progress` ended it.
bool execute(const Plan& plan, const std::vector<FillRow>& inputs,
             const std::vector<TakeRow>& outputs, const MachineOptions& options);

// Bytes that `execute` allocates.
uint64_t execution_bytes(const Plan& plan);

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_EXECUTOR_H_

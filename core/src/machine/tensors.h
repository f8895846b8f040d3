// Rows of registers <-> whole tensors, and programs run from tensors to tensors.
//
// Thread safety: functions without state.
#ifndef DLF_SRC_MACHINE_TENSORS_H_
#define DLF_SRC_MACHINE_TENSORS_H_

#include <vector>

#include "machine/executor.h"
#include "machine/tensor.h"

namespace dlf {

// Fills an input with the tensor, which covers its whole grid and must outlive the run.
FillRow from_tensor(const Tensor& tensor);
// Takes an output into the tensor, which covers its whole grid.
TakeRow to_tensor(Tensor* tensor);

// Runs a checked program over a whole canvas, in blocks of `block` pixels. Returns its outputs.
std::vector<Tensor> run_program(const std::vector<ConvLayer>& layers, const Program& program,
                                const Canvas& canvas, const std::vector<FillRow>& inputs,
                                uint32_t block, const MachineOptions& options);

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_TENSORS_H_

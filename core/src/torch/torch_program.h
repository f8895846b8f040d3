// Programs of the integer machine (§8), run by libtorch: the same instructions on the same
// integers, held in floats. Weights are copies of the package's own, widened to float32. Part of
// the only set of files that includes libtorch (torchscript_transform.h).
//
// Numbers equal the machine's as long as no sum of a convolution, of products in any order, leaves
// 24 bits. Beyond that a sum is rounded to 24 bits, and a result may be off by one.
//
// Thread safety: after the layers are added, everything here is only read.
#ifndef DLF_SRC_TORCH_TORCH_PROGRAM_H_
#define DLF_SRC_TORCH_TORCH_PROGRAM_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "machine/canvas.h"
#include "machine/program.h"

namespace dlf {

// A convolution as libtorch takes it.
struct TorchLayer {
  at::Tensor weight;         // float32 [out][in or 1][k][k]
  at::Tensor scale, offset;  // float64 [1][out][1][1]: the one rounding, and bias and half of it
};

class TorchLayers {
 public:
  explicit TorchLayers(c10::Device device) : device_(device) {}

  // Copies the layers that the program's outputs need; `layers` must outlive this object.
  void add(const std::vector<ConvLayer>& layers, const Program& program);

  const TorchLayer& of(const ConvLayer& layer) const { return layers_.at(&layer); }

 private:
  c10::Device device_;
  std::unordered_map<const ConvLayer*, TorchLayer> layers_;
};

// Runs a checked program over a whole canvas. `inputs`: float32 [1][channels][rows][columns] on
// the grids of their registers; undefined where no output needs them. Returns the outputs.
std::vector<at::Tensor> run_program(const TorchLayers& copies, const std::vector<ConvLayer>& layers,
                                    const Program& program, const Canvas& canvas,
                                    const std::vector<at::Tensor>& inputs);

// Bytes that this takes at its peak, about.
uint64_t run_bytes(const Program& program, const Canvas& canvas);

}  // namespace dlf

#endif  // DLF_SRC_TORCH_TORCH_PROGRAM_H_

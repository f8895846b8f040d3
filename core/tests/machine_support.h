// Random programs and a naive interpreter of them, straight from §8.
#ifndef DLF_TESTS_MACHINE_SUPPORT_H_
#define DLF_TESTS_MACHINE_SUPPORT_H_

#include <cstdint>
#include <vector>

#include "machine/canvas.h"
#include "machine/check.h"
#include "machine/program.h"
#include "machine/tensor.h"
#include "support.h"

namespace dlf_test {

// A layer for sources of at most `bound`; some of its channels use the accumulators fully.
dlf::ConvLayer bounded_layer(Random& random, bool depthwise, uint8_t kernel, uint16_t in_channels,
                             uint16_t out_channels, int64_t bound);

// A layer's result by §8.3.1, in wide arithmetic.
dlf::Tensor naive_convolution(const dlf::ConvLayer& layer, const dlf::Tensor& source);

struct RandomProgram {
  std::vector<dlf::ConvLayer> layers;
  dlf::ProgramContract contract;
  dlf::Program program;  // checked
};

// A program of random instructions on random grids; cells of 1 to `window`. Every output is written
// by something.
RandomProgram random_program(Random& random, uint32_t window);

// Whole tensors, one instruction after the other.
std::vector<dlf::Tensor> naive_run(const std::vector<dlf::ConvLayer>& layers,
                                   const dlf::Program& program, const dlf::Canvas& canvas,
                                   const std::vector<dlf::Tensor>& inputs);

}  // namespace dlf_test

#endif  // DLF_TESTS_MACHINE_SUPPORT_H_

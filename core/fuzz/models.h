// The models that the fuzz targets decode with.
#ifndef DLF_FUZZ_MODELS_H_
#define DLF_FUZZ_MODELS_H_

#include <cstdint>
#include <vector>

#include "dlf/dlf.h"
#include "model/geometry.h"
#include "model/model_package.h"

namespace dlf_fuzz {

// The test model, from the file that CMake names.
const std::vector<uint8_t>& test_package_bytes();

// The same, opened through dlf.h.
const dlf_package* test_package();

// Limits that keep one input cheap.
dlf_limits small_limits();

// 0 is the test model, the others are small random ones with every feature of the format.
constexpr uint64_t kModels = 5;
const dlf::ModelPackage& model(uint64_t index);

// Input of the payload target: model, width, height and rate, one byte each, then the payload.
constexpr size_t kPayloadPrefix = 4;
constexpr uint32_t kPayloadSides = 128;
dlf::ImageGeometry payload_geometry(const uint8_t* prefix);

}  // namespace dlf_fuzz

#endif  // DLF_FUZZ_MODELS_H_

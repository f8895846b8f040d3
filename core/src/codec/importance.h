// From what the caller says of importance to the map of a file, for each rate (§5.6.7).
//
// Thread safety: functions without state.
#ifndef DLF_SRC_CODEC_IMPORTANCE_H_
#define DLF_SRC_CODEC_IMPORTANCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "entropy/importance_map.h"
#include "machine/rate_map.h"
#include "machine/tensor.h"
#include "model/geometry.h"
#include "model/model_package.h"

namespace dlf {

// Of a mask: 1 and -1. The first moves the rate up by half of the rate points, the other down.
constexpr int kMostImportance = 127;

// A mask that is laid over the whole picture, whatever its size; borrowed.
struct ImportanceMask {
  const int8_t* data = nullptr;    // [height][width], -127 to 127; -128 counts as -127
  uint32_t width = 0, height = 0;  // both 0: there is none

  bool is_given() const { return data != nullptr; }
};

// Importance on the latent grid, row-major; empty when there is none.
using ImportanceGrid = std::vector<int8_t>;

// Throws DLF_INVALID_ARGUMENT for a model without importance maps, and for an empty mask.
void check_importance(const ModelPackage& model, const ImportanceMask& mask);

// The mask on the latent grid. A position takes the value of least magnitude that a quarter of its
// pixels reach or exceed. So what covers a part of it still counts, and rectangles stay such.
ImportanceGrid importance_on_grid(const ImportanceMask& mask, const ImageGeometry& geometry);

// The same of what an importance program gives (A.3): none, half or full importance.
ImportanceGrid importance_on_grid(const Tensor& found);

// The rates of a file.
struct RatePlan {
  uint8_t rate = 0;                  // of the header
  std::optional<ImportanceMap> map;  // none where the rate is the same everywhere

  RateMap rates(const NormativePart& model) const;
};

// How many levels below the rate point 0 still differ from each other. What is more important than
// the rest keeps a higher rate there; at the lowest level all have the rate 0.
int levels_below(const NormativePart& model, const ImportanceGrid& grid);

// The rates at `level`: that of positions without importance, a rate point or, down to
// -levels_below(), less.
RatePlan plan_rates(const NormativePart& model, const ImageGeometry& geometry,
                    const ImportanceGrid& grid, int level);

}  // namespace dlf

#endif  // DLF_SRC_CODEC_IMPORTANCE_H_

#include "codec/engine.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace dlf {

Engine::Engine(std::shared_ptr<const ModelPackage> model, Networks networks, int threads)
    : model_(std::move(model)),
      networks_(std::move(networks)),
      threads_(std::max(threads, 1)),
      integer_(model_, runner(), threads_) {
  if (is_integer() && !normative().synthesis) {
    fail(DLF_MODEL_ERROR, "the model package has no integer networks");
  }
}

}  // namespace dlf

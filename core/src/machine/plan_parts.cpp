#include "machine/plan_parts.h"

#include <algorithm>

namespace dlf {

Span PlanNode::needed(Span target, uint32_t count) const {
  if (target.empty()) return {};
  switch (kind) {
    case NodeKind::kDepthToSpace:
      return {target.begin / factor, (target.end - 1) / factor + 1};
    case NodeKind::kSpaceToDepth:
      return {target.begin * factor, std::min(target.end * factor, count)};
    default:
      if (!reads_around()) return target;
      return {target.begin - (target.begin > 0), std::min(target.end + 1, count)};
  }
}

}  // namespace dlf

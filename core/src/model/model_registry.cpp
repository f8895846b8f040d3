#include "model/model_registry.h"

namespace dlf {

const RegisteredModel* find_model(uint32_t id) {
  for (const RegisteredModel& model : kRegisteredModels) {
    if (model.id == id) {
      return &model;
    }
  }
  return nullptr;
}

const RegisteredModel* find_model(const Digest& sha256) {
  const std::string hex = to_hex(sha256);
  for (const RegisteredModel& model : kRegisteredModels) {
    if (hex == model.sha256) {
      return &model;
    }
  }
  return nullptr;
}

uint32_t derived_model_id(const Digest& sha256) {
  const uint32_t first = (uint32_t{sha256[0]} << 24) | (uint32_t{sha256[1]} << 16) |
                         (uint32_t{sha256[2]} << 8) | sha256[3];
  return kDerivedIdBase | (first & (kDerivedIdBase - 1));
}

}  // namespace dlf

// Model ids (Annex B): which SHA-256 of a normative part belongs to which registered id.
//
// Thread safety: constant data.
#ifndef DLF_SRC_MODEL_MODEL_REGISTRY_H_
#define DLF_SRC_MODEL_MODEL_REGISTRY_H_

#include <cstdint>

#include "base/constants.h"
#include "container/sha256.h"

namespace dlf {

struct RegisteredModel {
  uint32_t id;
  const char* name;
  const char* sha256;  // of normative.bin, lower-case hex
};

// Ids never change their meaning once a file with them was published. Mirrored in Annex B.
constexpr RegisteredModel kRegisteredModels[] = {
    {0, "test-1", "dcaf9a2e5acf4a0335a39f54e4f15589c0344570c1fcec7999194d20a63b5135"},
    {1, "dlf-s-1", "b5e15614ed78cc191b2290bbe28076d2327672ed84c0dc9a314db73fda93def9"},
    {2, "dlf-s-2", "67efb15819467b7ddf8b8229bd68c2e379acf82ea8f591c2428cc0a66a08118f"},
    {3, "dlf-s-3", "e8453c7af62c9945473f0a7b037b3c08074b9f4a6add733e59cf173fcc0e34e5"},
    {4, "dlf-s-4", "7589d37d120a429450c93adf38816b82c34c167b04ec3629654fc41b3a0156c3"},
    {5, "test-2", "5d48c5c2179f988737098f76074efd5064c2f5091df35fc622345f590e537df6"},
    {6, "dlf-s-5", "75e317f5b4515a0811d9bd247676d4f48c80ea3af6986e059cad7e5a07a9a938"},
    {7, "dlf-s-6", "6c97141eeb434cb28721edf23fe851ac497e0a47a95b3be1dbf3c838d8428a21"},
    {8, "dlf-s-7", "ff649ab9c1fddaff765ad2e10c64ff9cc28ca2208b7fbcd7742167c43e6483b3"},
};

// The entry with this id, or null.
const RegisteredModel* find_model(uint32_t id);
// The entry with this hash, or null.
const RegisteredModel* find_model(const Digest& sha256);
// 2^27 + the low 27 bits of the first four bytes (big-endian): the id of an unregistered package.
uint32_t derived_model_id(const Digest& sha256);
inline bool is_derived_id(uint32_t id) { return id >> 27 == 1; }

}  // namespace dlf

#endif  // DLF_SRC_MODEL_MODEL_REGISTRY_H_

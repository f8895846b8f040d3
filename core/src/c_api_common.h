// What both parts of the C interface share: sized structs, buffers, and the wall that no exception
// passes.
#ifndef DLF_SRC_C_API_COMMON_H_
#define DLF_SRC_C_API_COMMON_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "budget.h"
#include "dlf/dlf.h"
#include "model_package.h"
#include "status.h"

// The handle holds a pointer of its own, so that a codec can give out one without a second package.
struct dlf_package {
  std::shared_ptr<const dlf::ModelPackage> model;
};

namespace dlf::c_api {

inline void write_error(dlf_error* out, dlf_status status, uint64_t offset, const char* message) {
  if (out == nullptr || out->struct_size < offsetof(dlf_error, message)) return;
  out->status = status;
  out->offset = offset;
  const size_t room = std::min(out->struct_size, sizeof(dlf_error)) - offsetof(dlf_error, message);
  if (room == 0) return;
  const size_t length = std::min(std::strlen(message), room - 1);
  std::memcpy(out->message, message, length);
  out->message[length] = '\0';
}

// Runs `action`; whatever it throws becomes a status and a text.
template <typename Action>
dlf_status guarded(dlf_error* error, Action action) noexcept {
  dlf_status status = DLF_INTERNAL;
  uint64_t offset = kNoOffset;
  try {
    try {
      action();
      write_error(error, DLF_OK, kNoOffset, "");
      return DLF_OK;
    } catch (const Error& caught) {
      status = caught.status();
      offset = caught.offset();
      write_error(error, status, offset, caught.what());
    } catch (const std::bad_alloc&) {
      status = DLF_OUT_OF_MEMORY;
      write_error(error, status, offset, status_text(status));
    } catch (const std::exception& caught) {
      write_error(error, status, offset, caught.what());
    }
  } catch (...) {
    write_error(error, status, offset, status_text(status));
  }
  return status;
}

inline void require(bool condition, const char* message) {
  if (!condition) fail(DLF_INVALID_ARGUMENT, message);
}

// A copy of a caller's struct in which fields unknown to the caller are 0. Null gives all defaults.
template <typename Struct>
Struct known_part(const Struct* given, const char* name) {
  Struct copy;
  std::memset(&copy, 0, sizeof copy);
  if (given == nullptr) return copy;
  if (given->struct_size < sizeof(size_t)) {
    fail(DLF_INVALID_ARGUMENT, std::string("struct_size of ") + name + " is not set");
  }
  std::memcpy(&copy, given, std::min(given->struct_size, sizeof copy));
  return copy;
}

// Writes as much of a result as the caller's struct has room for.
template <typename Struct>
void give(Struct* out, Struct value) {
  const size_t size = std::min(out->struct_size, sizeof value);
  value.struct_size = out->struct_size;
  std::memcpy(out, &value, size);
}

// Empties an output struct; the caller must have set its size.
template <typename Struct>
void clear(Struct* out, const char* name) {
  require(out != nullptr, "an output argument is NULL");
  if (out->struct_size < sizeof(size_t)) {
    fail(DLF_INVALID_ARGUMENT, std::string("struct_size of ") + name + " is not set");
  }
  Struct empty;
  std::memset(&empty, 0, sizeof empty);
  give(out, empty);
}

inline Limits limits_of(const dlf_limits* given) {
  const dlf_limits known = known_part(given, "dlf_limits");
  Limits limits;
  if (known.max_pixels != 0) limits.max_pixels = known.max_pixels;
  if (known.max_side != 0) limits.max_side = known.max_side;
  if (known.max_memory != 0) limits.max_memory = known.max_memory;
  if (known.max_chunk_bytes != 0) limits.max_chunk_bytes = known.max_chunk_bytes;
  return limits;
}

inline ByteView view_of(const uint8_t* data, size_t size) {
  require(data != nullptr || size == 0, "data is NULL");
  return {data, size};
}

inline const ModelPackage& model_of(const dlf_package* package) {
  require(package != nullptr, "package is NULL");
  return *package->model;
}

}  // namespace dlf::c_api

#endif  // DLF_SRC_C_API_COMMON_H_

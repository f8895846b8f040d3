// What both parts of the C interface share: sized structs, buffers, and the wall that no exception
// passes.
#ifndef DLF_SRC_API_C_API_COMMON_H_
#define DLF_SRC_API_C_API_COMMON_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "api/c_api_handles.h"
#include "base/byte_store.h"
#include "base/status.h"
#include "codec/budget.h"
#include "codec/downscale.h"
#include "dlf/dlf.h"

#define DLF_TEXT_(x) #x
#define DLF_TEXT(x) DLF_TEXT_(x)

namespace dlf::c_api {

constexpr char kVersionText[] =
    DLF_TEXT(DLF_VERSION_MAJOR) "." DLF_TEXT(DLF_VERSION_MINOR) "." DLF_TEXT(DLF_VERSION_PATCH);

// What messages call a package that has no path.
constexpr char kInMemory[] = "in memory";

inline void write_error(dlf_error* out, dlf_status status, uint64_t offset, const char* message) {
  if (out == nullptr || out->struct_size < offsetof(dlf_error, message)) return;
  out->status = status;
  out->offset = offset;
  const size_t room = std::min(out->struct_size, sizeof(dlf_error)) - offsetof(dlf_error, message);
  if (room == 0) return;
  size_t length = std::strlen(message);
  if (length >= room) {  // cut between two characters
    length = room - 1;
    while (length > 0 && (static_cast<unsigned char>(message[length]) & 0xC0) == 0x80) --length;
  }
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
      write_error(error, status, offset, one_line(caught.what()).c_str());
    }
  } catch (...) {
    write_error(error, status, offset, status_text(status));
  }
  return status;
}

// The same, and the handle's log hears of the failure.
template <typename Action>
dlf_status guarded(const Log& log, dlf_error* error, Action action) noexcept {
  dlf_error own;
  std::memset(&own, 0, sizeof own);
  own.struct_size = sizeof own;
  const dlf_status status = guarded(&own, action);
  if (status != DLF_OK) log.failed(status, own.message);
  write_error(error, status, own.offset, own.message);
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

inline Memory memory_of(const dlf_allocator* given) {
  const dlf_allocator known = known_part(given, "dlf_allocator");
  require((known.allocate == nullptr) == (known.release == nullptr),
          "an allocator needs both functions");
  return {known.user, known.allocate, known.release};
}

inline Log log_of(const dlf_logger* given) {
  const dlf_logger known = known_part(given, "dlf_logger");
  require(known.level >= 0 && known.level <= DLF_LOG_DEBUG, "unknown log level");
  return Log(known);
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
  if (known.max_file_bytes != 0) limits.max_file_bytes = known.max_file_bytes;
  return limits;
}

inline int downscale_of(uint32_t given) {
  require(given <= 8, "downscale is 1, 2, 4 or 8");
  const int downscale = given == 0 ? 1 : static_cast<int>(given);
  check_downscale(downscale);
  return downscale;
}

inline ByteView view_of(const uint8_t* data, size_t size) {
  require(data != nullptr || size == 0, "data is NULL");
  return {data, size};
}

// What dlf.h says of a header.
inline dlf_info info_of(const Header& header) {
  dlf_info out;
  std::memset(&out, 0, sizeof out);
  out.version = header.version;
  out.model_id = header.model_id;
  out.width = header.width;
  out.height = header.height;
  out.display_width = header.reduction.display_width(header.width);
  out.display_height = header.reduction.display_height(header.height);
  out.channels = static_cast<uint32_t>(header.picture.channels());
  out.rate = header.rate;
  out.orientation = header.picture.orientation;
  out.color_space = static_cast<dlf_color_space>(header.picture.color_space);
  out.has_chunks = header.has_chunks;
  out.has_trailer = header.has_trailer;
  out.header_bytes = static_cast<uint32_t>(header.header_bytes);
  out.payload_bytes = header.payload_length;
  out.has_importance_map = header.has_map;
  return out;
}

inline const ModelPackage& model_of(const dlf_package* package) {
  require(package != nullptr, "package is NULL");
  return *package->model;
}

}  // namespace dlf::c_api

#endif  // DLF_SRC_API_C_API_COMMON_H_

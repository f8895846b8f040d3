// Errors inside the library: one exception type, caught at the C interface and in the bindings.
//
// Thread safety: values only; safe everywhere.
#ifndef DLF_SRC_BASE_STATUS_H_
#define DLF_SRC_BASE_STATUS_H_

#include <cstdint>
#include <stdexcept>
#include <string>

#include "dlf/dlf.h"

namespace dlf {

// Marks an error that belongs to no byte of the input.
constexpr uint64_t kNoOffset = ~uint64_t{0};

// One line of valid UTF-8: line breaks and tabs become spaces, other control characters and bytes
// that are no UTF-8 become \xNN. Names of files and members may hold anything.
std::string one_line(const std::string& text);

class Error : public std::runtime_error {
 public:
  // The message is kept as one_line() gives it.
  Error(dlf_status status, const std::string& message, uint64_t offset = kNoOffset)
      : std::runtime_error(one_line(message)), status_(status), offset_(offset) {}

  dlf_status status() const { return status_; }
  // Offset of the first offending byte in the input, or kNoOffset.
  uint64_t offset() const { return offset_; }

 private:
  dlf_status status_;
  uint64_t offset_;
};

[[noreturn]] void fail(dlf_status status, const std::string& message, uint64_t offset = kNoOffset);

// The short fixed text of a status ("truncated file"); never null, also for unknown values.
const char* status_text(dlf_status status);

}  // namespace dlf

#endif  // DLF_SRC_BASE_STATUS_H_

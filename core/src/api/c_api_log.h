// The logger of one handle.
//
// Thread safety: a Log never changes; the caller's function is as safe as the caller made it.
#ifndef DLF_SRC_API_C_API_LOG_H_
#define DLF_SRC_API_C_API_LOG_H_

#include <cstdio>
#include <string>

#include "base/status.h"
#include "dlf/dlf.h"

namespace dlf::c_api {

class Log {
 public:
  // `known` is a whole dlf_logger, all zero when the caller gave none.
  explicit Log(const dlf_logger& known)
      : logger_(known), level_(known.level == 0 ? DLF_LOG_WARNING : known.level) {}

  bool wants(dlf_log_level level) const { return logger_.log != nullptr && level <= level_; }

  void say(dlf_log_level level, const std::string& message) const {
    if (wants(level)) logger_.log(logger_.user, level, message.c_str());
  }

  // For the way out of a failed call: needs no memory.
  void failed(dlf_status status, const char* message) const noexcept {
    if (!wants(DLF_LOG_ERROR)) return;
    char line[sizeof(dlf_error::message) + 64];
    std::snprintf(line, sizeof line, "%s: %s", status_text(status), message);
    try {
      logger_.log(logger_.user, DLF_LOG_ERROR, line);
    } catch (...) {
      // The failure that is being told counts, not one of the telling.
    }
  }

 private:
  dlf_logger logger_;
  dlf_log_level level_;
};

}  // namespace dlf::c_api

#endif  // DLF_SRC_API_C_API_LOG_H_

#include "base/status.h"

namespace dlf {
namespace {

// How many bytes the UTF-8 character at `at` takes; 0 when there is none.
size_t utf8_length(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : uint8_t{0};
  };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xC2 && first < 0xE0   ? 2
                        : first >= 0xE0 && first < 0xF0 ? 3
                        : first >= 0xF0 && first < 0xF5 ? 4
                                                        : 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  const bool wrong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) >= 0xA0) ||
                     (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) >= 0x90);
  return wrong ? 0 : length;
}

}  // namespace

std::string one_line(const std::string& text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string line;
  line.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const uint8_t byte = static_cast<uint8_t>(text[at]);
    const size_t length = utf8_length(text, at);
    const bool is_c1_control =
        byte == 0xC2 && length == 2 && static_cast<uint8_t>(text[at + 1]) < 0xA0;
    if (byte == '\n' || byte == '\r' || byte == '\t') {
      line += ' ';
      ++at;
    } else if (length == 0 || byte < 0x20 || byte == 0x7F || is_c1_control) {
      line += "\\x";
      line += kDigits[byte >> 4];
      line += kDigits[byte & 15];
      ++at;
    } else {
      line.append(text, at, length);
      at += length;
    }
  }
  return line;
}

void fail(dlf_status status, const std::string& message, uint64_t offset) {
  throw Error(status, message, offset);
}

const char* status_text(dlf_status status) {
  switch (status) {
#define DLF_STATUS_CASE_(name, value, text) \
  case name:                                \
    return text;
    DLF_STATUS_LIST(DLF_STATUS_CASE_)
#undef DLF_STATUS_CASE_
    default:
      return "unknown status";
  }
}

}  // namespace dlf

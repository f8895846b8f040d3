// Lines for people. What a line is, is the core's rule: names of files may hold anything.
#include "say.h"

#include <cstdarg>
#include <exception>
#include <string>

#include "base/status.h"

namespace {

// As printf would print it; empty when it cannot.
std::string printed(const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  const int size = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (size < 0) return {};
  std::string text(static_cast<size_t>(size) + 1, '\0');  // with the zero at its end
  std::vsnprintf(&text[0], text.size(), format, arguments);
  text.pop_back();
  return text;
}

}  // namespace

void say(FILE* to, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  try {
    const std::string line = dlf::one_line(printed(format, arguments)) + '\n';
    std::fwrite(line.data(), 1, line.size(), to);
  } catch (const std::exception&) {
    std::fputs("no memory for a message\n", to);
  }
  va_end(arguments);
}

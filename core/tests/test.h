// A test framework in one header: TEST(name) { CHECK(...); } in any file, one test_main.cpp.
#ifndef DLF_TESTS_TEST_H_
#define DLF_TESTS_TEST_H_

#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "base/status.h"

namespace dlf_test {

struct Case {
  const char* name;
  void (*run)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

struct Registrar {
  Registrar(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

// Thrown by a check that failed; ends the test.
struct Failure {
  std::string text;
};

[[noreturn]] inline void fail_at(const char* file, int line, const std::string& text) {
  std::ostringstream out;
  out << file << ":" << line << ": " << text;
  throw Failure{out.str()};
}

template <typename A, typename B>
void check_equal(const A& a, const B& b, const char* text, const char* file, int line) {
  if (!(a == b)) {
    std::ostringstream out;
    out << text << " (" << a << " and " << b << ")";
    fail_at(file, line, out.str());
  }
}

// Runs `body`; returns the status it fails with, DLF_OK when it does not.
inline dlf_status status_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const dlf::Error& error) {
    return error.status();
  }
  return DLF_OK;
}

}  // namespace dlf_test

#define TEST(name)                                                \
  static void name();                                             \
  static const dlf_test::Registrar registrar_##name(#name, name); \
  static void name()

#define CHECK(condition)                                                 \
  do {                                                                   \
    if (!(condition)) dlf_test::fail_at(__FILE__, __LINE__, #condition); \
  } while (false)

#define CHECK_EQ(a, b) dlf_test::check_equal((a), (b), #a " == " #b, __FILE__, __LINE__)

#define CHECK_STATUS(status, ...)                                                    \
  dlf_test::check_equal(static_cast<int>(dlf_test::status_of([&] { __VA_ARGS__; })), \
                        static_cast<int>(status), #status ": " #__VA_ARGS__, __FILE__, __LINE__)

#endif  // DLF_TESTS_TEST_H_

// Runs all tests, or those whose names contain the first argument. Exit status 1 when one fails.

#include <cstdio>
#include <cstring>
#include <exception>

#include "test.h"

int main(int argc, char** argv) {
  int failed = 0, run = 0;
  for (const dlf_test::Case& test : dlf_test::cases()) {
    if (argc > 1 && std::strstr(test.name, argv[1]) == nullptr) {
      continue;
    }
    ++run;
    std::string failure;
    try {
      test.run();
    } catch (const dlf_test::Failure& caught) {
      failure = caught.text;
    } catch (const std::exception& caught) {
      failure = std::string("exception: ") + caught.what();
    }
    if (!failure.empty()) {
      ++failed;
      std::printf("FAILED %s\n  %s\n", test.name, failure.c_str());
    }
  }
  std::printf("%d tests, %d failed\n", run, failed);
  return failed == 0 && run > 0 ? 0 : 1;
}

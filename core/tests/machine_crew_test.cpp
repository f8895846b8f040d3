#include "machine/crew.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "test.h"

namespace {

// Waits until a helper has come, for at most some seconds; a busy machine may never send one.
bool helper_comes(size_t helpers) {
  std::atomic<int> came{0};
  dlf::with_crew(helpers, [&](bool is_caller) {
    if (!is_caller) came.fetch_add(1);
    for (int i = 0; is_caller && came.load() == 0 && i < 5000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  return came.load() > 0;
}

}  // namespace

TEST(a_crew_helps_again_and_again) {
  for (int i = 0; i < 20; ++i) CHECK(helper_comes(2));
  int calls = 0;
  dlf::with_crew(0, [&](bool is_caller) { calls += is_caller ? 1 : 100; });
  CHECK_EQ(calls, 1);
}

TEST(exceptions_of_the_caller_leave_when_the_helpers_have_left) {
  std::atomic<int> inside{0};
  bool is_thrown = false;
  try {
    dlf::with_crew(3, [&](bool is_caller) {
      inside.fetch_add(1);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      inside.fetch_sub(1);
      if (is_caller) throw std::runtime_error("mine");
    });
  } catch (const std::runtime_error&) {
    is_thrown = true;
  }
  CHECK(is_thrown);
  CHECK_EQ(inside.load(), 0);
}

TEST(a_forked_child_has_a_crew_of_its_own) {
  CHECK(helper_comes(2));
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // a child that hangs is killed
    _exit(helper_comes(2) ? 0 : 1);
  }
  CHECK(child > 0);
  int status = 0;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
  CHECK(helper_comes(2));
}

TEST(calls_from_many_threads_share_the_crew) {
  std::atomic<int> callers{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 30; ++k) {
        dlf::with_crew(3, [&](bool is_caller) { callers.fetch_add(is_caller ? 1 : 0); });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(callers.load(), 180);
}

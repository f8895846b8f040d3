// A fork waits for what a child would wait for in vain.
#include "base/fork_gate.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "base/own_thread.h"
#include "test.h"

namespace {

// As a library has it that keeps data for each thread.
struct Library {
  std::mutex mutex;
  std::atomic<bool> is_giving_back{false};
  pthread_key_t key = 0;
};

void give_back(void* value) {
  Library& library = *static_cast<Library*>(value);
  const std::lock_guard<std::mutex> lock(library.mutex);
  library.is_giving_back = true;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

// Whether a child that is forked now finds the lock free.
bool is_free_in_child(Library* library) {
  const pid_t child = fork();
  if (child == 0) _exit(library->mutex.try_lock() ? 0 : 1);
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

TEST(a_fork_waits_until_an_ending_thread_has_given_back_what_libraries_keep_for_it) {
  static Library library;
  CHECK_EQ(pthread_key_create(&library.key, &give_back), 0);
  std::thread ending =
      dlf::start_thread([] { static_cast<void>(pthread_setspecific(library.key, &library)); });
  while (!library.is_giving_back) std::this_thread::yield();
  const bool is_free = is_free_in_child(&library);
  ending.join();
  CHECK(is_free);
  CHECK(is_free_in_child(&library));
  pthread_key_delete(library.key);
}

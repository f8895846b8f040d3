#include "base/parallel.h"

#include <algorithm>
#include <exception>
#include <thread>
#include <vector>

#include "base/own_thread.h"

namespace dlf {

size_t thread_count(int threads) { return static_cast<size_t>(std::clamp(threads, 1, 64)); }

void parallel_for(size_t count, size_t grain, int threads,
                  const std::function<void(size_t part, size_t begin, size_t end)>& body) {
  const size_t useful = count / std::max<size_t>(grain, 1);
  const size_t parts = std::min(useful, thread_count(threads));
  if (parts <= 1) {
    body(0, 0, count);
    return;
  }
  std::vector<std::thread> others;
  others.reserve(parts - 1);
  size_t begin = 0;
  try {
    for (size_t part = 0; part + 1 < parts; ++part) {
      const size_t end = count * (part + 1) / parts;
      others.push_back(start_thread([&body, part, begin, end] { body(part, begin, end); }));
      begin = end;
    }
  } catch (const std::exception&) {
    // No more threads to be had: the rest is done here.
  }
  body(parts - 1, begin, count);
  for (std::thread& thread : others) {
    thread.join();
  }
}

}  // namespace dlf

// Keeps a fork, and the end of the process, away from work that must not be cut.
//
// fork() copies locks and half-made structures as they are, but none of the threads that would
// finish them: whoever needs such a lock in the child waits for ever. So work that takes locks or
// calls libraries which do is done `Inside`; a fork waits until nobody is inside, and nobody enters
// while it is under way. The end of a program is the same: static objects must not be destroyed
// below threads that use them.
//
// Rules: what is done inside ends by itself, takes milliseconds or calls pause() between parts, and
// never calls the host, who could fork there. No thread waits outside for one that is inside while
// it holds a lock that is taken inside.
//
// Thread safety: everything here may be called from any thread.
#ifndef DLF_SRC_BASE_FORK_GATE_H_
#define DLF_SRC_BASE_FORK_GATE_H_

#include <cstdint>

namespace dlf {

class Inside {
 public:
  Inside();
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  // Whether somebody waits for those inside; costs next to nothing.
  static bool is_awaited();

  // Goes out and comes in again: the place for a fork to happen.
  void pause();
};

// Goes in for the rest of the calling thread, to be called as the last thing that it does. What
// libraries keep for each thread is given back after that, under locks of theirs: MKL has one that
// a child would wait for. The thread goes out when that is done.
void stay_inside_to_the_end();

// Nobody enters any more: who tries sleeps until the process is gone, but for threads that only
// end. Returns when all are out. To be called once, when the host has nothing left to do, before
// static objects are destroyed.
void close_gate_for_ever();

// How many forks lie between the process that has loaded this library and this one. Another number
// than before tells that the threads of before are not here.
uint64_t forks_so_far();

}  // namespace dlf

#endif  // DLF_SRC_BASE_FORK_GATE_H_

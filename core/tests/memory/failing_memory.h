// Memory that runs out at a chosen allocation. Link with failing_memory.cpp, which replaces
// operator new, and with -Wl,--wrap for malloc, calloc, realloc and free.
#ifndef DLF_TESTS_MEMORY_FAILING_MEMORY_H_
#define DLF_TESTS_MEMORY_FAILING_MEMORY_H_

namespace dlf_test {

// From now on, the allocation number `nth` (0 is the next one) fails, on whatever thread; with
// `and_all_after`, all that follow too.
void fail_allocation(long nth, bool and_all_after);
// Ends that; returns whether an allocation has failed.
bool stop_failing();

// Allocations made since the program started, and those not given back yet.
long allocations_made();
long allocations_alive();

}  // namespace dlf_test

#endif  // DLF_TESTS_MEMORY_FAILING_MEMORY_H_

// Memory that is given back to the system before its owner frees it.
//
// Thread safety: a function without state.
#ifndef DLF_SRC_BASE_PAGES_H_
#define DLF_SRC_BASE_PAGES_H_

#include <cstddef>
#include <vector>

namespace dlf {

// The values in the whole pages between `begin` and `end` are not needed any more, and what they
// are from now on is not said. The memory stays its owner's, who may write it again and frees it as
// ever. Does nothing where the system has no such call.
void drop_pages(void* begin, void* end);

// This much memory is written a little at a time: what is not yet written shall take no room.
void fill_by_small_pages(void* begin, size_t bytes);

// Frees a vector, and its pages first: else an allocator may keep them for later, although nothing
// of their size will follow.
template <typename Value>
void free_with_pages(std::vector<Value>* values) {
  drop_pages(values->data(), values->data() + values->size());
  std::vector<Value>().swap(*values);
}

}  // namespace dlf

#endif  // DLF_SRC_BASE_PAGES_H_

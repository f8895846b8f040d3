// Inflates deflate streams (RFC 1951), and refuses every stream that the RFC does not allow.
//
// Written here because no library at hand keeps to the RFC. zlib refuses 31 and 32 distance codes,
// which RFC 1951, 3.2.7 allows. miniz takes more than 286 length codes, incomplete codes, codes
// that stand for nothing, and lengths and distances that do not exist. A decoder that takes more or
// less than another one would give another status (BITSTREAM.md §3.4).
//
// Thread safety: a pure function.
#ifndef DLF_SRC_CONTAINER_INFLATE_H_
#define DLF_SRC_CONTAINER_INFLATE_H_

#include <functional>
#include <optional>

#include "base/bytes.h"

namespace dlf {

// The farthest that a match reaches back.
constexpr size_t kInflateWindow = 32768;
// No deflate stream grows by more than this: a match of 258 bytes takes two bits at least, one for
// its length and one for its distance.
constexpr uint64_t kMaxExpansion = 1032;

// Takes the next bytes of the content, 64 KiB at most; false ends the work.
using TakeBytes = std::function<bool(ByteView)>;

// Inflates the stream at the beginning of `bytes` piece by piece, in a buffer of fixed size.
// Returns how many bytes the stream has; nothing when it is broken, cut, or `take` wanted no more.
// `window` is how far matches may reach back, at most kInflateWindow.
std::optional<size_t> inflate(ByteView bytes, const TakeBytes& take,
                              size_t window = kInflateWindow);

}  // namespace dlf

#endif  // DLF_SRC_CONTAINER_INFLATE_H_

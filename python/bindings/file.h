// dlf._core.File: a .dlf file in memory. Its header is read once. Contents of chunks that decoding
// has inflated are kept for those who ask for them later.
//
// Thread safety: call with the GIL held; bytes and header never change.
#ifndef DLF_PYTHON_BINDINGS_FILE_H_
#define DLF_PYTHON_BINDINGS_FILE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "common.h"
#include "container/bitstream.h"

namespace dlf::python {

class File {
 public:
  // Throws what parse_header throws.
  explicit File(const py::object& data) : buffer_(data), view_(buffer_.view()) {}

  const FileView& view() const { return view_; }
  const Header& header() const { return view_.header(); }

  // Takes over what decoding has inflated: but for alpha, which is in the pixels.
  void keep(std::vector<Chunk> chunks);
  // The content of the chunk of this number, from 0; None when it has not been kept.
  py::object kept(size_t index) const;

 private:
  Buffer buffer_;
  FileView view_;
  std::map<size_t, std::vector<uint8_t>> contents_;
};

using FilePointer = std::shared_ptr<File>;

// The file itself, or one that is made of bytes.
FilePointer file_of(const py::object& given);

}  // namespace dlf::python

#endif  // DLF_PYTHON_BINDINGS_FILE_H_

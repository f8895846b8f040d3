// dlf._core.File: a .dlf file in memory. Its header is read once. Contents of chunks that have been
// inflated are kept for those who need them later: whoever asks, and every decoding.
//
// Thread safety: call with the GIL held; bytes, header and kept contents never change.
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
  explicit File(const py::object& data) : buffer_(data), header_(parse_header(buffer_.view())) {}

  // With the contents that are kept by now. Good as long as this lives.
  FileView view() const;
  const Header& header() const { return header_; }

  // Keeps what reading the file has inflated. `chunks`: all of the file, with their contents.
  void keep_all(const std::vector<Chunk>& chunks);
  // Keeps the content of the deflated chunk of this number, from 0, unless it has it.
  void keep(size_t index, const py::bytes& content);
  // That content; None when it has not been kept.
  py::object kept(size_t index) const;

 private:
  Buffer buffer_;
  Header header_;
  std::map<size_t, py::bytes> contents_;
};

using FilePointer = std::shared_ptr<File>;

// The file itself, or one that is made of bytes.
FilePointer file_of(const py::object& given);

}  // namespace dlf::python

#endif  // DLF_PYTHON_BINDINGS_FILE_H_

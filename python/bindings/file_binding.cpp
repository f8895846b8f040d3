// The part of dlf._core that needs no model: headers, chunks, containers. The interface is
// described in python/dlf/_core.pyi.
#include "file.h"

#include <string>
#include <string_view>
#include <utility>

#include "codec/file_reader.h"
#include "container/zlib_stream.h"
#include "interpreter.h"

namespace dlf::python {
namespace {

py::dict header_dict(const Header& header) {
  py::dict out;
  out["version"] = header.version;
  out["model_id"] = header.model_id;
  out["width"] = header.width;
  out["height"] = header.height;
  out["display_width"] = header.reduction.display_width(header.width);
  out["display_height"] = header.reduction.display_height(header.height);
  out["rate"] = header.rate;
  out["grayscale"] = header.picture.grayscale;
  out["alpha"] = header.picture.alpha != AlphaMode::kNone;
  out["orientation"] = header.picture.orientation;
  out["color_space"] = color_space_name(header.picture.color_space);
  out["has_chunks"] = header.has_chunks;
  out["has_trailer"] = header.has_trailer;
  out["has_map"] = header.has_map;
  out["header_bytes"] = header.header_bytes;
  out["payload_bytes"] = header.payload_length;
  return out;
}

py::dict probe(const py::object& data) { return header_dict(File(data).header()); }

py::list chunks(const py::object& data, bool allow_truncated, const py::object& limits) {
  const FilePointer given = file_of(data);
  ReadOptions reading;
  reading.allow_truncated = allow_truncated;
  reading.limits = limits_of(limits);
  ParseOptions options = parse_options(reading);
  options.chunk_contents = Contents::kLeft;
  // All bytes are there: a file that claims more than there are is truncated, whatever the limit.
  options.max_file_bytes = UINT64_MAX;
  const ParsedFile file = parse_file(given->view(), options);
  if (file.file_bytes > reading.limits.max_file_bytes) {
    fail(DLF_LIMIT_EXCEEDED, "the file of " + std::to_string(file.file_bytes) +
                                 " bytes exceeds the limit of " +
                                 std::to_string(reading.limits.max_file_bytes));
  }
  py::list out;
  for (const Chunk& chunk : file.chunks) {
    py::dict record;
    record["type"] = chunk.type;
    record["critical"] = chunk.critical;
    record["stored_bytes"] = chunk.stored_bytes;
    record["content_bytes"] = chunk.content_bytes;
    record["deflated"] = chunk.deflated;
    record["body"] = to_bytes(chunk.body.copy());
    out.append(record);
  }
  return out;
}

py::bytes inflate(const py::object& body, uint64_t content_bytes) {
  const Buffer buffer(body);
  std::vector<uint8_t> content;
  {
    const Unlocked unlocked;
    content = inflate_exactly(buffer.view(), static_cast<size_t>(content_bytes));
  }
  return to_bytes(content);
}

void check_container_of(const py::object& data, bool allow_truncated, const py::object& limits) {
  const FilePointer file = file_of(data);
  const FileView view = file->view();
  ReadOptions options;
  options.limits = limits_of(limits);
  options.allow_truncated = allow_truncated;
  ParsedFile parsed;
  {
    const Unlocked unlocked;
    parsed = check_container(view, options);
  }
  file->keep_all(parsed.chunks);
}

}  // namespace

FileView File::view() const {
  KnownContents known;
  for (const auto& [index, content] : contents_) {
    const std::string_view bytes = content;
    known[index] = {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  }
  return FileView(buffer_.view(), header_, std::move(known));
}

void File::keep_all(const std::vector<Chunk>& chunks) {
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (chunks[i].deflated && contents_.count(i) == 0) keep(i, to_bytes(chunks[i].content));
  }
}

void File::keep(size_t index, const py::bytes& content) { contents_.emplace(index, content); }

py::object File::kept(size_t index) const {
  const auto found = contents_.find(index);
  if (found == contents_.end()) return py::none();
  return found->second;
}

FilePointer file_of(const py::object& given) {
  if (py::isinstance<File>(given)) return given.cast<FilePointer>();
  return std::make_shared<File>(given);
}

void add_file(py::module_& m) {
  m.attr("MAX_HEADER_BYTES") = kMaxHeaderBytes;

  using py::arg;
  const py::none none;
  py::class_<File, FilePointer>(m, "File")
      .def(py::init<const py::object&>(), arg("data"))
      .def_property_readonly("header", [](const File& file) { return header_dict(file.header()); })
      .def("keep", &File::keep, arg("index"), arg("content"))
      .def("kept", &File::kept, arg("index"));
  m.def("probe", &probe, arg("data"));
  m.def("chunks", &chunks, arg("data"), py::kw_only(), arg("allow_truncated") = false,
        arg("limits") = none);
  m.def("inflate", &inflate, arg("body"), arg("content_bytes"));
  m.def("check_container", &check_container_of, arg("data"), py::kw_only(),
        arg("allow_truncated") = false, arg("limits") = none);
}

}  // namespace dlf::python

#include "codec/file_reader.h"

#include <string>
#include <utility>
#include <vector>

#include "base/constants.h"
#include "base/status.h"
#include "model/model_registry.h"

namespace dlf {
namespace {

std::string model_label(uint32_t id, const std::string& name) {
  return name.empty() ? std::to_string(id) : std::to_string(id) + " (" + name + ")";
}

}  // namespace

bool fits(const Header& header, const ModelPackage& model) { return header.model_id == model.id(); }

void check_model(const Header& header, const ModelPackage& model) {
  if (fits(header, model)) return;
  const RegisteredModel* wanted = find_model(header.model_id);
  fail(DLF_MODEL_ERROR, "the file needs model " +
                            model_label(header.model_id, wanted ? wanted->name : "") +
                            ", this is model " + model_label(model.id(), model.registered_name()));
}

void check_size(const Header& header, const Limits& limits) {
  check_size(header.width, header.height, limits);
}

Estimate checked_estimate(const Header& header, const ModelPackage& model,
                          const ReadOptions& options) {
  check_size(header, options.limits);
  check_model(header, model);
  const ImageGeometry geometry = ImageGeometry::of(model.normative(), header.width, header.height);
  const DecodingWork work{header.picture.channels(), options.downscale, options.threads,
                          options.for_pixels};
  const Estimate estimate =
      estimate_decoding(model, geometry, work, options.limits, *options.runner);
  check_work(geometry, estimate, options.limits);
  return estimate;
}

Estimate check_limits(const Header& header, const ModelPackage* model, const ReadOptions& options) {
  if (model != nullptr && fits(header, *model)) return checked_estimate(header, *model, options);
  check_size(header, options.limits);
  return {};
}

ParseOptions parse_options(const ReadOptions& options) {
  ParseOptions parse;
  parse.allow_truncated = options.allow_truncated;
  parse.chunk_limits = chunk_limits(options.limits);
  parse.max_file_bytes = options.limits.max_file_bytes;
  parse.bytes_behind = options.bytes_behind;
  return parse;
}

ParsedFile check_container(const FileView& file, const ReadOptions& options) {
  check_size(file.header(), options.limits);
  return parse_file(file, parse_options(options));
}

OpenedFile open_file(const FileView& file, const ModelPackage& model, const ReadOptions& options) {
  const Header& header = file.header();
  OpenedFile opened;
  opened.estimate = check_limits(header, &model, options);
  opened.file = parse_file(file, parse_options(options));
  check_model(header, model);
  opened.geometry = ImageGeometry::of(model.normative(), header.width, header.height);
  return opened;
}

SymbolSet read_symbols(const OpenedFile& opened, const ModelPackage& model,
                       const ReadOptions& options) {
  PayloadOptions payload;
  payload.threads = options.threads;
  payload.is_truncated = opened.file.payload.size() < opened.file.header.payload_length;
  payload.allow_truncated = options.allow_truncated && payload.is_truncated;
  payload.semantic_only = options.semantic_only;
  payload.for_pixels = options.for_pixels;
  payload.has_map = opened.file.header.has_map;
  payload.base_offset = opened.file.header.header_bytes;
  return decode_payload(model, opened.geometry, opened.file.header.rate, opened.file.payload,
                        payload);
}

std::vector<Chunk> verify_file(const FileView& file, const ModelPackage& model,
                               const ReadOptions& given) {
  ReadOptions options = given;
  options.for_pixels = true;
  OpenedFile opened = open_file(file, model, options);
  const Header& header = opened.file.header;
  read_symbols(opened, model, options);
  if (const Chunk* alpha = find_chunk(opened.file.chunks, kChunkAlpha)) {
    unpack_alpha(*alpha, header.width, header.height);
  }
  return std::move(opened.file.chunks);
}

}  // namespace dlf

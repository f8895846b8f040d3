// The torch-free part of the C interface: dlf.h -> the core.
#include <climits>
#include <cstdlib>

#include "api/c_api_common.h"
#include "base/constants.h"
#include "codec/file_reader.h"
#include "container/bitstream.h"

static_assert(DLF_MAX_HEADER_BYTES == dlf::kMaxHeaderBytes, "dlf.h and constants.h must agree");
static_assert(DLF_NO_OFFSET == dlf::kNoOffset, "dlf.h and status.h must agree");
static_assert(DLF_CHUNK_ALPHA == dlf::kChunkAlpha && DLF_CHUNK_ICC == dlf::kChunkIcc &&
                  DLF_CHUNK_EXIF == dlf::kChunkExif && DLF_CHUNK_XMP == dlf::kChunkXmp &&
                  DLF_CHUNK_FIRST_PRIVATE == dlf::kChunkFirstPrivate,
              "dlf.h and constants.h must agree");

using namespace dlf::c_api;  // what all parts of the interface share

namespace {

dlf_tensor tensor_of(const void* data, uint32_t bytes_per_value,
                     std::initializer_list<uint32_t> shape) {
  dlf_tensor out;
  std::memset(&out, 0, sizeof out);
  out.data = data;
  out.bytes_per_value = bytes_per_value;
  out.dimensions = static_cast<uint32_t>(shape.size());
  std::fill(std::begin(out.shape), std::end(out.shape), 1u);
  std::copy(shape.begin(), shape.end(), out.shape);
  return out;
}

dlf_tensor tensor_of(const dlf::Tensor& tensor) {
  return tensor_of(tensor.data.data(), 2, {tensor.channels, tensor.height, tensor.width});
}

dlf_tensor tensor_named(const dlf_symbols& symbols, dlf_tensor_name name) {
  const dlf::SymbolSet& set = symbols.set;
  const auto windows = static_cast<uint32_t>(set.geometry.windows());
  switch (name) {
    case DLF_TENSOR_TOKENS:
      return tensor_of(set.tokens.data(), 2, {windows, symbols.tokens_stride});
    case DLF_TENSOR_BANK:
      return tensor_of(set.banks.data(), 1, {windows});
    case DLF_TENSOR_SYMBOLS:
      return tensor_of(set.symbols);
    case DLF_TENSOR_SCALE_INDEX:
      return tensor_of(set.scale_index);
    case DLF_TENSOR_MEAN:
      return tensor_of(set.mean);
    case DLF_TENSOR_STEP:
      return tensor_of(set.step);
    case DLF_TENSOR_Y_HAT:
      return tensor_of(set.y_hat);
    case DLF_TENSOR_LATENT:
      return tensor_of(set.latent.data(), 4,
                       {set.y_hat.channels, set.y_hat.height, set.y_hat.width});
    case DLF_TENSOR_RATE_INDEX:
      if (!set.map) return tensor_of(nullptr, 1, {});
      return tensor_of(set.rates.rates().data(), 1, {set.map->rows, set.map->columns});
    case DLF_TENSOR_FORCE_INT_:
      break;
  }
  dlf::fail(DLF_INVALID_ARGUMENT, "no tensor has this name");
}

}  // namespace

extern "C" {

DLF_API const char* dlf_status_string(dlf_status status) { return dlf::status_text(status); }

DLF_API const char* dlf_version(void) { return dlf::c_api::kVersionText; }

DLF_API void dlf_buffer_free(dlf_buffer* buffer) {
  if (buffer == nullptr || buffer->data == nullptr) return;
  if (buffer->allocator.release != nullptr) {
    buffer->allocator.release(buffer->allocator.user, buffer->data);
  } else {
    std::free(buffer->data);
  }
  buffer->data = nullptr;
  buffer->size = 0;
}

DLF_API dlf_status dlf_probe(const uint8_t* data, size_t size, dlf_info* info, dlf_error* error) {
  return guarded(error, [&] {
    clear(info, "dlf_info");
    give(info, info_of(dlf::parse_header(view_of(data, size))));
  });
}

DLF_API dlf_status dlf_chunks_open(const uint8_t* data, size_t size, const dlf_limits* limits,
                                   dlf_chunks** chunks, dlf_error* error) {
  return guarded(error, [&] {
    require(chunks != nullptr, "chunks is NULL");
    *chunks = nullptr;
    dlf::ReadOptions options;
    options.limits = limits_of(limits);
    auto out = std::make_unique<dlf_chunks>();
    out->chunks = dlf::parse_file(view_of(data, size), parse_options(options)).chunks;
    *chunks = out.release();
  });
}

DLF_API void dlf_chunks_free(dlf_chunks* chunks) { delete chunks; }

DLF_API size_t dlf_chunks_count(const dlf_chunks* chunks) {
  return chunks == nullptr ? 0 : chunks->chunks.size();
}

DLF_API dlf_status dlf_chunks_get(const dlf_chunks* chunks, size_t index, dlf_chunk* chunk,
                                  dlf_error* error) {
  return guarded(error, [&] {
    clear(chunk, "dlf_chunk");
    require(index < dlf_chunks_count(chunks), "there is no chunk with this index");
    const dlf::Chunk& found = chunks->chunks[index];
    dlf_chunk out;
    std::memset(&out, 0, sizeof out);
    out.type = found.type;
    out.critical = found.critical;
    out.safe_to_copy = found.safe_to_copy;
    out.data = found.content.data();
    out.size = found.content.size();
    give(chunk, out);
  });
}

DLF_API dlf_status dlf_package_open(const char* path, dlf_package** package, dlf_error* error) {
  return guarded(error, [&] {
    require(package != nullptr, "package is NULL");
    *package = nullptr;
    require(path != nullptr, "path is NULL");
    *package = new dlf_package{dlf::ModelPackage::load(path)};
  });
}

DLF_API dlf_status dlf_package_open_memory(const uint8_t* data, size_t size, dlf_package** package,
                                           dlf_error* error) {
  return guarded(error, [&] {
    require(package != nullptr, "package is NULL");
    *package = nullptr;
    *package = new dlf_package{dlf::ModelPackage::from_archive(view_of(data, size), kInMemory)};
  });
}

DLF_API void dlf_package_free(dlf_package* package) { delete package; }

DLF_API dlf_status dlf_package_get_info(const dlf_package* package, dlf_package_info* info,
                                        dlf_error* error) {
  return guarded(error, [&] {
    clear(info, "dlf_package_info");
    const dlf::ModelPackage& model = model_of(package);
    dlf_package_info out;
    std::memset(&out, 0, sizeof out);
    out.model_id = model.id();
    out.rate_points = model.normative().rate_points;
    out.window = model.normative().window;
    out.tokens_per_window = model.normative().tokens_per_window;
    out.digits = model.normative().digits();
    out.latent_channels = model.normative().latent_channels;
    out.latent_stride = model.normative().latent_stride;
    out.has_importance_maps = model.normative().map_unit > 0;
    const std::string hash = model.sha256_hex();
    std::copy_n(hash.begin(), std::min(hash.size(), sizeof out.sha256 - 1), out.sha256);
    give(info, out);
  });
}

DLF_API const char* dlf_package_json(const dlf_package* package) {
  return package == nullptr ? "" : package->model->model_json().c_str();
}

DLF_API dlf_status dlf_estimate_decoding(const uint8_t* data, size_t size,
                                         const dlf_package* package, uint32_t threads,
                                         dlf_estimate* estimate, dlf_error* error) {
  return guarded(error, [&] {
    clear(estimate, "dlf_estimate");
    dlf::ReadOptions options;
    options.limits = dlf::Limits::none();
    options.threads = static_cast<int>(std::min<uint32_t>(threads, INT_MAX));
    const dlf::Header header = dlf::parse_header(view_of(data, size));
    const dlf::Estimate whole = dlf::checked_estimate(header, model_of(package), options);
    dlf_estimate out;
    std::memset(&out, 0, sizeof out);
    out.output_bytes = whole.output_bytes;
    out.memory_bytes = whole.memory_bytes;
    out.multiply_accumulates = whole.macs;
    out.parts = whole.parts;
    for (size_t i = 0; i < 3; ++i) {
      options.downscale = 2 << i;
      const dlf::Estimate reduced = dlf::checked_estimate(header, model_of(package), options);
      out.reduced_memory_bytes[i] = reduced.memory_bytes;
      out.reduced_multiply_accumulates[i] = reduced.macs;
    }
    give(estimate, out);
  });
}

DLF_API dlf_status dlf_verify(const uint8_t* data, size_t size, const dlf_package* package,
                              const dlf_limits* limits, dlf_error* error) {
  return guarded(error, [&] {
    dlf::ReadOptions options;
    options.limits = limits_of(limits);
    const dlf::ModelPackage& model = model_of(package);
    dlf::verify_file(dlf::FileView(view_of(data, size)), model, options);
  });
}

DLF_API dlf_status dlf_symbols_decode(const uint8_t* data, size_t size, const dlf_package* package,
                                      const dlf_limits* limits, dlf_symbols** symbols,
                                      dlf_error* error) {
  return guarded(error, [&] {
    require(symbols != nullptr, "symbols is NULL");
    *symbols = nullptr;
    const dlf::ModelPackage& model = model_of(package);
    dlf::ReadOptions options;
    options.limits = limits_of(limits);
    auto out = std::make_unique<dlf_symbols>();
    out->tokens_stride = model.normative().tokens_stride();
    const dlf::FileView file(view_of(data, size));
    out->set = dlf::read_symbols(dlf::open_file(file, model, options), model, options);
    *symbols = out.release();
  });
}

DLF_API void dlf_symbols_free(dlf_symbols* symbols) { delete symbols; }

DLF_API dlf_status dlf_symbols_get(const dlf_symbols* symbols, dlf_tensor_name name,
                                   dlf_tensor* tensor, dlf_error* error) {
  return guarded(error, [&] {
    clear(tensor, "dlf_tensor");
    require(symbols != nullptr, "symbols is NULL");
    give(tensor, tensor_named(*symbols, name));
  });
}

DLF_API uint32_t dlf_symbols_final_state(const dlf_symbols* symbols) {
  return symbols == nullptr ? 0 : symbols->set.final_state;
}

}  // extern "C"

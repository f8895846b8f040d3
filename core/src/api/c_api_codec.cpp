// The part of the C interface that handles pixels: dlf.h -> codec.
#include <climits>
#include <cstdlib>

#include "api/c_api_backend.h"
#include "api/c_api_common.h"
#include "base/constants.h"
#include "codec/codec.h"
#include "codec/transforms.h"

using namespace dlf::c_api;  // what all parts of the interface share

struct dlf_codec {
  Log log;
  dlf_package package;
  std::unique_ptr<dlf::Codec> codec;
};

namespace {

// Memory for the caller, taken back unless it is handed over.
class OutputBuffer {
 public:
  explicit OutputBuffer(const dlf_allocator* given) {
    std::memset(&buffer_, 0, sizeof buffer_);
    buffer_.struct_size = sizeof buffer_;
    const dlf::Memory memory = memory_of(given);
    buffer_.allocator.struct_size = sizeof buffer_.allocator;
    buffer_.allocator.user = memory.user;
    buffer_.allocator.allocate = memory.allocate;
    buffer_.allocator.release = memory.release;
  }
  ~OutputBuffer() { dlf_buffer_free(&buffer_); }
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;

  uint8_t* allocate(size_t bytes) {
    const dlf_allocator& allocator = buffer_.allocator;
    buffer_.data = static_cast<uint8_t*>(allocator.allocate != nullptr
                                             ? allocator.allocate(allocator.user, bytes)
                                             : std::malloc(bytes));
    buffer_.size = buffer_.data == nullptr ? 0 : bytes;
    return buffer_.data;
  }

  dlf_buffer hand_over() {
    const dlf_buffer out = buffer_;
    buffer_.data = nullptr;
    return out;
  }

 private:
  dlf_buffer buffer_;
};

const Log& log_of_codec(const dlf_codec* codec) {
  static const Log kSilent{dlf_logger()};
  return codec == nullptr ? kSilent : codec->log;
}

// An output that memory is handed over in: a struct too short for it would lose the memory.
template <typename Struct>
void clear_whole(Struct* out, size_t least, const char* name) {
  clear(out, name);
  if (out->struct_size < least) {
    dlf::fail(DLF_INVALID_ARGUMENT, std::string("struct_size of ") + name + " is too small");
  }
}

dlf::Progress progress_of(dlf_progress callback, void* user) {
  if (callback == nullptr) return {};
  return
      [callback, user](uint32_t done, uint32_t total) { return callback(user, done, total) == 0; };
}

dlf::ConstPixels pixels_of(const dlf_image* given) {
  require(given != nullptr, "image is NULL");
  const dlf_image image = known_part(given, "dlf_image");
  require(image.channels >= 1 && image.channels <= 4, "an image has 1, 2, 3 or 4 channels");
  dlf::ConstPixels pixels;
  pixels.data = image.data;
  pixels.width = image.width;
  pixels.height = image.height;
  pixels.channels = static_cast<int>(image.channels);
  pixels.stride = image.stride != 0 ? image.stride : size_t{image.width} * image.channels;
  return pixels;
}

std::vector<dlf::Chunk> chunks_of(const dlf_chunk* given, size_t count) {
  require(given != nullptr || count == 0, "chunks is NULL");
  std::vector<dlf::Chunk> chunks;
  const auto* bytes = reinterpret_cast<const uint8_t*>(given);
  for (size_t i = 0; i < count; ++i) {
    // The caller's array has elements of the caller's size.
    dlf_chunk chunk;
    std::memset(&chunk, 0, sizeof chunk);
    size_t size = 0;
    std::memcpy(&size, bytes, sizeof size);
    require(size >= sizeof size, "struct_size of dlf_chunk is not set");
    std::memcpy(&chunk, bytes, std::min(size, sizeof chunk));
    bytes += size;

    require(chunk.type != dlf::kChunkAlpha, "the alpha chunk comes from the pixels");
    require(chunk.type >= dlf::kChunkFirstPrivate || dlf::is_known_chunk(chunk.type),
            "a chunk type that is reserved");
    require(chunk.data != nullptr || chunk.size == 0, "a chunk has no data");
    dlf::Chunk out;
    out.type = chunk.type;
    out.critical = chunk.critical != 0 && chunk.type >= dlf::kChunkFirstPrivate;
    out.safe_to_copy = chunk.safe_to_copy != 0 || chunk.type < dlf::kChunkFirstPrivate;
    out.content.assign(chunk.data, chunk.data + chunk.size);
    chunks.push_back(std::move(out));
  }
  return chunks;
}

dlf::ImportanceMask mask_of(const dlf_encode_options& given) {
  if (given.importance == nullptr) return {};
  require(given.find_importance == 0, "give importance or find_importance, not both");
  require(given.importance_width <= dlf::kMaxSide && given.importance_height <= dlf::kMaxSide,
          "a grid of importance has at most 2^24 a side");
  return {given.importance, given.importance_width, given.importance_height};
}

dlf::EncodeOptions encode_options(const dlf_encode_options& given) {
  require(given.rate <= UINT8_MAX, "rate must be 0 to 255");
  require(given.orientation <= 8, "orientation must be 1 to 8");
  require(
      given.color_space == DLF_COLOR_SPACE_SRGB || given.color_space == DLF_COLOR_SPACE_DISPLAY_P3,
      "unknown colour space");
  dlf::EncodeOptions options;
  options.rate = static_cast<uint8_t>(given.rate);
  options.orientation = static_cast<uint8_t>(given.orientation == 0 ? 1 : given.orientation);
  options.display_width = given.display_width;
  options.display_height = given.display_height;
  options.color_space = static_cast<dlf::ColorSpace>(given.color_space);
  options.chunks = chunks_of(given.chunks, given.chunk_count);
  options.importance = mask_of(given);
  options.finds_importance = given.find_importance != 0;
  options.limits = limits_of(given.limits);
  options.progress = progress_of(given.progress, given.progress_user);
  return options;
}

dlf::DecodeOptions decode_options(const dlf_decode_options& given) {
  dlf::DecodeOptions options;
  options.layers = given.semantic_only != 0 ? dlf::Layers::kSemantic : dlf::Layers::kAll;
  options.allow_truncated = given.allow_truncated != 0;
  if (given.region_width != 0) {
    options.region =
        dlf::Region{given.region_x, given.region_y, given.region_width, given.region_height};
  }
  options.downscale = downscale_of(given.downscale);
  require(given.noise == DLF_NOISE_VIVID || given.noise == DLF_NOISE_FAITHFUL, "unknown noise");
  options.noise = static_cast<dlf::Noise>(given.noise);
  options.limits = limits_of(given.limits);
  options.progress = progress_of(given.progress, given.progress_user);
  return options;
}

dlf::NetworkOptions network_options(const dlf_codec_options& given) {
  require(given.precision == DLF_PRECISION_FP32 || given.precision == DLF_PRECISION_BF16,
          "unknown precision");
  require(given.backend >= DLF_BACKEND_AUTO && given.backend <= DLF_BACKEND_TORCH,
          "unknown backend");
  dlf::NetworkOptions options;
  options.backend = static_cast<dlf::Backend>(given.backend);
  if (given.device != nullptr) options.device = given.device;
  if (given.precision == DLF_PRECISION_BF16) options.precision = dlf::Precision::kBFloat16;
  return options;
}

// Decodes and hands the picture over; both ways of giving the input end here.
void decode_to(const dlf_codec& codec, const dlf::FileView& file, const dlf::DecodeOptions& options,
               OutputBuffer* output, dlf_picture* picture) {
  const dlf::DecodedPicture decoded =
      codec.codec->decode(file, options, [&](size_t bytes) { return output->allocate(bytes); });
  dlf_picture out;
  std::memset(&out, 0, sizeof out);
  out.width = decoded.region.width;
  out.height = decoded.region.height;
  out.channels = static_cast<uint32_t>(decoded.channels);
  out.complete = decoded.complete;
  if (codec.log.wants(DLF_LOG_DEBUG)) {
    codec.log.say(DLF_LOG_DEBUG, "decoded " + std::to_string(out.width) + "x" +
                                     std::to_string(out.height) + " pixels from " +
                                     std::to_string(file.bytes().size()) + " bytes");
  }
  if (!decoded.complete) {
    codec.log.say(DLF_LOG_WARNING, "the file is truncated; what is missing is shown as predicted");
  }
  out.samples = output->hand_over();
  give(picture, out);
}

// Opens a codec with the package that `load` gives; it also gives the package's bytes, which only a
// TorchScript package needs.
template <typename Load>
dlf_status open_codec(const dlf_codec_options* options, dlf_codec** codec, dlf_error* error,
                      const Load& load) {
  dlf_codec_options given;
  Log log{dlf_logger()};
  const dlf_status status = guarded(error, [&] {
    require(codec != nullptr, "codec is NULL");
    *codec = nullptr;
    given = known_part(options, "dlf_codec_options");
    log = log_of(given.logger);
  });
  if (status != DLF_OK) return status;
  return guarded(log, error, [&] {
    const dlf::NetworkOptions choice = network_options(given);
    std::vector<uint8_t> archive;
    std::unique_ptr<dlf_codec> out(new dlf_codec{log, {}, nullptr});
    out->package.model = load(&archive);
    const dlf::ModelPackage& model = *out->package.model;
    dlf::Networks networks = dlf::load_networks(archive, model, choice, &dlf::c_api::torch_backend);
    out->codec =
        std::make_unique<dlf::Codec>(out->package.model, std::move(networks),
                                     static_cast<int>(std::min<uint32_t>(given.threads, INT_MAX)));
    if (log.wants(DLF_LOG_INFO)) {
      log.say(DLF_LOG_INFO, "model " + std::to_string(model.id()) + " of " +
                                (model.path().empty() ? kInMemory : model.path()) + " on " +
                                choice.device + ", sha256 " + model.sha256_hex());
    }
    *codec = out.release();
  });
}

static_assert(DLF_NOISE_VIVID == static_cast<int>(dlf::Noise::kVivid) &&
                  DLF_NOISE_FAITHFUL == static_cast<int>(dlf::Noise::kFaithful),
              "dlf.h and integer_networks.h must agree");
static_assert(DLF_BACKEND_AUTO == static_cast<int>(dlf::Backend::kAuto) &&
                  DLF_BACKEND_INTEGER == static_cast<int>(dlf::Backend::kInteger) &&
                  DLF_BACKEND_TORCH == static_cast<int>(dlf::Backend::kTorch),
              "dlf.h and transforms.h must agree");

constexpr size_t kWholePicture = offsetof(dlf_picture, samples) + sizeof(dlf_buffer);

}  // namespace

extern "C" {

DLF_API dlf_status dlf_codec_open(const char* path, const dlf_codec_options* options,
                                  dlf_codec** codec, dlf_error* error) {
  return open_codec(options, codec, error, [&](std::vector<uint8_t>* archive) {
    require(path != nullptr, "path is NULL");
    return dlf::ModelPackage::load(path, archive);
  });
}

DLF_API dlf_status dlf_codec_open_memory(const uint8_t* data, size_t size,
                                         const dlf_codec_options* options, dlf_codec** codec,
                                         dlf_error* error) {
  return open_codec(options, codec, error, [&](std::vector<uint8_t>* archive) {
    const dlf::ByteView bytes = view_of(data, size);
    auto model = dlf::ModelPackage::from_archive(bytes, kInMemory);
    if (!model->normative().synthesis) *archive = bytes.copy();
    return model;
  });
}

DLF_API void dlf_codec_free(dlf_codec* codec) { delete codec; }

DLF_API const dlf_package* dlf_codec_package(const dlf_codec* codec) {
  return codec == nullptr ? nullptr : &codec->package;
}

DLF_API dlf_status dlf_encode(const dlf_codec* codec, const dlf_image* image,
                              const dlf_encode_options* options, dlf_buffer* file,
                              dlf_error* error) {
  return guarded(log_of_codec(codec), error, [&] {
    clear_whole(file, sizeof(dlf_buffer), "dlf_buffer");
    require(codec != nullptr, "codec is NULL");
    const dlf_encode_options given = known_part(options, "dlf_encode_options");
    OutputBuffer output(given.allocator);
    const dlf::ConstPixels pixels = pixels_of(image);
    const dlf::EncodeOptions encoding = encode_options(given);
    const std::vector<uint8_t> bytes =
        given.max_bytes != 0 ? codec->codec->encode_to_size(pixels, given.max_bytes, encoding)
                             : codec->codec->encode(pixels, encoding);
    if (output.allocate(bytes.size()) == nullptr) {
      dlf::fail(DLF_OUT_OF_MEMORY, "no memory for the encoded file");
    }
    if (codec->log.wants(DLF_LOG_DEBUG)) {
      codec->log.say(DLF_LOG_DEBUG, "encoded " + std::to_string(pixels.width) + "x" +
                                        std::to_string(pixels.height) + " pixels to " +
                                        std::to_string(bytes.size()) + " bytes");
    }
    const dlf_buffer out = output.hand_over();
    std::copy(bytes.begin(), bytes.end(), out.data);
    give(file, out);
  });
}

DLF_API dlf_status dlf_decode(const dlf_codec* codec, const uint8_t* data, size_t size,
                              const dlf_decode_options* options, dlf_picture* picture,
                              dlf_error* error) {
  return guarded(log_of_codec(codec), error, [&] {
    clear_whole(picture, kWholePicture, "dlf_picture");
    require(codec != nullptr, "codec is NULL");
    const dlf_decode_options given = known_part(options, "dlf_decode_options");
    const dlf::DecodeOptions decoding = decode_options(given);
    OutputBuffer output(given.allocator);
    decode_to(*codec, dlf::FileView(view_of(data, size)), decoding, &output, picture);
  });
}

DLF_API dlf_status dlf_decoder_picture(const dlf_decoder* decoder, const dlf_codec* codec,
                                       const dlf_decode_options* options, dlf_picture* picture,
                                       dlf_error* error) {
  return guarded(log_of_codec(codec), error, [&] {
    clear_whole(picture, kWholePicture, "dlf_picture");
    require(decoder != nullptr, "decoder is NULL");
    require(codec != nullptr, "codec is NULL");
    const dlf_decode_options given = known_part(options, "dlf_decode_options");
    const dlf::PushInput& input = decoder->input;
    const dlf::ReadOptions reading = input.reading();
    require(input.stage() >= dlf::PushStage::kSemantic, "the semantic layer has not arrived yet");
    dlf::DecodeOptions decoding = decode_options(given);
    decoding.limits = reading.limits;
    decoding.allow_truncated = reading.allow_truncated;
    OutputBuffer output(given.allocator);
    decode_to(*codec, input.file(), decoding, &output, picture);
  });
}

}  // extern "C"

// Input in pieces: the torch-free part of dlf_decoder.
#include "api/c_api_common.h"
#include "codec/file_reader.h"

using namespace dlf::c_api;  // what all parts of the interface share

static_assert(DLF_STAGE_START == static_cast<int>(dlf::PushStage::kStart) &&
                  DLF_STAGE_INFO == static_cast<int>(dlf::PushStage::kInfo) &&
                  DLF_STAGE_SEMANTIC == static_cast<int>(dlf::PushStage::kSemantic) &&
                  DLF_STAGE_COMPLETE == static_cast<int>(dlf::PushStage::kComplete) &&
                  DLF_STAGE_FINISHED == static_cast<int>(dlf::PushStage::kFinished),
              "dlf.h and push_input.h must agree");

namespace {

dlf_stage stage_of(const dlf_decoder& decoder) {
  return static_cast<dlf_stage>(decoder.input.stage());
}

// Runs an action on the decoder and tells the log which stages it has led to.
template <typename Action>
dlf_status change(dlf_decoder* decoder, dlf_error* error, const Action& action) {
  if (decoder == nullptr) {
    return guarded(error, [] { require(false, "decoder is NULL"); });
  }
  return guarded(decoder->log, error, [&] {
    const dlf_stage before = stage_of(*decoder);
    action(decoder->input);
    const dlf_stage now = stage_of(*decoder);
    if (now == before || !decoder->log.wants(DLF_LOG_DEBUG)) return;
    static const char* const kNames[] = {"start", "header read", "semantic layer there",
                                         "every byte there", "finished"};
    decoder->log.say(DLF_LOG_DEBUG, std::string(kNames[now]) + " after " +
                                        std::to_string(decoder->input.bytes_received()) + " bytes");
  });
}

}  // namespace

extern "C" {

DLF_API dlf_status dlf_decoder_open(const dlf_package* package, const dlf_decoder_options* options,
                                    dlf_decoder** decoder, dlf_error* error) {
  return guarded(error, [&] {
    require(decoder != nullptr, "decoder is NULL");
    *decoder = nullptr;
    const dlf_decoder_options given = known_part(options, "dlf_decoder_options");
    dlf::ReadOptions reading;
    reading.limits = limits_of(given.limits);
    reading.allow_truncated = given.allow_truncated != 0;
    reading.downscale = downscale_of(given.downscale);
    *decoder = new dlf_decoder{
        log_of(given.logger),
        {package != nullptr ? package->model : nullptr, reading, memory_of(given.allocator)}};
  });
}

DLF_API void dlf_decoder_free(dlf_decoder* decoder) { delete decoder; }

DLF_API dlf_status dlf_decoder_set_package(dlf_decoder* decoder, const dlf_package* package,
                                           dlf_error* error) {
  return change(decoder, error, [&](dlf::PushInput& input) {
    require(package != nullptr, "package is NULL");
    input.set_model(package->model);
  });
}

DLF_API dlf_status dlf_decoder_push(dlf_decoder* decoder, const uint8_t* data, size_t size,
                                    dlf_error* error) {
  return change(decoder, error, [&](dlf::PushInput& input) { input.push(view_of(data, size)); });
}

DLF_API dlf_status dlf_decoder_finish(dlf_decoder* decoder, dlf_error* error) {
  return change(decoder, error, [](dlf::PushInput& input) { input.finish(); });
}

DLF_API dlf_status dlf_decoder_get_state(const dlf_decoder* decoder, dlf_decoder_state* state,
                                         dlf_error* error) {
  return guarded(error, [&] {
    clear(state, "dlf_decoder_state");
    require(decoder != nullptr, "decoder is NULL");
    dlf_decoder_state out;
    std::memset(&out, 0, sizeof out);
    out.stage = stage_of(*decoder);
    out.bytes_received = decoder->input.bytes_received();
    out.bytes_wanted = decoder->input.wanted();
    out.file_bytes = decoder->input.file_bytes();
    give(state, out);
  });
}

DLF_API dlf_status dlf_decoder_get_info(const dlf_decoder* decoder, dlf_info* info,
                                        dlf_error* error) {
  return guarded(error, [&] {
    clear(info, "dlf_info");
    require(decoder != nullptr, "decoder is NULL");
    require(decoder->input.header() != nullptr, "the header has not arrived yet");
    give(info, info_of(*decoder->input.header()));
  });
}

DLF_API const uint8_t* dlf_decoder_data(const dlf_decoder* decoder, size_t* size) {
  const dlf::ByteView bytes = decoder == nullptr ? dlf::ByteView() : decoder->input.bytes();
  if (size != nullptr) *size = bytes.size();
  return bytes.data();
}

DLF_API dlf_status dlf_decoder_symbols(const dlf_decoder* decoder, dlf_symbols** symbols,
                                       dlf_error* error) {
  static const dlf_logger kNone = {};
  const Log silent(kNone);
  return guarded(decoder != nullptr ? decoder->log : silent, error, [&] {
    require(symbols != nullptr, "symbols is NULL");
    *symbols = nullptr;
    require(decoder != nullptr, "decoder is NULL");
    const dlf::PushInput& input = decoder->input;
    dlf::ReadOptions options = input.reading();
    options.for_pixels = false;  // every tensor can be asked for
    require(input.model() != nullptr, "the decoder has no package");
    require(input.stage() >= dlf::PushStage::kSemantic, "the semantic layer has not arrived yet");
    auto out = std::make_unique<dlf_symbols>();
    out->tokens_stride = input.model()->normative().tokens_stride();
    out->set = dlf::read_symbols(dlf::open_file(input.file(), *input.model(), options),
                                 *input.model(), options);
    *symbols = out.release();
  });
}

}  // extern "C"

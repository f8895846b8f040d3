// Input in pieces: however a file is cut, it ends as one call with the whole of it does. Where it
// is cut follows from its bytes, so that the seeds of the other targets serve here too.

#include <algorithm>
#include <cstring>

#include "container/checksums.h"
#include "fuzz.h"
#include "models.h"
#include "mutate.h"
#include "support.h"

using dlf_fuzz::check;
using dlf_fuzz::check_status;

namespace {

struct Outcome {
  dlf_status status = DLF_OK;
  dlf_error error;
  uint32_t final_state = 0;

  Outcome() { DLF_INIT(&error); }
  bool operator==(const Outcome& other) const {
    return status == other.status && error.offset == other.error.offset &&
           std::strcmp(error.message, other.error.message) == 0 && final_state == other.final_state;
  }
};

void keep_state(Outcome& outcome, dlf_symbols* symbols) {
  check((symbols != nullptr) == (outcome.status == DLF_OK), "a handle exactly on success");
  outcome.final_state = dlf_symbols_final_state(symbols);
  dlf_symbols_free(symbols);
}

Outcome at_once(const uint8_t* data, size_t size, const dlf_limits& limits) {
  Outcome outcome;
  dlf_symbols* symbols = nullptr;
  outcome.status =
      dlf_symbols_decode(data, size, dlf_fuzz::test_package(), &limits, &symbols, &outcome.error);
  keep_state(outcome, symbols);
  return outcome;
}

bool needs_test_model(const uint8_t* data, size_t size) {
  dlf_info info;
  dlf_package_info package;
  DLF_INIT(&info);
  DLF_INIT(&package);
  check(dlf_package_get_info(dlf_fuzz::test_package(), &package, nullptr) == DLF_OK, "package");
  return dlf_probe(data, size, &info, nullptr) == DLF_OK && info.model_id == package.model_id;
}

void check_state(const dlf_decoder* decoder, dlf_stage& stage) {
  dlf_decoder_state state;
  DLF_INIT(&state);
  check(dlf_decoder_get_state(decoder, &state, nullptr) == DLF_OK, "a decoder has a state");
  check(state.stage >= stage, "no stage is left backwards");
  check((state.bytes_wanted == 0) == (state.stage >= DLF_STAGE_COMPLETE), "what is wanted");
  stage = state.stage;
}

// What can be shown before the end must be decodable, or say what is wrong with it.
void peek(const dlf_decoder* decoder) {
  dlf_symbols* symbols = nullptr;
  check_status(dlf_decoder_symbols(decoder, &symbols, nullptr),
               {DLF_OK, DLF_INVALID_FILE, DLF_UNSUPPORTED, DLF_LIMIT_EXCEEDED, DLF_MODEL_ERROR});
  dlf_symbols_free(symbols);
}

Outcome in_pieces(const uint8_t* data, size_t size, const dlf_limits& limits, bool late,
                  dlf_test::Random& random) {
  dlf_decoder_options options;
  DLF_INIT(&options);
  options.limits = &limits;
  dlf_decoder* decoder = nullptr;
  check(dlf_decoder_open(late ? nullptr : dlf_fuzz::test_package(), &options, &decoder, nullptr) ==
            DLF_OK,
        "a decoder can be made");
  Outcome outcome;
  dlf_stage stage = DLF_STAGE_START;
  bool has_package = !late, peeked = false;
  const int64_t longest = random.coin() ? 3 : 200;
  for (size_t at = 0; at < size && outcome.status == DLF_OK;) {
    const size_t count = std::min(size - at, static_cast<size_t>(random.in(0, longest)));
    outcome.status = dlf_decoder_push(decoder, data + at, count, &outcome.error);
    at += count;
    if (outcome.status == DLF_OK) check_state(decoder, stage);
    if (!has_package && stage >= DLF_STAGE_INFO && outcome.status == DLF_OK) {
      outcome.status = dlf_decoder_set_package(decoder, dlf_fuzz::test_package(), &outcome.error);
      has_package = true;
    }
    if (stage >= DLF_STAGE_SEMANTIC && !peeked && outcome.status == DLF_OK) {
      peek(decoder);
      peeked = true;
    }
  }
  if (outcome.status == DLF_OK) {
    outcome.status = dlf_decoder_finish(decoder, &outcome.error);
    check(dlf_decoder_finish(decoder, nullptr) == outcome.status, "finishing twice is the same");
  }
  if (outcome.status == DLF_OK) {
    dlf_symbols* symbols = nullptr;
    outcome.status = dlf_decoder_symbols(decoder, &symbols, &outcome.error);
    keep_state(outcome, symbols);
  }
  dlf_decoder_free(decoder);
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const dlf_limits limits = dlf_fuzz::small_limits();
  const Outcome whole = at_once(data, size, limits);
  dlf_test::Random random(dlf::crc32c({data, size}));
  // The package may come when the header is known. One that the file does not need is refused then
  // and there; the limits that depend on it are judged later than the framing of the chunks.
  const bool late =
      random.in(0, 3) == 0 && needs_test_model(data, size) && whole.status != DLF_LIMIT_EXCEEDED;
  const Outcome pieces = in_pieces(data, size, limits, late, random);
  if (!(whole == pieces)) {
    std::fprintf(stderr, "at once: %d at %llu: %s\nin pieces: %d at %llu: %s\n", whole.status,
                 static_cast<unsigned long long>(whole.error.offset), whole.error.message,
                 pieces.status, static_cast<unsigned long long>(pieces.error.offset),
                 pieces.error.message);
  }
  check(whole == pieces, "a file in pieces ends as the whole file does");
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return dlf_fuzz::mutate_file(data, size, max_size, seed);
}

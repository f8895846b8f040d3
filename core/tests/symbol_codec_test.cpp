#include "entropy/symbol_codec.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/constants.h"
#include "entropy/payload_lengths.h"
#include "entropy/prior.h"
#include "support.h"
#include "test.h"

using dlf::EncodedPayload;
using dlf::ImageGeometry;
using dlf::ModelPackage;
using dlf::PayloadOptions;
using dlf::SymbolSet;

namespace {

struct Picture {
  std::shared_ptr<const ModelPackage> model;
  ImageGeometry geometry;
  std::vector<int16_t> tokens;
  std::vector<float> y;

  Picture(uint64_t seed, uint32_t width, uint32_t height, dlf_test::PartOptions options = {}) {
    model = dlf_test::random_package(seed, options);
    const dlf::NormativePart& part = model->normative();
    geometry = ImageGeometry::of(part, width, height);
    dlf_test::Random random(seed + 1000);
    tokens.resize(static_cast<size_t>(geometry.windows()) * part.tokens_stride());
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = static_cast<int16_t>(random.in(0, part.levels[i % part.digits()] - 1));
    }
    y.resize(size_t{geometry.latent_h} * geometry.latent_w * part.latent_channels);
    for (float& value : y) {
      value = static_cast<float>(random.in(-4000, 4000)) / 500.0f;
    }
  }

  EncodedPayload encode(uint8_t rate = 1, dlf::EntropyOptions options = {}) const {
    return dlf::encode_payload(*model, geometry, rate, tokens, y, options);
  }
  SymbolSet decode(dlf::ByteView payload, uint8_t rate = 1, PayloadOptions options = {}) const {
    return dlf::decode_payload(*model, geometry, rate, payload, options);
  }
};

bool same(const SymbolSet& a, const SymbolSet& b) {
  return a.tokens == b.tokens && a.banks == b.banks && a.symbols.data == b.symbols.data &&
         a.scale_index.data == b.scale_index.data && a.mean.data == b.mean.data &&
         a.step.data == b.step.data && a.y_hat.data == b.y_hat.data && a.latent == b.latent &&
         a.final_state == b.final_state;
}

}  // namespace

TEST(payloads_return_every_tensor_over_sizes_and_models) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    dlf_test::PartOptions options;
    options.context = seed % 2 == 0;
    options.banks = seed % 3 == 0 ? 1 : 4;
    options.align = seed % 4 == 0 ? 64 : 32;
    options.use_tokens = seed % 5 != 0;
    options.levels = seed % 7 == 0 ? std::vector<uint16_t>{9} : std::vector<uint16_t>{5, 3, 2};
    dlf_test::Random random(seed);
    const Picture picture(seed, static_cast<uint32_t>(random.in(1, 400)),
                          static_cast<uint32_t>(random.in(1, 300)), options);
    for (uint8_t rate = 0; rate < 3; ++rate) {
      const EncodedPayload coded = picture.encode(rate);
      const SymbolSet back = picture.decode(coded.payload, rate);
      CHECK(same(back, coded.symbols));
      CHECK(back.tokens == picture.tokens);
      CHECK(back.complete);
      CHECK(back.final_state >= dlf::kRansLow);
      CHECK(back.final_state - dlf::kRansLow < 65536);
      CHECK(back.token_bytes <= coded.payload.size());
    }
  }
}

TEST(some_symbols_are_coded_and_some_are_not) {
  const Picture picture(1, 400, 300);
  const SymbolSet set = picture.encode().symbols;
  const auto skipped = std::count(set.scale_index.data.begin(), set.scale_index.data.end(), -1);
  CHECK(skipped > 0);
  CHECK(skipped < static_cast<std::ptrdiff_t>(set.scale_index.data.size()));
  for (size_t i = 0; i < set.symbols.data.size(); ++i) {
    CHECK(set.scale_index.data[i] >= 0 || set.symbols.data[i] == 0);
  }
}

TEST(threads_and_simd_do_not_change_anything) {
  const Picture picture(2, 2600, 1900);
  const EncodedPayload one = picture.encode();
  for (const int threads : {1, 2, 5}) {
    for (const bool plain : {false, true}) {
      dlf::EntropyOptions options;
      options.threads = threads;
      options.force_plain = plain;
      const EncodedPayload other = picture.encode(1, options);
      CHECK(other.payload == one.payload);
      PayloadOptions decoding;
      decoding.threads = threads;
      decoding.force_plain = plain;
      CHECK(same(picture.decode(one.payload, 1, decoding), one.symbols));
    }
  }
}

TEST(latents_are_within_half_a_step_where_coded) {
  const Picture picture(3, 300, 200);
  const dlf::NormativePart& part = picture.model->normative();
  const SymbolSet set = picture.encode().symbols;
  const double scale = std::ldexp(1.0, -part.mean_fraction - part.step_fraction);
  for (size_t i = 0; i < set.latent.size(); ++i) {
    const double step = set.step.data[i] * std::ldexp(1.0, -part.step_fraction);
    if (set.scale_index.data[i] >= 0) {
      CHECK(std::abs(set.latent[i] * scale - double{picture.y[i]}) <= step * 0.5001);
    }
  }
}

TEST(extreme_latents_are_coded_without_saturation) {
  Picture picture(4, 100, 100);
  const float extremes[] = {1e30f,
                            -1e30f,
                            std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN(),
                            2047.0f,
                            -2048.0f};
  for (size_t i = 0; i < picture.y.size(); ++i) {
    picture.y[i] = extremes[i % 6];
  }
  const EncodedPayload coded = picture.encode();
  CHECK(same(picture.decode(coded.payload), coded.symbols));
}

TEST(every_cut_of_a_payload_is_named_or_gives_a_prefix) {
  const Picture picture(5, 200, 130);
  const EncodedPayload coded = picture.encode();
  PayloadOptions cut;
  cut.is_truncated = true;
  PayloadOptions best = cut;
  best.allow_truncated = true;
  size_t pictures = 0;
  for (size_t size = 0; size < coded.payload.size(); ++size) {
    const dlf::ByteView part(coded.payload.data(), size);
    CHECK_STATUS(DLF_TRUNCATED_FILE, picture.decode(part, 1, cut));
    CHECK_STATUS(DLF_INVALID_FILE, picture.decode(part));
    SymbolSet got;
    const dlf_status status = dlf_test::status_of([&] { got = picture.decode(part, 1, best); });
    if (size < coded.symbols.token_bytes || status != DLF_OK) {
      CHECK_EQ(status, DLF_TRUNCATED_FILE);
      CHECK_EQ(pictures, size_t{0});  // once the tokens are whole they stay so
      continue;
    }
    ++pictures;
    CHECK(!got.complete);
    CHECK(got.tokens == picture.tokens);
  }
  CHECK(pictures > 5);
}

TEST(the_semantic_layer_needs_only_the_tokens) {
  const Picture picture(6, 200, 130);
  const EncodedPayload coded = picture.encode();
  PayloadOptions options;
  options.semantic_only = true;
  const SymbolSet whole = picture.decode(coded.payload, 1, options);
  CHECK(whole.complete);
  CHECK(whole.tokens == picture.tokens);
  CHECK(std::all_of(whole.symbols.data.begin(), whole.symbols.data.end(),
                    [](int16_t q) { return q == 0; }));
  CHECK(whole.y_hat.data == whole.mean.data);
  options.is_truncated = options.allow_truncated = true;
  const dlf::ByteView prefix(coded.payload.data(), whole.token_bytes);
  CHECK(picture.decode(prefix, 1, options).latent == whole.latent);
}

TEST(every_flipped_bit_of_a_payload_is_refused) {
  const Picture picture(7, 200, 130);
  std::vector<uint8_t> payload = picture.encode().payload;
  size_t accepted = 0;
  for (size_t bit = 0; bit < 8 * payload.size(); ++bit) {
    payload[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    const dlf_status status = dlf_test::status_of([&] { picture.decode(payload); });
    accepted += status == DLF_INVALID_FILE ? 0 : 1;
    payload[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
  CHECK_EQ(accepted, size_t{0});
}

TEST(a_byte_too_many_is_invalid) {
  const Picture picture(8, 70, 70);
  std::vector<uint8_t> payload = picture.encode().payload;
  payload.push_back(0);
  CHECK_STATUS(DLF_INVALID_FILE, picture.decode(payload));
}

TEST(arguments_that_do_not_fit_are_refused) {
  Picture picture(9, 70, 70);
  CHECK_STATUS(DLF_INVALID_ARGUMENT, picture.encode(3));
  CHECK_STATUS(DLF_INVALID_FILE, picture.decode(picture.encode().payload, 3));
  picture.tokens[1] = 3;
  CHECK_STATUS(DLF_INVALID_ARGUMENT, picture.encode());
  picture.tokens[1] = -1;
  CHECK_STATUS(DLF_INVALID_ARGUMENT, picture.encode());
  picture.tokens[1] = 0;
  picture.y.pop_back();
  CHECK_STATUS(DLF_INVALID_ARGUMENT, picture.encode());
  picture.tokens.pop_back();
  CHECK_STATUS(DLF_INVALID_ARGUMENT, picture.encode());
}

TEST(token_values_are_centred_and_saturate) {
  dlf_test::Random random(60);
  dlf::NormativePart part;
  part.window = 64;
  part.tokens_per_window = 1;
  part.levels = {5, 4096};
  part.latent_align = 64;
  const ImageGeometry geometry = ImageGeometry::of(part, 128, 64);
  const dlf::Tensor values = dlf::token_values(part, geometry, {0, 0, 4, 4095});
  CHECK(values.data == std::vector<int16_t>({-256, 256, -32768, 32767}));
}

TEST(a_scale_index_counts_thresholds) {
  const std::vector<int16_t> thresholds = {-5, 0, 100};
  CHECK_EQ(dlf::scale_index(thresholds, -6), -1);
  CHECK_EQ(dlf::scale_index(thresholds, -5), 0);
  CHECK_EQ(dlf::scale_index(thresholds, 99), 1);
  CHECK_EQ(dlf::scale_index(thresholds, 32767), 2);
  CHECK_EQ(dlf::scale_index({}, 0), -1);
}

TEST(estimates_grow_with_the_image) {
  const Picture small(10, 64, 64), large(10, 4000, 3000);
  const dlf::NormativePart& part = small.model->normative();
  CHECK(dlf::estimate_entropy_bytes(part, large.geometry) >
        500 * dlf::estimate_entropy_bytes(part, small.geometry) / 2);
  CHECK(dlf::estimate_entropy_macs(part, large.geometry) >
        1000 * dlf::estimate_entropy_macs(part, small.geometry));
}

TEST(code_lengths_add_up_to_the_payload) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    dlf_test::PartOptions options;
    options.banks = seed % 2 == 0 ? 1 : 3;
    const Picture picture(seed, 150 + 40 * static_cast<uint32_t>(seed), 200, options);
    const EncodedPayload coded = picture.encode();
    const dlf::CodeLengths lengths =
        dlf::code_lengths(picture.model->normative(), picture.decode(coded.payload));
    CHECK_EQ(lengths.windows.size(), static_cast<size_t>(picture.geometry.windows()));
    CHECK_EQ(lengths.positions.size(),
             size_t{picture.geometry.latent_h} * picture.geometry.latent_w);
    double bits = 0;
    for (const double value : lengths.windows) bits += value;
    for (const double value : lengths.positions) bits += value;
    const double overhead = static_cast<double>(coded.payload.size()) - bits / 8;
    CHECK(overhead > 0);
    CHECK(overhead <= static_cast<double>(dlf::kRansStateBytes) + 1);
  }
}

TEST(a_price_on_bits_gives_smaller_payloads_that_decode) {
  const Picture picture(3, 260, 190);
  size_t before = picture.encode().payload.size();
  for (const double price : {0.05, 0.2, 0.8}) {
    dlf::EntropyOptions options;
    options.bit_price = price;
    const EncodedPayload coded = picture.encode(1, options);
    CHECK(coded.payload.size() < before);
    CHECK(same(coded.symbols, picture.decode(coded.payload)));
    before = coded.payload.size();
  }
}

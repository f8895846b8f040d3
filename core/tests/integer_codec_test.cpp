// Integer packages through the codec: what is drawn is what §9 says of whole tensors.

#include <algorithm>
#include <string>

#include "codec/codec.h"
#include "codec/decoder.h"
#include "codec/file_reader.h"
#include "codec/luma.h"
#include "entropy/prior.h"
#include "integer_support.h"
#include "machine/noise.h"
#include "machine_support.h"
#include "part_writer.h"
#include "test.h"

using dlf::Codec;
using dlf::ConstPixels;
using dlf::DecodeOptions;
using dlf::EncodeOptions;
using dlf::ModelPackage;
using dlf::SymbolSet;
using dlf::Tensor;
using dlf_test::Random;

namespace {

constexpr uint32_t kWidth = 149, kHeight = 171;

struct Picture {
  std::vector<uint8_t> samples;
  ConstPixels pixels;
};

Picture picture_of(uint64_t seed, int channels, uint32_t width = kWidth,
                   uint32_t height = kHeight) {
  Random random(seed);
  Picture out;
  out.samples = random.bytes(size_t{width} * height * static_cast<size_t>(channels));
  out.pixels.data = out.samples.data();
  out.pixels.width = width;
  out.pixels.height = height;
  out.pixels.channels = channels;
  out.pixels.stride = size_t{width} * static_cast<size_t>(channels);
  return out;
}

std::vector<uint8_t> decoded(const Codec& codec, const std::vector<uint8_t>& file,
                             const DecodeOptions& options = {}) {
  std::vector<uint8_t> samples;
  codec.decode(dlf::FileView(file), options, [&](size_t bytes) {
    samples.resize(bytes);
    return samples.data();
  });
  return samples;
}

// §9.8 to §9.10 on whole tensors, by the naive interpreter.
std::vector<uint8_t> expected_rgb(const ModelPackage& package, const SymbolSet& symbols,
                                  int downscale, bool vivid) {
  const dlf::NormativePart& model = package.normative();
  const dlf::IntegerSynthesis& part = *model.synthesis;
  const dlf::ImageGeometry& geometry = symbols.geometry;
  const dlf::Canvas canvas = geometry.canvas;
  std::vector<Tensor> inputs;
  inputs.emplace_back(model.latent_channels, geometry.latent_h, geometry.latent_w);
  for (size_t i = 0; i < inputs[0].data.size(); ++i) {
    const int64_t half = int64_t{1} << (part.latent_shift - 1);
    const int64_t value = (int64_t{symbols.latent[i]} + half) >> part.latent_shift;
    inputs[0].data[i] =
        static_cast<int16_t>(std::clamp<int64_t>(value, -part.latent_bound, part.latent_bound));
  }
  inputs.push_back(dlf::token_values(model, geometry, symbols.tokens));
  inputs.emplace_back(2, geometry.latent_h, geometry.latent_w);
  for (uint32_t c = 0; c < 2; ++c) {
    for (uint32_t y = 0; y < geometry.latent_h; ++y) {
      for (uint32_t x = 0; x < geometry.latent_w; ++x) {
        inputs[2].channel(c)[size_t{y} * geometry.latent_w + x] =
            part.rate_vectors[symbols.rates.at(y, x)][c];
      }
    }
  }
  for (const uint32_t cell : {4u, 2u}) {
    Tensor noise(1, canvas.rows(cell), canvas.columns(cell));
    for (size_t i = 0; vivid && i < noise.data.size(); ++i) {
      noise.data[i] = dlf::noise_at(static_cast<uint32_t>(i % noise.width),
                                    static_cast<uint32_t>(i / noise.width), cell);
    }
    inputs.push_back(noise);
  }
  const bool has_program = downscale <= 2;
  const dlf::Program& program = *part.at(has_program ? downscale : 1);
  const Tensor image = dlf_test::naive_run(model.layers, program, canvas, inputs)[0];
  const auto side = static_cast<uint32_t>(has_program ? 1 : downscale);
  const auto divisor = static_cast<uint32_t>(downscale);
  const uint32_t width = dlf::divide_up(geometry.width, divisor);
  const uint32_t height = dlf::divide_up(geometry.height, divisor);
  std::vector<uint8_t> out;
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      for (size_t c = 0; c < 3; ++c) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < side * side; ++i) {
          const uint32_t yy = std::min(y * side + i / side, image.height - 1);
          const uint32_t xx = std::min(x * side + i % side, image.width - 1);
          const int value = image.channel(c)[size_t{yy} * image.width + xx];
          sum += static_cast<uint32_t>(std::clamp((value + 4) >> 3, 0, 255));
        }
        out.push_back(static_cast<uint8_t>((sum + side * side / 2) / (side * side)));
      }
    }
  }
  return out;
}

SymbolSet symbols_of(const ModelPackage& package, const std::vector<uint8_t>& file) {
  return dlf::read_symbols(dlf::open_file(dlf::FileView(file), package, {}), package, {});
}

void check_same(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  CHECK_EQ(a.size(), b.size());
  CHECK_EQ(static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin()),
           a.size());
}

struct Coded {
  std::shared_ptr<const ModelPackage> package = dlf_test::integer_package(90);
  Codec codec{package, {}, 2};
  Picture picture = picture_of(91, 3);
  std::vector<uint8_t> file;

  explicit Coded(const EncodeOptions& options = {}) {
    file = codec.encode(picture.pixels, options);
  }
};

}  // namespace

TEST(integer_pictures_are_what_the_definition_says) {
  const Coded coded;
  const SymbolSet symbols = symbols_of(*coded.package, coded.file);
  std::vector<uint8_t> vivid;
  for (const int downscale : {1, 2, 4, 8}) {
    for (const bool is_vivid : {true, false}) {
      DecodeOptions options;
      options.downscale = downscale;
      options.noise = is_vivid ? dlf::Noise::kVivid : dlf::Noise::kFaithful;
      const std::vector<uint8_t> samples = decoded(coded.codec, coded.file, options);
      check_same(samples, expected_rgb(*coded.package, symbols, downscale, is_vivid));
      if (is_vivid) vivid = samples;
      CHECK(is_vivid || samples != vivid);
    }
  }
}

TEST(wide_pictures_are_drawn_in_bands) {
  const std::shared_ptr<const ModelPackage> package = dlf_test::integer_package(90);
  const Codec codec(package, {}, 2);
  const Picture picture = picture_of(93, 3, 8300, 20);
  const std::vector<uint8_t> file = codec.encode(picture.pixels, {});
  const SymbolSet symbols = symbols_of(*package, file);
  std::vector<uint32_t> told;
  DecodeOptions options;
  options.progress = [&](uint32_t done, uint32_t) {
    told.push_back(done);
    return true;
  };
  for (const int downscale : {1, 2, 4}) {
    told.clear();
    options.downscale = downscale;
    check_same(decoded(codec, file, options), expected_rgb(*package, symbols, downscale, true));
    CHECK(std::is_sorted(told.begin(), told.end()));
  }
  dlf::ReadOptions reading;
  reading.for_pixels = true;
  const auto bytes_of = [&](uint32_t width) {
    dlf::Header header = dlf::parse_header(file);
    header.width = width;
    return dlf::checked_estimate(header, *package, reading).tile_bytes;
  };
  CHECK(bytes_of(8300) < bytes_of(8000) / 2);
}

TEST(integer_pictures_depend_on_no_threads_and_no_region) {
  const Coded coded;
  const std::vector<uint8_t> whole = decoded(coded.codec, coded.file);
  for (const int threads : {1, 3}) {
    const Codec other(coded.package, {}, threads);
    check_same(decoded(other, coded.file), whole);
    check_same(other.encode(coded.picture.pixels, {}), coded.file);
  }
  Random random(92);
  for (int trial = 0; trial < 20; ++trial) {
    DecodeOptions options;
    dlf::Region region;
    region.x = static_cast<uint32_t>(random.in(0, kWidth - 1));
    region.y = static_cast<uint32_t>(random.in(0, kHeight - 1));
    region.width = static_cast<uint32_t>(random.in(1, kWidth - region.x));
    region.height = static_cast<uint32_t>(random.in(1, kHeight - region.y));
    options.downscale = 1 << random.in(0, 3);
    const std::vector<uint8_t> all = decoded(coded.codec, coded.file, options);
    options.region = region;
    const dlf::Region area = dlf::output_region(dlf::parse_header(coded.file), options);
    const size_t width =
        dlf::divide_up(kWidth, static_cast<uint32_t>(options.downscale)) * size_t{3};
    std::vector<uint8_t> part;
    for (uint32_t y = area.y; y < area.y + area.height; ++y) {
      const auto line = all.begin() + static_cast<ptrdiff_t>(y * width + area.x * 3);
      part.insert(part.end(), line, line + static_cast<ptrdiff_t>(area.width * 3));
    }
    check_same(decoded(coded.codec, coded.file, options), part);
  }
}

TEST(gray_and_alpha_go_through_integer_packages) {
  const Coded coded;
  const SymbolSet symbols = symbols_of(*coded.package, coded.file);
  for (const int channels : {1, 2, 4}) {
    const Picture picture = picture_of(93, channels);
    const std::vector<uint8_t> file = coded.codec.encode(picture.pixels, {});
    const std::vector<uint8_t> samples = decoded(coded.codec, file);
    CHECK_EQ(samples.size(), picture.samples.size());
    const std::vector<uint8_t> rgb =
        expected_rgb(*coded.package, symbols_of(*coded.package, file), 1, true);
    const auto count = static_cast<size_t>(channels);
    for (size_t i = 0; i < rgb.size() / 3; ++i) {
      const uint8_t* colour = rgb.data() + 3 * i;
      if (channels <= 2) {
        CHECK_EQ(samples[count * i], dlf::luma(colour[0], colour[1], colour[2]));
      } else {
        CHECK(std::equal(colour, colour + 3, samples.data() + count * i));
      }
      if (channels != 1) {
        CHECK_EQ(samples[count * i + count - 1], picture.samples[count * i + count - 1]);
      }
    }
  }
}

TEST(integer_packages_code_batches_and_to_a_size) {
  const Coded coded;
  const Picture other = picture_of(94, 1, 40, 300);
  EncodeOptions options;
  options.rate = 1;
  const std::vector<std::vector<uint8_t>> files = coded.codec.encode_batch(
      {{coded.picture.pixels, &options}, {other.pixels, &options}}, nullptr);
  check_same(files[0], coded.codec.encode(coded.picture.pixels, options));
  check_same(files[1], coded.codec.encode(other.pixels, options));
  std::vector<std::vector<uint8_t>> pictures(2);
  coded.codec.decode_batch({dlf::FileView(files[0]), dlf::FileView(files[1])}, {},
                           [&](size_t i, const dlf::DecodedPicture&, size_t bytes) {
                             pictures[i].resize(bytes);
                             return pictures[i].data();
                           });
  check_same(pictures[0], decoded(coded.codec, files[0]));
  check_same(pictures[1], decoded(coded.codec, files[1]));

  const std::vector<uint8_t> sized = coded.codec.encode_to_size(
      coded.picture.pixels, std::max(files[0].size(), coded.file.size()), {});
  CHECK(sized.size() <= std::max(files[0].size(), coded.file.size()));
  CHECK_EQ(decoded(coded.codec, sized).size(), coded.picture.samples.size());
}

TEST(progress_is_told_between_strips_and_can_cancel) {
  const Coded coded;
  const uint32_t strips =
      dlf::ImageGeometry::of(coded.package->normative(), kWidth, kHeight).latent_h;
  std::vector<uint32_t> told;
  EncodeOptions encoding;
  encoding.progress = [&](uint32_t done, uint32_t total) {
    CHECK_EQ(total, strips);
    told.push_back(done);
    return true;
  };
  DecodeOptions decoding;
  decoding.progress = encoding.progress;
  for (const bool encodes : {true, false}) {
    told.clear();
    if (encodes) {
      coded.codec.encode(coded.picture.pixels, encoding);
    } else {
      decoded(coded.codec, coded.file, decoding);
    }
    CHECK(told.size() >= 2 && std::is_sorted(told.begin(), told.end()));
    CHECK_EQ(told.front(), 0u);
    CHECK_EQ(told.back(), strips);
  }
  encoding.progress = decoding.progress = [&](uint32_t done, uint32_t) { return done == 0; };
  CHECK_STATUS(DLF_CANCELLED, coded.codec.encode(coded.picture.pixels, encoding));
  CHECK_STATUS(DLF_CANCELLED, coded.codec.encode_to_size(coded.picture.pixels, 1 << 20, encoding));
  CHECK_STATUS(DLF_CANCELLED, decoded(coded.codec, coded.file, decoding));
}

TEST(importance_maps_are_coded_and_drawn) {
  // More in the upper left quarter, less in the lower right one.
  const std::vector<int8_t> mask{127, 0, 0, -127};
  EncodeOptions options;
  options.rate = 1;
  options.importance = {mask.data(), 2, 2};
  const Coded coded(options);
  CHECK(dlf::parse_header(coded.file).has_map);
  const SymbolSet symbols = symbols_of(*coded.package, coded.file);
  const auto geometry = dlf::ImageGeometry::of(coded.package->normative(), kWidth, kHeight);
  CHECK(symbols.rates.at(0, 0) > 1);
  CHECK(symbols.rates.at(geometry.latent_h - 1, geometry.latent_w - 1) < 1);
  check_same(decoded(coded.codec, coded.file), expected_rgb(*coded.package, symbols, 1, true));
  CHECK(coded.codec.encode_to_size(coded.picture.pixels, coded.file.size() + 100, options).size() <=
        coded.file.size() + 100);

  options.importance.height = 0;
  CHECK_STATUS(DLF_INVALID_ARGUMENT, coded.codec.encode(coded.picture.pixels, options));
}

TEST(packages_that_cannot_do_it_say_so) {
  const Coded coded;
  // The normative part alone, as a browser has it.
  Random random(90);
  dlf::NormativePart part = dlf_test::integer_part(random);
  part.network_digest = coded.package->normative().network_digest;
  const Codec codec(ModelPackage::from_normative(dlf_test::to_bytes(part)), {}, 1);
  check_same(decoded(codec, coded.file), decoded(coded.codec, coded.file));
  CHECK_STATUS(DLF_MODEL_ERROR, codec.encode(coded.picture.pixels, {}));
  CHECK_STATUS(DLF_MODEL_ERROR, Codec(dlf_test::random_package(95), {}, 1));
}

TEST(codecs_open_from_memory) {
  const Coded coded;
  Random random(90);
  dlf::NormativePart part = dlf_test::integer_part(random);
  part.network_digest = coded.package->normative().network_digest;
  const std::vector<uint8_t> half = dlf_test::to_bytes(part);
  dlf_codec* codec = nullptr;
  CHECK_EQ(dlf_codec_open_memory(half.data(), half.size(), nullptr, &codec, nullptr), DLF_OK);
  dlf_picture picture;
  DLF_INIT(&picture);
  CHECK_EQ(dlf_decode(codec, coded.file.data(), coded.file.size(), nullptr, &picture, nullptr),
           DLF_OK);
  const std::vector<uint8_t> samples(picture.samples.data,
                                     picture.samples.data + picture.samples.size);
  dlf_buffer_free(&picture.samples);
  dlf_codec_free(codec);
  check_same(samples, decoded(coded.codec, coded.file));

  const auto status = [&](const uint8_t* data, size_t size, dlf_codec** out) {
    return dlf_codec_open_memory(data, size, nullptr, out, nullptr);
  };
  CHECK_EQ(status(half.data(), half.size() - 1, &codec), DLF_MODEL_ERROR);
  CHECK(codec == nullptr);
  CHECK_EQ(status(nullptr, 1, &codec), DLF_INVALID_ARGUMENT);
  CHECK_EQ(status(half.data(), half.size(), nullptr), DLF_INVALID_ARGUMENT);
}

TEST(drawing_needs_less_memory_than_all_symbols) {
  const Coded coded;
  const dlf::Header header = dlf::parse_header(coded.file);
  dlf::ReadOptions options;
  const uint64_t everything = dlf::checked_estimate(header, *coded.package, options).memory_bytes;
  options.for_pixels = true;
  const uint64_t drawing = dlf::checked_estimate(header, *coded.package, options).memory_bytes;
  CHECK(drawing < everything);
  DecodeOptions decoding;
  decoding.limits.max_memory = drawing;
  CHECK_EQ(decoded(coded.codec, coded.file, decoding).size(), coded.picture.samples.size());
  decoding.limits.max_memory -= 1;
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, decoded(coded.codec, coded.file, decoding));
  SymbolSet symbols = dlf::read_symbols(
      dlf::open_file(dlf::FileView(coded.file), *coded.package, options), *coded.package, options);
  CHECK(symbols.mean.data.empty() && symbols.latent.empty());
  CHECK(symbols.y_hat.data == symbols_of(*coded.package, coded.file).y_hat.data);
}

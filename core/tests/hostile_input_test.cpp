// Files from strangers through dlf.h: cut at every byte, every single bit flipped, claims without
// anything after them. Each gets a status with a name, and never a picture of another size.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "container/bitstream.h"
#include "support.h"
#include "test.h"

namespace {

using Bytes = std::vector<uint8_t>;

Bytes read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

// Conformance vectors that together have every field of the header and every kind of chunk.
const char* const kPlain[] = {"test-one-pixel", "test-odd", "test-beyond-one-window",
                              "test-rate-32", "test-no-trailer"};
const char* const kProtected[] = {"test-trailer-alone",  "test-display-p3",  "test-mode-l",
                                  "test-exif",           "test-icc",         "test-stored-deflate",
                                  "test-unknown-chunks", "test-empty-chunk", "test-all-chunks"};
const char* const kUnprotected = "test-chunks-without-trailer";

Bytes vector(const std::string& name) {
  const Bytes file = read(std::string(DLF_VECTORS "/") + name + "/input.dlf");
  CHECK(!file.empty());
  return file;
}

const dlf_package* package() {
  static const dlf_package* const opened = [] {
    dlf_package* handle = nullptr;
    CHECK_EQ(dlf_package_open(DLF_TEST_MODEL, &handle, nullptr), DLF_OK);
    return handle;
  }();
  return opened;
}

dlf_info info_of(const Bytes& file) {
  dlf_info info;
  DLF_INIT(&info);
  CHECK_EQ(dlf_probe(file.data(), file.size(), &info, nullptr), DLF_OK);
  return info;
}

bool is_refusal(dlf_status status) {
  return status == DLF_INVALID_FILE || status == DLF_TRUNCATED_FILE || status == DLF_UNSUPPORTED ||
         status == DLF_LIMIT_EXCEEDED || status == DLF_MODEL_ERROR;
}

// Both calls that read a whole file without pixels; they must agree.
dlf_status read_all(const Bytes& file) {
  dlf_error error;
  DLF_INIT(&error);
  const dlf_status verified = dlf_verify(file.data(), file.size(), package(), nullptr, &error);
  CHECK_EQ(error.status, verified);
  CHECK_EQ(error.message[0] == '\0', verified == DLF_OK);
  CHECK(verified == DLF_OK || is_refusal(verified));
  if (verified != DLF_OK) {
    dlf_symbols* symbols = nullptr;
    dlf_symbols_decode(file.data(), file.size(), package(), nullptr, &symbols, nullptr);
    dlf_symbols_free(symbols);
  }
  dlf_chunks* chunks = nullptr;
  const dlf_status container = dlf_chunks_open(file.data(), file.size(), nullptr, &chunks, nullptr);
  CHECK_EQ(chunks == nullptr, container != DLF_OK);
  dlf_chunks_free(chunks);
  // What the container is refused for, the whole file is refused for.
  CHECK(container == DLF_OK || verified != DLF_OK);
  return verified;
}

// Where header and payload of a file end.
struct Extent {
  size_t header, payload;
  explicit Extent(const Bytes& file)
      : header(info_of(file).header_bytes), payload(header + info_of(file).payload_bytes) {}
};

void flip_every_bit(const std::string& name, size_t checked_bytes) {
  const Bytes file = vector(name);
  const dlf_info info = info_of(file);
  CHECK_EQ(read_all(file), DLF_OK);
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    Bytes damaged = file;
    damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ (1u << bit % 8));
    const dlf_status status = read_all(damaged);
    if (status == DLF_OK) {
      if (bit / 8 < checked_bytes) {
        dlf_test::fail_at(__FILE__, __LINE__, name + ": bit " + std::to_string(bit));
      }
      const dlf_info after = info_of(damaged);
      CHECK(after.width == info.width && after.height == info.height &&
            after.channels == info.channels);
    }
  }
}

Bytes header_claiming(uint32_t width, uint32_t height) {
  dlf::Header header;
  header.width = width;
  header.height = height;
  header.payload_length = 4;
  header.model_id = 5;  // the model of the tests
  dlf::ByteWriter writer;
  dlf::write_header(writer, header);
  return writer.take();
}

long peak_kilobytes() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

TEST(every_truncation_is_named) {
  for (const char* const name : kProtected) {
    const Bytes file = vector(name);
    const Extent extent(file);
    for (size_t length = 0; length < file.size(); ++length) {
      const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length));
      CHECK_EQ(read_all(cut), DLF_TRUNCATED_FILE);
      dlf_info info;
      DLF_INIT(&info);
      const dlf_status probed = dlf_probe(cut.data(), cut.size(), &info, nullptr);
      CHECK_EQ(probed, length < extent.header ? DLF_TRUNCATED_FILE : DLF_OK);
      CHECK_EQ(info.width != 0, probed == DLF_OK);
    }
  }
}

TEST(every_truncation_that_is_allowed_keeps_the_size) {
  for (const char* const name : {"test-all-chunks", "test-any-symbols", "test-rate-32"}) {
    const Bytes file = vector(name);
    const dlf_info info = info_of(file);
    dlf_decoder_options options;
    DLF_INIT(&options);
    options.allow_truncated = 1;
    for (size_t length = info.header_bytes; length < file.size(); ++length) {
      dlf_decoder* decoder = nullptr;
      dlf_symbols* symbols = nullptr;
      dlf_tensor latent;
      dlf_info seen;
      DLF_INIT(&latent);
      DLF_INIT(&seen);
      CHECK_EQ(dlf_decoder_open(package(), &options, &decoder, nullptr), DLF_OK);
      CHECK_EQ(dlf_decoder_push(decoder, file.data(), length, nullptr), DLF_OK);
      CHECK_EQ(dlf_decoder_finish(decoder, nullptr), DLF_OK);
      CHECK_EQ(dlf_decoder_get_info(decoder, &seen, nullptr), DLF_OK);
      CHECK(seen.width == info.width && seen.height == info.height);
      const dlf_status status = dlf_decoder_symbols(decoder, &symbols, nullptr);
      CHECK(status == DLF_OK || status == DLF_TRUNCATED_FILE);  // the tokens may be missing
      if (status == DLF_OK) {
        CHECK_EQ(dlf_symbols_get(symbols, DLF_TENSOR_LATENT, &latent, nullptr), DLF_OK);
        CHECK_EQ(latent.shape[1], (info.height + 31) / 32);
        CHECK_EQ(latent.shape[2], (info.width + 31) / 32);
      }
      dlf_symbols_free(symbols);
      dlf_decoder_free(decoder);
    }
  }
}

TEST(every_flipped_bit_of_a_plain_file_is_noticed) {
  for (const char* const name : kPlain) flip_every_bit(name, SIZE_MAX);
}

TEST(every_flipped_bit_of_a_file_with_a_trailer_is_noticed) {
  for (const char* const name : kProtected) flip_every_bit(name, SIZE_MAX);
}

TEST(without_a_trailer_chunks_may_change_unnoticed_but_never_the_picture) {
  flip_every_bit(kUnprotected, Extent(vector(kUnprotected)).payload);
}

TEST(a_claim_of_65535_x_65535_costs_nothing) {
  Bytes file = header_claiming(65535, 65535);
  file.resize(20);
  CHECK_EQ(read_all(vector("test-one-pixel")), DLF_OK);  // loads the model
  const long before = peak_kilobytes();
  const auto start = std::chrono::steady_clock::now();
  constexpr int kCalls = 1000;
  for (int i = 0; i < kCalls; ++i) {
    CHECK_EQ(dlf_verify(file.data(), file.size(), package(), nullptr, nullptr), DLF_LIMIT_EXCEEDED);
  }
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  dlf_estimate estimate;
  DLF_INIT(&estimate);
  CHECK_EQ(dlf_estimate_decoding(file.data(), file.size(), package(), 1, &estimate, nullptr),
           DLF_OK);
  CHECK(estimate.memory_bytes > uint64_t{65535} * 65535 * 3);
  const long grown = peak_kilobytes() - before;
  std::printf("20 bytes claiming 65535x65535: refused in %.1f us, %ld kB of memory\n",
              time.count() / kCalls, grown);
  CHECK(grown < 10 * 1024);
}

TEST(sides_of_2_to_the_24_are_refused_and_can_be_estimated) {
  const Bytes file = header_claiming(1u << 24, 1u << 24);
  CHECK_EQ(read_all(file), DLF_LIMIT_EXCEEDED);
  dlf_limits all;
  DLF_INIT(&all);
  all.max_pixels = all.max_memory = all.max_chunk_bytes = all.max_file_bytes = UINT64_MAX;
  all.max_side = UINT32_MAX;
  CHECK_EQ(dlf_chunks_open(file.data(), file.size(), &all, nullptr, nullptr), DLF_INVALID_ARGUMENT);
  dlf_estimate estimate;
  DLF_INIT(&estimate);
  CHECK_EQ(dlf_estimate_decoding(file.data(), file.size(), package(), 1, &estimate, nullptr),
           DLF_OK);
  CHECK_EQ(estimate.output_bytes, uint64_t{3} << 48);
  CHECK(estimate.memory_bytes > estimate.output_bytes);
}

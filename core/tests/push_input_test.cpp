// A file in pieces is judged as the same file at once, however it is cut.
#include "codec/push_input.h"

#include <algorithm>
#include <cstdlib>

#include "base/constants.h"
#include "container/checksums.h"
#include "support.h"
#include "test.h"

using dlf::ByteView;
using dlf::PushInput;
using dlf::PushStage;

namespace {

using Bytes = std::vector<uint8_t>;

// How an attempt ended: what the caller of either way sees.
struct Outcome {
  dlf_status status = DLF_OK;
  uint64_t offset = dlf::kNoOffset;
  std::string message;

  template <typename Action>
  static Outcome of(const Action& action) {
    Outcome outcome;
    try {
      action();
    } catch (const dlf::Error& error) {
      outcome.status = error.status();
      outcome.offset = error.offset();
      outcome.message = error.what();
    }
    return outcome;
  }
  bool operator==(const Outcome& other) const {
    return status == other.status && offset == other.offset && message == other.message;
  }
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << outcome.status << " at " << outcome.offset << ": " << outcome.message;
}

struct Fixture {
  std::shared_ptr<const dlf::ModelPackage> model = dlf_test::random_package(3);
  dlf_test::Random random{4};

  // A file of 70x100 pixels with three chunks, or with none.
  Bytes file(bool chunky) {
    dlf::Header header;
    header.model_id = model->id();
    header.width = 70;
    header.height = 100;
    const auto geometry = dlf::ImageGeometry::of(model->normative(), 70, 100);
    const dlf::NormativePart& part = model->normative();
    std::vector<int16_t> tokens;
    for (size_t i = 0; i < geometry.windows() * part.tokens_stride(); ++i) {
      tokens.push_back(static_cast<int16_t>(random.in(0, part.levels[i % part.digits()] - 1)));
    }
    std::vector<float> y(size_t{geometry.latent_h} * geometry.latent_w * part.latent_channels);
    for (float& value : y) value = static_cast<float>(random.in(-3, 3));
    std::vector<dlf::Chunk> chunks;
    if (chunky) {
      header.picture.alpha = dlf::AlphaMode::kStraight;
      chunks.resize(3);
      chunks[0].type = dlf::kChunkAlpha;
      chunks[0].critical = true;
      chunks[0].content = dlf::pack_alpha(Bytes(7000, 9).data(), 70, 100);
      chunks[1].type = dlf::kChunkExif;
      chunks[1].content.assign(200, 5);
      chunks[2].type = 77;
      chunks[2].content = random.bytes(30);
    }
    return dlf::write_file(header, dlf::encode_payload(*model, geometry, 0, tokens, y).payload,
                           chunks);
  }
};

Outcome at_once(const dlf::ModelPackage& model, ByteView data, const dlf::ReadOptions& options) {
  return Outcome::of([&] { dlf::open_file(dlf::FileView(data), model, options); });
}

// Pieces that end at each of `cuts`, and the rest.
Outcome in_pieces(PushInput& input, ByteView data, const std::vector<size_t>& cuts) {
  return Outcome::of([&] {
    size_t from = 0;
    for (const size_t cut : cuts) {
      input.push(data.sub(from, cut - from));
      from = cut;
    }
    input.push(data.sub(from));
    input.finish();
  });
}

std::vector<size_t> every_byte(size_t size) {
  std::vector<size_t> cuts;
  for (size_t i = 1; i < size; ++i) cuts.push_back(i);
  return cuts;
}

void check_same(const Fixture& fixture, const Bytes& data, const dlf::ReadOptions& options,
                const std::vector<size_t>& cuts) {
  PushInput input(fixture.model, options, {});
  CHECK_EQ(in_pieces(input, data, cuts), at_once(*fixture.model, data, options));
}

}  // namespace

TEST(push_input_gives_the_same_for_every_cut) {
  Fixture fixture;
  for (const bool chunky : {false, true}) {
    const Bytes data = fixture.file(chunky);
    for (size_t cut = 0; cut <= data.size(); ++cut) {
      PushInput input(fixture.model, {}, {});
      CHECK_EQ(in_pieces(input, data, {cut}), Outcome());
      CHECK_EQ(static_cast<int>(input.stage()), static_cast<int>(PushStage::kFinished));
      CHECK(input.bytes().copy() == data);
      CHECK_EQ(input.file_bytes(), data.size());
    }
    check_same(fixture, data, {}, every_byte(data.size()));
  }
}

// The stage is a fact about the bytes so far. The tokens are there exactly when a decoder that
// accepts truncated files can use them. The file is complete exactly when it is.
TEST(push_input_stages_are_those_of_the_prefix) {
  Fixture fixture;
  dlf::ReadOptions cut;
  cut.allow_truncated = true;
  for (const bool chunky : {false, true}) {
    const Bytes data = fixture.file(chunky);
    PushInput input(fixture.model, {}, {});
    int seen = 0;
    for (size_t size = 0; size < data.size(); ++size) {
      const ByteView prefix = ByteView(data).sub(0, size);
      const bool usable =
          DLF_OK == Outcome::of([&] {
                      dlf::read_symbols(dlf::open_file(dlf::FileView(prefix), *fixture.model, cut),
                                        *fixture.model, cut);
                    }).status;
      CHECK_EQ(input.stage() >= PushStage::kSemantic, usable);
      CHECK_EQ(input.stage() >= PushStage::kInfo,
               DLF_OK == Outcome::of([&] { dlf::parse_header(prefix); }).status);
      CHECK(input.stage() < PushStage::kComplete);
      CHECK(input.wanted() >= 1 && input.wanted() <= data.size() - size);
      seen |= 1 << static_cast<int>(input.stage());
      input.push(ByteView(data).sub(size, 1));
    }
    CHECK_EQ(seen, 7);
    CHECK_EQ(static_cast<int>(input.stage()), static_cast<int>(PushStage::kComplete));
    CHECK_EQ(input.wanted(), uint64_t{0});
  }
}

TEST(push_input_truncations_fail_as_at_once) {
  Fixture fixture;
  const Bytes data = fixture.file(true);
  for (const bool allow : {false, true}) {
    dlf::ReadOptions options;
    options.allow_truncated = allow;
    for (size_t size = 0; size < data.size(); ++size) {
      const Bytes prefix(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size));
      check_same(fixture, prefix, options, {});
      if (size % 7 == 0) check_same(fixture, prefix, options, every_byte(size));
    }
  }
}

TEST(push_input_flipped_bits_fail_as_at_once) {
  Fixture fixture;
  for (const bool chunky : {false, true}) {
    Bytes data = fixture.file(chunky);
    // With a right checksum after them, also the rules that come after it are reached.
    for (const bool mend : {false, true}) {
      for (size_t bit = 0; bit < 8 * data.size(); ++bit) {
        Bytes flipped = data;
        flipped[bit / 8] = static_cast<uint8_t>(flipped[bit / 8] ^ (1u << (bit % 8)));
        if (mend && chunky) {
          const uint32_t crc = dlf::crc32c(ByteView(flipped).sub(0, flipped.size() - 4));
          for (size_t i = 0; i < 4; ++i) {
            flipped[flipped.size() - 4 + i] = static_cast<uint8_t>(crc >> (8 * i));
          }
        }
        check_same(fixture, flipped, {},
                   {static_cast<size_t>(fixture.random.in(0, int64_t(data.size())))});
        if (bit % 61 == 0) check_same(fixture, flipped, {}, every_byte(data.size()));
      }
    }
  }
}

TEST(push_input_random_pieces_of_damaged_files) {
  Fixture fixture;
  const Bytes data = fixture.file(true);
  for (int round = 0; round < 500; ++round) {
    Bytes damaged = data;
    for (int64_t i = fixture.random.in(0, 3); i > 0; --i) {
      damaged[static_cast<size_t>(fixture.random.in(0, int64_t(damaged.size()) - 1))] =
          static_cast<uint8_t>(fixture.random.in(0, 255));
    }
    if (fixture.random.coin()) damaged.resize(damaged.size() + 40, 1);
    std::vector<size_t> cuts;
    for (int i = 0; i < 5; ++i) {
      cuts.push_back(static_cast<size_t>(fixture.random.in(0, int64_t(damaged.size()))));
    }
    std::sort(cuts.begin(), cuts.end());
    dlf::ReadOptions options;
    options.limits.max_file_bytes = static_cast<uint64_t>(fixture.random.in(1, 2000));
    options.limits.max_pixels = fixture.random.coin() ? 100 : 1 << 20;
    options.allow_truncated = fixture.random.coin();
    check_same(fixture, damaged, options, cuts);
  }
}

TEST(push_input_keeps_no_more_than_the_file) {
  Fixture fixture;
  for (const bool chunky : {false, true}) {
    const Bytes data = fixture.file(chunky);
    Bytes longer = data;
    longer.resize(data.size() + 100000, 7);
    PushInput input(fixture.model, {}, {});
    input.push(longer);
    CHECK_EQ(input.bytes().size(), data.size());
    CHECK_EQ(input.bytes_received(), longer.size());
    check_same(fixture, longer, {}, {data.size() - 3, data.size() + 50});
  }
}

TEST(push_input_refuses_by_the_header_alone) {
  Fixture fixture;
  dlf::Header header;
  header.model_id = fixture.model->id();
  header.width = header.height = 65535;
  header.payload_length = 0xFFFFFFFF;
  dlf::ByteWriter writer;
  dlf::write_header(writer, header);
  const Bytes bytes = writer.take();
  PushInput large(fixture.model, {}, {});
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, large.push(bytes));
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, large.push(bytes));  // and again
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, large.finish());
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, large.reading());
}

// A small picture whose payload or chunk claims gigabytes: refused before they come.
TEST(push_input_refuses_long_files_by_their_framing) {
  Fixture fixture;
  dlf::Header header;
  header.model_id = fixture.model->id();
  header.payload_length = 0xFFFFFFFF;
  dlf::ByteWriter longest;
  dlf::write_header(longest, header);
  PushInput input(fixture.model, {}, {});
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, input.push(longest.view()));

  header.payload_length = 4;
  header.has_chunks = true;
  dlf::ByteWriter chunk;
  dlf::write_header(chunk, header);
  chunk.u32(0);            // a payload
  chunk.varint(1);         // one chunk
  chunk.varint(77 * 8);    // its tag
  chunk.varint(1u << 30);  // its length
  const Bytes bytes = chunk.take();
  PushInput other(fixture.model, {}, {});
  other.push(ByteView(bytes).sub(0, bytes.size() - 1));
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, other.push(ByteView(bytes).sub(bytes.size() - 1)));
  CHECK_EQ(at_once(*fixture.model, bytes, {}).status, DLF_LIMIT_EXCEEDED);
}

TEST(push_input_calls_in_the_wrong_order) {
  Fixture fixture;
  const Bytes data = fixture.file(false);
  const auto other = dlf_test::random_package(99);
  PushInput input(nullptr, {}, {});
  CHECK(input.header() == nullptr);
  input.push(data);
  CHECK_EQ(static_cast<int>(input.stage()), static_cast<int>(PushStage::kComplete));
  CHECK_STATUS(DLF_MODEL_ERROR, input.set_model(other));
  input.set_model(fixture.model);  // a wrong one before does no harm
  CHECK_STATUS(DLF_INVALID_ARGUMENT, input.set_model(fixture.model));
  input.finish();
  input.finish();
  CHECK_STATUS(DLF_INVALID_ARGUMENT, input.push(data));
  CHECK_EQ(static_cast<int>(input.stage()), static_cast<int>(PushStage::kFinished));
  CHECK(!input.reading().allow_truncated);

  PushInput late(nullptr, {}, {});
  for (size_t i = 0; i + 40 < data.size(); ++i) late.push(ByteView(data).sub(i, 1));
  CHECK_EQ(static_cast<int>(late.stage()), static_cast<int>(PushStage::kInfo));
  late.set_model(fixture.model);
  CHECK_EQ(static_cast<int>(late.stage()), static_cast<int>(PushStage::kSemantic));
}

TEST(push_input_judges_the_container_before_the_model) {
  Fixture fixture;
  const Bytes whole = fixture.file(false);
  const auto other = dlf_test::random_package(99);
  const auto in_pieces = [&](const Bytes& data) {
    return dlf_test::status_of([&] {
      PushInput input(other, {}, {});
      for (size_t i = 0; i < data.size(); i += 7) input.push(ByteView(data).sub(i, 7));
      CHECK(input.stage() != PushStage::kSemantic);
      input.finish();
    });
  };
  CHECK_EQ(in_pieces(whole), DLF_MODEL_ERROR);
  Bytes longer = whole;
  longer.push_back(0);
  for (const Bytes& data : {Bytes(whole.begin(), whole.end() - 1), longer}) {
    CHECK_EQ(in_pieces(data), at_once(*fixture.model, data, {}).status);
    CHECK_EQ(at_once(*other, data, {}).status, at_once(*fixture.model, data, {}).status);
    CHECK(in_pieces(data) != DLF_MODEL_ERROR);
  }
}

TEST(push_input_takes_memory_from_the_caller) {
  struct Heap {
    int live = 0;
    size_t left = 0;
    static void* allocate(void* user, size_t bytes) {
      Heap* heap = static_cast<Heap*>(user);
      if (bytes > heap->left) return nullptr;
      ++heap->live;
      return std::malloc(bytes);
    }
    static void release(void* user, void* memory) {
      --static_cast<Heap*>(user)->live;
      std::free(memory);
    }
  };
  Fixture fixture;
  const Bytes data = fixture.file(true);
  Heap heap;
  for (const size_t left : {size_t{0}, size_t{1} << 20}) {
    heap.left = left;
    PushInput input(fixture.model, {}, {&heap, Heap::allocate, Heap::release});
    CHECK_STATUS(left == 0 ? DLF_OUT_OF_MEMORY : DLF_OK, input.push(data));
    CHECK_STATUS(left == 0 ? DLF_OUT_OF_MEMORY : DLF_OK, input.push({}));
    CHECK_EQ(heap.live, left == 0 ? 0 : 1);
  }
  CHECK_EQ(heap.live, 0);
}

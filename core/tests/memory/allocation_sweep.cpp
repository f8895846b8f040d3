// Lets every single allocation of a call fail, one after the other, first alone and then with all
// that follow. The call must say DLF_OUT_OF_MEMORY, give back all that it took, and work the next
// time.
//
//   allocation_sweep TEST.dlfm VECTORS

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "base/constants.h"
#include "codec/codec.h"
#include "container/bitstream.h"
#include "entropy/symbol_codec.h"
#include "failing_memory.h"
#include "part_writer.h"
#include "support.h"

namespace {

using Bytes = std::vector<uint8_t>;
using Call = std::function<dlf_status()>;

// Takes no std::string: it is used where memory must not be asked for.
void require(bool condition, const char* what) {
  if (condition) return;
  std::printf("FAILED %s\n", what);
  std::exit(1);
}

Bytes read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Bytes bytes(std::istreambuf_iterator<char>(file), {});
  require(!bytes.empty(), path.c_str());
  return bytes;
}

struct Sweep {
  dlf_status expected = DLF_OK;
  bool may_do_without = false;  // some allocation, whose failure is made up for
};

// std::stable_sort sorts the chunks without its buffer too, and what no thread can be had for is
// done by the caller's.
const Sweep kMayDoWithout = {DLF_OK, true};

// `call` frees what it makes.
void sweep(const std::string& name, const Call& call, const Sweep& options = {}) {
  for (int i = 0; i < 2; ++i) {  // tables that are made once do not count as leaks
    require(call() == options.expected, (name + " without a failure").c_str());
  }
  const long before = dlf_test::allocations_made(), alive = dlf_test::allocations_alive();
  call();
  const long count = dlf_test::allocations_made() - before;
  for (const bool and_all_after : {false, true}) {
    for (long nth = 0;; ++nth) {
      dlf_test::fail_allocation(nth, and_all_after);
      const dlf_status status = call();
      const bool failed = dlf_test::stop_failing();
      const bool lost = dlf_test::allocations_alive() != alive;
      const std::string which = name + ", allocation " + std::to_string(nth) + " fails" +
                                (and_all_after ? " and all after it" : "");
      require(!lost, (which + ": memory is lost").c_str());
      const bool fine = status == options.expected;
      require(failed ? status == DLF_OUT_OF_MEMORY || (fine && options.may_do_without) : fine,
              (which + ": status " + std::to_string(status)).c_str());
      if (!failed) break;
    }
  }
  std::printf("%-34s %5ld allocations\n", name.c_str(), count);
}

// What the C interface does around functions that throw.
Call guarded(const std::function<void()>& body) {
  return [body] {
    try {
      body();
    } catch (const dlf::Error& error) {
      return error.status();
    } catch (const std::bad_alloc&) {
      return DLF_OUT_OF_MEMORY;
    }
    return DLF_OK;
  };
}

void sweep_headers(const Bytes& file) {
  dlf_info info;
  dlf_error error;
  DLF_INIT(&info);
  DLF_INIT(&error);
  const long before = dlf_test::allocations_made();
  require(dlf_probe(file.data(), file.size(), &info, &error) == DLF_OK, "probe");
  const bool none = dlf_test::allocations_made() == before;
  require(none, "dlf_probe allocates nothing");
  Bytes damaged = file;
  damaged[6] ^= 1;
  sweep("probe, damaged header",
        [&] { return dlf_probe(damaged.data(), damaged.size(), &info, &error); },
        {DLF_INVALID_FILE});
}

void sweep_chunks(const Bytes& file) {
  sweep("chunks", [&] {
    dlf_chunks* chunks = nullptr;
    dlf_chunk chunk;
    DLF_INIT(&chunk);
    dlf_status status = dlf_chunks_open(file.data(), file.size(), nullptr, &chunks, nullptr);
    require((chunks != nullptr) == (status == DLF_OK), "chunks: a handle exactly on success");
    if (status == DLF_OK) status = dlf_chunks_get(chunks, 0, &chunk, nullptr);
    dlf_chunks_free(chunks);
    return status;
  });
}

void sweep_packages(const std::string& folder) {
  dlf_test::Random random(1);
  const Bytes archive = dlf_test::make_package(dlf_test::random_part(random));
  sweep("package from memory", [&] {
    dlf_package* package = nullptr;
    dlf_status status = dlf_package_open_memory(archive.data(), archive.size(), &package, nullptr);
    require((package != nullptr) == (status == DLF_OK), "package: a handle exactly on success");
    dlf_package_info info;
    DLF_INIT(&info);
    if (status == DLF_OK) status = dlf_package_get_info(package, &info, nullptr);
    dlf_package_free(package);
    return status;
  });
  const std::string path = folder + "/package-8/model.dlfm";
  sweep("package from a file", [&] {
    dlf_package* package = nullptr;
    const dlf_status status = dlf_package_open(path.c_str(), &package, nullptr);
    dlf_package_free(package);
    return status;
  });
}

void sweep_symbols(const dlf_package* package, const Bytes& file, const std::string& name) {
  sweep("symbols, " + name, [&] {
    dlf_symbols* symbols = nullptr;
    dlf_tensor tensor;
    DLF_INIT(&tensor);
    dlf_status status =
        dlf_symbols_decode(file.data(), file.size(), package, nullptr, &symbols, nullptr);
    require((symbols != nullptr) == (status == DLF_OK), "symbols: a handle exactly on success");
    if (status == DLF_OK) status = dlf_symbols_get(symbols, DLF_TENSOR_LATENT, &tensor, nullptr);
    dlf_symbols_free(symbols);
    return status;
  });
}

// The caller's own allocator must see as many releases as allocations.
struct Pool {
  long alive = 0;
  static void* allocate(void* user, size_t bytes) {
    void* const memory = std::malloc(bytes);
    if (memory != nullptr) ++static_cast<Pool*>(user)->alive;
    return memory;
  }
  static void release(void* user, void* memory) {
    --static_cast<Pool*>(user)->alive;
    std::free(memory);
  }
};

dlf_status push_all(const dlf_package* package, const Bytes& file, Pool* pool) {
  dlf_allocator allocator;
  dlf_decoder_options options;
  DLF_INIT(&allocator);
  DLF_INIT(&options);
  allocator.user = pool;
  allocator.allocate = Pool::allocate;
  allocator.release = Pool::release;
  options.allocator = &allocator;
  dlf_decoder* decoder = nullptr;
  dlf_status status = dlf_decoder_open(package, &options, &decoder, nullptr);
  for (size_t at = 0; at < file.size() && status == DLF_OK; at += 11) {
    status = dlf_decoder_push(decoder, file.data() + at, std::min<size_t>(11, file.size() - at),
                              nullptr);
  }
  if (status == DLF_OK) status = dlf_decoder_finish(decoder, nullptr);
  dlf_symbols* symbols = nullptr;
  if (status == DLF_OK) status = dlf_decoder_symbols(decoder, &symbols, nullptr);
  dlf_symbols_free(symbols);
  dlf_decoder_free(decoder);
  require(pool->alive == 0, "push: everything went back to the caller's allocator");
  return status;
}

// The container, as an encoder writes it.
void sweep_writing() {
  dlf::Header header;
  header.width = 40;
  header.height = 30;
  header.picture.alpha = dlf::AlphaMode::kStraight;
  const Bytes payload(20, 1), plane(40 * 30, 200);
  sweep("writing a file", guarded([&] {
          dlf::Chunk alpha, exif;
          alpha.type = dlf::kChunkAlpha;
          alpha.critical = true;
          alpha.content = dlf::pack_alpha(plane.data(), 40, 30);
          exif.type = dlf::kChunkExif;
          exif.content.assign(100, 7);
          dlf::write_file(header, payload, {exif, alpha});
        }),
        kMayDoWithout);
}

// As little as a transform can do: this is about the codec around it.
class NoTransform : public dlf::Transform {
 public:
  struct NoFeatures : dlf::Features {
    dlf::WindowGrid grid;
  };
  explicit NoTransform(const dlf::NormativePart& part) : part_(part) {}

  dlf::Analysis analysis(const std::vector<float>&, dlf::WindowGrid grid) const override {
    auto features = std::make_unique<NoFeatures>();
    features->grid = grid;
    dlf::Analysis out;
    out.tokens.assign(grid.count() * part_.tokens_stride(), 1);
    out.features = std::move(features);
    return out;
  }
  std::vector<float> bottleneck(const dlf::Features& features, int rate) const override {
    const dlf::WindowGrid grid = dynamic_cast<const NoFeatures&>(features).grid;
    const size_t side = part_.window / part_.latent_stride;
    return std::vector<float>(grid.count() * side * side * part_.latent_channels,
                              static_cast<float>(rate));
  }
  std::vector<float> synthesis(const std::vector<int64_t>&, const std::vector<float>&, int,
                               dlf::WindowGrid grid) const override {
    return std::vector<float>(grid.count() * 3 * part_.window * part_.window, 0.5f);
  }
  std::vector<float> synthesis_reduced(const std::vector<int64_t>&, const std::vector<float>&, int,
                                       dlf::WindowGrid grid, int downscale) const override {
    const size_t side = part_.window / static_cast<size_t>(downscale);
    return std::vector<float>(3 * grid.count() * side * side, 0.5f);
  }

 private:
  const dlf::NormativePart& part_;
};

void sweep_codec(int threads) {
  dlf_test::Random random(5);
  dlf::NormativePart part = dlf_test::random_part(random);
  part.whole_limit = 1;  // several tiles
  part.tile_core = 1;
  const auto model = dlf::ModelPackage::from_normative(dlf_test::to_bytes(part));
  const dlf::Codec codec(model, {std::make_unique<NoTransform>(model->normative()), nullptr},
                         threads);
  const Bytes samples(150 * 100 * 4, 90);
  const dlf::ConstPixels pixels{samples.data(), 150, 100, 4, 150 * 4};
  const Bytes file = codec.encode(pixels, {});
  const std::string suffix = ", threads: " + std::to_string(threads);
  sweep("encoding" + suffix,
        guarded([&] { require(codec.encode(pixels, {}) == file, "encoding: the same file"); }),
        kMayDoWithout);
  Bytes whole(samples.size()), out(samples.size());
  codec.decode(dlf::FileView(file), {}, [&](size_t) { return whole.data(); });
  sweep("decoding" + suffix, guarded([&] {
          codec.decode(dlf::FileView(file), {}, [&](size_t) { return out.data(); });
          require(out == whole, "decoding: the same picture");
        }),
        kMayDoWithout);
}

// A package that nobody has encoded with yet: the encoder's layers are packed on the way.
void sweep_first_encoding(const Bytes& archive) {
  const Bytes samples(90 * 70 * 3, 120);
  const dlf::ConstPixels pixels{samples.data(), 90, 70, 3, 90 * 3};
  std::shared_ptr<const dlf::ModelPackage> package;
  Bytes expected;
  const Call first = guarded([&] {
    const dlf::Codec codec(package, {}, 1);
    const Bytes file = codec.encode(pixels, {});
    if (expected.empty()) expected = file;
    require(file == expected, "first encoding: the same file");
  });
  const auto fresh = [&] { package = dlf::ModelPackage::from_archive(archive, "test"); };
  fresh();
  require(first() == DLF_OK, "first encoding without a failure");
  for (long nth = 0;; ++nth) {
    fresh();
    dlf_test::fail_allocation(nth, false);
    const dlf_status status = first();
    const bool failed = dlf_test::stop_failing();
    require(status == (failed ? DLF_OUT_OF_MEMORY : DLF_OK) || status == DLF_OK,
            "first encoding: a failed allocation");
    require(first() == DLF_OK, "first encoding: works the next time");
    if (!failed) break;
  }
  std::printf("first encoding with a package\n");
}

}  // namespace

int main(int argc, char** argv) {
  require(argc == 3, "usage: allocation_sweep TEST.dlfm VECTORS");
  const std::string vectors = argv[2];
  const Bytes model = read(argv[1]);
  const auto vector = [&](const char* name) { return read(vectors + "/" + name + "/input.dlf"); };
  dlf_package* package = nullptr;
  require(dlf_package_open_memory(model.data(), model.size(), &package, nullptr) == DLF_OK,
          "the test model");

  const Bytes chunky = vector("test-all-chunks");
  sweep_headers(chunky);
  sweep_chunks(chunky);
  sweep_packages(vectors);
  sweep_symbols(package, vector("test-odd"), "a small picture");
  sweep_symbols(package, chunky, "a picture with chunks");
  sweep("verify",
        [&] { return dlf_verify(chunky.data(), chunky.size(), package, nullptr, nullptr); });
  const Bytes cut(chunky.begin(), chunky.end() - 9);
  sweep("verify, truncated file",
        [&] { return dlf_verify(cut.data(), cut.size(), package, nullptr, nullptr); },
        {DLF_TRUNCATED_FILE});
  Pool pool;
  sweep("input in pieces", [&] { return push_all(package, chunky, &pool); });
  sweep_writing();
  for (const int threads : {1, 3}) sweep_codec(threads);
  sweep_first_encoding(model);
  dlf_package_free(package);
  std::printf("every allocation failed once, none unnoticed\n");
  return 0;
}

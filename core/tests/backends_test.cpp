// What a codec's networks run on: who is asked for, and runners other than the machine.

#include <algorithm>

#include "codec/codec.h"
#include "codec/transforms.h"
#include "fake_transform.h"
#include "integer_support.h"
#include "part_writer.h"
#include "test.h"

using dlf::Backend;
using dlf::Codec;
using dlf::ModelPackage;
using dlf::ProgramRunner;
using dlf::ProgramWork;
using dlf_test::decode;
using dlf_test::Samples;

namespace {

constexpr uint32_t kWidth = 149, kHeight = 71, kWindow = 64;

// The machine, called for columns before and after the middle, as a backend does that works on
// pieces.
class Halves : public ProgramRunner {
 public:
  Halves(uint64_t bytes, int* calls) : bytes_(bytes), calls_(calls) {}

  void run(const ProgramWork& work, const std::vector<dlf::FillRow>& inputs,
           const std::vector<dlf::TakeRow>& outputs, const Report&) const override {
    ++*calls_;
    const dlf::Span columns = work.area.columns;
    const uint32_t middle = std::clamp((columns.begin + columns.end) / 2 / kWindow * kWindow,
                                       columns.begin, columns.end);
    for (const dlf::Span half : {dlf::Span{columns.begin, middle}, {middle, columns.end}}) {
      if (half.empty()) continue;
      ProgramWork part = work;
      part.area.columns = half;
      dlf::integer_machine().run(part, inputs, outputs, {});
    }
  }
  bool reads_packed() const override { return true; }
  bool reads_in_order() const override { return false; }
  uint64_t bytes(const ProgramWork&) const override { return bytes_; }

 private:
  uint64_t bytes_;
  int* calls_;
};

std::unique_ptr<const ProgramRunner> load_halves(const ModelPackage&, const dlf::NetworkOptions&) {
  static int calls = 0;
  return std::make_unique<Halves>(0, &calls);
}

std::unique_ptr<const dlf::Transform> load_none(const std::vector<uint8_t>&, const ModelPackage&,
                                                const dlf::NetworkOptions&) {
  return nullptr;
}

}  // namespace

TEST(a_runner_may_work_on_pieces) {
  const auto package = dlf_test::integer_package(90);
  int calls = 0;
  const Codec machine(package, {}, 1);
  const Codec halves(package, {nullptr, std::make_unique<Halves>(0, &calls)}, 1);
  for (const int channels : {1, 3, 4}) {
    const Samples image(kWidth, kHeight, channels);
    const std::vector<uint8_t> file = machine.encode(image.view(), {});
    CHECK(halves.encode(image.view(), {}) == file);
    for (const int downscale : {1, 2, 4, 8}) {
      dlf::DecodeOptions options;
      options.downscale = downscale;
      CHECK(decode(halves, file, options) == decode(machine, file, options));
      options.region = dlf::Region{33, 7, 101, 55};
      CHECK(decode(halves, file, options) == decode(machine, file, options));
    }
  }
  CHECK(calls > 0);
}

TEST(a_runner_says_what_memory_it_takes) {
  constexpr uint64_t kMuch = uint64_t{1} << 40;
  const auto package = dlf_test::integer_package(90);
  int calls = 0;
  const Samples image(kWidth, kHeight, 3);
  const std::vector<uint8_t> file = Codec(package, {}, 1).encode(image.view(), {});
  const Codec greedy(package, {nullptr, std::make_unique<Halves>(kMuch, &calls)}, 1);
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, greedy.encode(image.view(), {}));
  CHECK_STATUS(DLF_LIMIT_EXCEEDED, decode(greedy, file));
  CHECK_EQ(calls, 0);
}

TEST(package_and_caller_choose_the_backend) {
  const auto integer = dlf_test::integer_package(90);
  const auto torchscript = dlf_test::random_package(95);
  int asked = 0;
  const auto torch = [&](const ModelPackage&) {
    ++asked;
    return dlf::TorchBackend{&load_none, &load_halves};
  };
  // Whether torch is asked for.
  const auto asks = [&](const ModelPackage& model, Backend backend, const char* device) {
    dlf::NetworkOptions options;
    options.backend = backend;
    options.device = device;
    const int before = asked;
    const dlf::Networks networks = dlf::load_networks({}, model, options, torch);
    CHECK_EQ(networks.runner != nullptr, asked > before && model.normative().synthesis);
    return asked > before;
  };
  CHECK(!asks(*integer, Backend::kAuto, "cpu"));
  CHECK(!asks(*integer, Backend::kInteger, "cpu"));
  CHECK(asks(*integer, Backend::kTorch, "cpu"));
  CHECK(asks(*integer, Backend::kAuto, "cuda"));
  CHECK(asks(*integer, Backend::kTorch, "cuda"));
  CHECK_STATUS(DLF_INVALID_ARGUMENT, asks(*integer, Backend::kInteger, "cuda"));
  CHECK(asks(*torchscript, Backend::kAuto, "cpu"));
  CHECK(asks(*torchscript, Backend::kTorch, "cpu"));
  CHECK_STATUS(DLF_INVALID_ARGUMENT, asks(*torchscript, Backend::kInteger, "cpu"));
  dlf::NetworkOptions narrow;
  narrow.precision = dlf::Precision::kBFloat16;
  for (const Backend backend : {Backend::kAuto, Backend::kInteger, Backend::kTorch}) {
    narrow.backend = backend;
    CHECK_STATUS(DLF_INVALID_ARGUMENT, dlf::load_networks({}, *integer, narrow, torch));
  }
}

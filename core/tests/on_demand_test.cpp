// Values that are made when they are first asked for.
#include "base/on_demand.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "integer_support.h"
#include "machine/pack.h"
#include "model/model_package.h"
#include "part_writer.h"
#include "test.h"

using dlf::ModelPackage;
using dlf::OnDemand;

TEST(a_value_is_made_once_and_stays) {
  const OnDemand<std::string> value;
  int made = 0;
  const auto make = [&] { return std::string(100, static_cast<char>('a' + made++)); };
  const std::string& first = value.get(make);
  CHECK_EQ(&value.get(make), &first);
  CHECK_EQ(first, std::string(100, 'a'));
  CHECK_EQ(made, 1);
}

TEST(a_value_that_could_not_be_made_is_tried_again) {
  const OnDemand<int> value;
  bool thrown = false;
  try {
    value.get([]() -> int { throw std::bad_alloc(); });
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  CHECK(thrown);
  CHECK_EQ(value.get([] { return 7; }), 7);
}

TEST(threads_that_ask_at_once_get_the_same_value) {
  constexpr int kThreads = 4;
  for (int round = 0; round < 50; ++round) {
    const OnDemand<int> value;
    std::atomic<int> ready{0};
    std::vector<const int*> found(kThreads);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (++ready; ready < kThreads;) std::this_thread::yield();
        found[static_cast<size_t>(i)] = &value.get([i] { return i; });
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK_EQ(std::set<const int*>(found.begin(), found.end()).size(), size_t{1});
  }
}

TEST(a_child_does_not_wait_for_a_thread_that_it_does_not_have) {
  const OnDemand<int> value;
  std::atomic<bool> is_making{false}, may_end{false};
  std::thread maker([&] {
    value.get([&] {
      for (is_making = true; !may_end;) std::this_thread::yield();
      return 1;
    });
  });
  while (!is_making) std::this_thread::yield();
  const pid_t child = fork();
  if (child == 0) _exit(value.get([] { return 2; }) == 2 ? 0 : 1);
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHECK_EQ(status, 0);
  may_end = true;
  maker.join();
  CHECK_EQ(value.get([] { return 3; }), 1);
}

TEST(the_encoders_layers_are_packed_when_they_are_asked_for) {
  const auto package = dlf_test::integer_package(95);
  const std::vector<dlf::ConvLayer>& layers = package->encoder()->layers;
  const std::vector<dlf::ConvLayer>& packed = package->encoder_layers();
  CHECK_EQ(&package->encoder_layers(), &packed);
  CHECK_EQ(packed.size(), layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    CHECK(layers[i].packed.empty() && packed[i].weights.empty());
    CHECK(dlf::weights_of(packed[i]) == layers[i].weights);
    CHECK_EQ(packed[i].weight_count(), layers[i].weights.size());
  }
  for (const dlf::ConvLayer& layer : package->normative().layers) {
    CHECK(layer.weights.empty() && !layer.packed.empty());
  }
}

// Whether anybody will encode or not.
TEST(a_damaged_encoder_is_refused_when_the_package_is_opened) {
  dlf_test::Random random(96);
  dlf::NormativePart part = dlf_test::integer_part(random);
  const dlf::EncoderPart encoder = dlf_test::encoder_part(random, part);
  const auto status = [&](const dlf::EncoderPart& changed) {
    const std::vector<dlf_test::Member> members = {
        {"extra/encoder.bin", dlf_test::to_bytes(changed)}};
    part.network_digest = dlf_test::digest_of(members);
    std::vector<dlf_test::Member> all = members;
    all.push_back({"extra/normative.bin", dlf_test::to_bytes(part)});
    const std::vector<uint8_t> archive = dlf_test::make_archive(all);
    return dlf_test::status_of([&] { ModelPackage::from_archive(archive, "test"); });
  };
  CHECK_EQ(status(encoder), DLF_OK);
  dlf::EncoderPart changed = encoder;
  changed.layers[0].bias[0] = INT32_MAX;  // the accumulator can overflow
  CHECK_EQ(status(changed), DLF_MODEL_ERROR);
  changed = encoder;
  changed.layers.pop_back();
  CHECK_EQ(status(changed), DLF_MODEL_ERROR);
  changed = encoder;
  changed.analysis.outputs.pop_back();
  CHECK_EQ(status(changed), DLF_MODEL_ERROR);
}

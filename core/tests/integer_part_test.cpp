// The normative part of an integer package: one that breaks a rule is refused.

#include <algorithm>
#include <functional>

#include "integer_support.h"
#include "model/normative.h"
#include "part_writer.h"
#include "test.h"

using dlf_test::Random;

TEST(integer_parts_that_break_a_rule_are_refused) {
  Random random(96);
  const dlf::NormativePart part = dlf_test::integer_part(random);
  const auto status = [](const dlf::NormativePart& each) {
    return dlf_test::status_of([&] { dlf::parse_normative(dlf_test::to_bytes(each)); });
  };
  CHECK_EQ(status(part), DLF_OK);
  const auto broken = [&](const std::function<void(dlf::NormativePart&)>& change) {
    dlf::NormativePart copy = part;
    change(copy);
    CHECK_EQ(status(copy), DLF_MODEL_ERROR);
  };
  broken([](auto& p) { p.flags |= 4; });
  broken([](auto& p) { p.map_unit = 0; });
  broken([](auto& p) { p.synthesis->latent_shift = 31; });
  broken([](auto& p) { p.synthesis->latent_bound = 0; });
  broken([](auto& p) { p.synthesis->sample_bits = 8; });
  broken([](auto& p) { p.synthesis->noise_cells = 64; });
  broken([](auto& p) { p.synthesis->noise_cells = 4; });   // an input too many
  broken([](auto& p) { p.synthesis->whole.reach += 1; });  // not its receptive field
  broken([](auto& p) { p.synthesis->reduced[0]->reach = 0; });
  broken([](auto& p) { p.synthesis->reduced[1] = p.synthesis->reduced[0]; });  // wrong size
  broken([](auto& p) { p.synthesis->whole.program.outputs = {0}; });
  broken([](auto& p) { p.layers.back().low = 1, p.layers.back().high = 0; });
  broken([](auto& p) {
    std::fill(p.layers.back().bias.begin(), p.layers.back().bias.end(), INT32_MAX);
  });
  broken([](auto& p) { p.window = 96; });  // no power of two
}

#include <algorithm>

#include "container/zip_archive.h"
#include "fuzz.h"
#include "machine/pack.h"
#include "mutate.h"
#include "part_writer.h"
#include "support.h"

namespace dlf_fuzz {
namespace {

using dlf_test::Member;
using dlf_test::Random;

constexpr char kNormativeMember[] = "extra/normative.bin";
constexpr size_t kDigestAt = 8, kDigestBytes = 32;  // A.2.1

// The members of an archive, names relative to its root; none when it cannot be read.
std::vector<Member> members_of(const uint8_t* data, size_t size) {
  std::vector<Member> members;
  try {
    dlf::ZipArchive archive({data, size});
    for (const dlf::ZipArchive::Member& member : archive.members()) {
      if (member.size <= 1 << 20) members.push_back({member.name, archive.read(member)});
    }
  } catch (const dlf::Error&) {
    members.clear();
  }
  return members;
}

size_t pick(Random& random, size_t count) {
  return static_cast<size_t>(random.in(0, static_cast<int64_t>(count) - 1));
}

int32_t argument(Random& random) {
  return static_cast<int32_t>(random.in(0, 3) == 0 ? random.in(INT32_MIN, INT32_MAX)
                                                   : random.in(-1, 24));
}

void change_layer(dlf::ConvLayer& layer, Random& random) {
  const size_t channel = pick(random, layer.out_channels);
  switch (random.in(0, 3)) {
    case 0:
      layer.weights = dlf::weights_of(layer);
      layer.weights[pick(random, layer.weights.size())] = static_cast<int8_t>(random.in(-128, 127));
      break;
    case 1:
      layer.bias[channel] = static_cast<int32_t>(random.in(INT32_MIN, INT32_MAX));
      break;
    case 2:
      layer.multiplier[channel] = static_cast<int32_t>(random.in(0, INT32_MAX));
      break;
    default:
      layer.shift[channel] = static_cast<uint8_t>(random.in(0, 48));
  }
}

void change_program(dlf::Program& program, Random& random) {
  const auto any_register = [&] { return static_cast<uint16_t>(random.in(0, program.registers)); };
  if (random.in(0, 5) == 0) {
    program.outputs[pick(random, program.outputs.size())] = any_register();
    return;
  }
  if (random.in(0, 7) == 0) {
    program.registers = static_cast<uint16_t>(random.in(0, program.registers + 2));
    return;
  }
  if (program.instructions.empty() || random.in(0, 5) == 0) {
    dlf::Instruction instruction;
    instruction.op = static_cast<dlf::Op>(random.in(0, 7));
    instruction.target = program.registers++;
    instruction.sources.assign(static_cast<size_t>(random.in(1, 3)), any_register());
    instruction.arg0 = argument(random);
    program.instructions.push_back(instruction);
    return;
  }
  const size_t at = pick(random, program.instructions.size());
  dlf::Instruction& instruction = program.instructions[at];
  switch (random.in(0, 5)) {
    case 0:
      instruction.op = static_cast<dlf::Op>(random.in(0, 7));
      break;
    case 1:
      instruction.target = any_register();
      break;
    case 2:
      instruction.sources[pick(random, instruction.sources.size())] = any_register();
      break;
    case 3:
      instruction.arg0 = argument(random);
      break;
    case 4:
      instruction.arg1 = argument(random);
      break;
    default:
      instruction.sources.push_back(any_register());
  }
}

void change_shape(dlf::NormativePart& part, Random& random) {
  const auto small = [&] { return static_cast<uint16_t>(random.in(0, 130)); };
  uint16_t* const fields[] = {&part.window,          &part.tokens_per_window, &part.levels[0],
                              &part.latent_stride,   &part.latent_align,      &part.tile_core,
                              &part.latent_channels, &part.tile_margin};
  const size_t which = static_cast<size_t>(random.in(0, 10));
  if (which < std::size(fields)) {
    *fields[which] = small();
  } else if (which == 8) {
    part.token_context = !part.token_context;
  } else if (which == 9) {
    part.mean_fraction = static_cast<uint8_t>(random.in(0, 16));
  } else {
    part.rate_points = static_cast<uint8_t>(random.in(0, 4));
  }
}

// A normative part with one thing changed; the sums of its tables stay right.
Bytes changed_part(const Bytes& bytes, Random& random) {
  dlf::NormativePart part = dlf::parse_normative(bytes);
  switch (random.in(0, 6)) {
    case 0:
    case 1:
      if (!part.layers.empty()) {
        change_layer(part.layers[pick(random, part.layers.size())], random);
      }
      break;
    case 2:
      if (!part.scale_tables.empty()) {
        const size_t at = pick(random, part.scale_tables.size());
        part.scale_tables[at] =
            dlf_test::random_table(random, static_cast<uint32_t>(random.in(1, 40)),
                                   static_cast<int32_t>(random.in(INT16_MIN, INT16_MAX)));
        part.thresholds[at] = static_cast<int16_t>(random.in(-60, 60));
      }
      break;
    case 3:
      change_shape(part, random);
      break;
    default:
      change_program(part.programs[random.in(0, 3)], random);
  }
  return dlf_test::to_bytes(part);
}

Bytes mutated_part(Bytes bytes, Random& random) {
  if (random.coin()) {
    try {
      return changed_part(bytes, random);
    } catch (const dlf::Error&) {
      // Not a valid part: then as bytes.
    }
  }
  const size_t size = bytes.size();
  bytes.resize(size + 64);
  bytes.resize(LLVMFuzzerMutate(bytes.data(), size, bytes.size()));
  return bytes;
}

// Changes one member and makes checksums and digest fit again.
Bytes mutated_archive(std::vector<Member> members, Random& random) {
  const size_t at = pick(random, members.size());
  if (members[at].name == kNormativeMember || random.coin()) {
    for (Member& member : members) {
      if (member.name == kNormativeMember) member.content = mutated_part(member.content, random);
    }
  } else if (random.in(0, 3) == 0) {
    members[at].name = members[pick(random, members.size())].name;
  } else {
    members[at].content.resize(static_cast<size_t>(random.in(0, 64)), 1);
  }
  std::vector<Member> others;
  for (const Member& member : members) {
    if (member.name != kNormativeMember) others.push_back(member);
  }
  const dlf::Digest digest = dlf_test::digest_of(others);
  for (Member& member : members) {
    if (member.name == kNormativeMember && member.content.size() >= kDigestAt + kDigestBytes) {
      std::copy(digest.begin(), digest.end(), member.content.begin() + kDigestAt);
    }
  }
  const dlf_test::ZipForm form{random.coin(), random.in(0, 3) == 0, random.coin()};
  return dlf_test::make_archive(members, "model", form);
}

}  // namespace

size_t mutate_package(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  Random random(seed);
  Bytes out;
  if (random.in(0, 3) != 0) {
    const std::vector<Member> members = members_of(data, size);
    if (!members.empty()) {
      out = mutated_archive(members, random);
    } else if (size > 0 && data[0] == 'D') {
      out = mutated_part(Bytes(data, data + size), random);
    }
  }
  if (out.empty() || out.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::copy(out.begin(), out.end(), data);
  return out.size();
}

}  // namespace dlf_fuzz

#include "model/model_package.h"

#include <functional>

#include "base/constants.h"
#include "container/zip_archive.h"
#include "model/model_registry.h"
#include "part_writer.h"
#include "support.h"
#include "test.h"

using dlf::ModelPackage;
using dlf::NormativePart;
using dlf_test::Member;

namespace {

NormativePart part_of(uint64_t seed) {
  dlf_test::Random random(seed);
  return dlf_test::random_part(random);
}

// The status of a valid part after one change.
dlf_status status_after(const std::function<void(NormativePart&)>& change) {
  NormativePart part = part_of(50);
  change(part);
  return dlf_test::status_of([&] { dlf::parse_normative(dlf_test::to_bytes(part)); });
}

dlf_status open_status(const std::vector<uint8_t>& bytes) {
  return dlf_test::status_of([&] { ModelPackage::from_archive(bytes, "test"); });
}

}  // namespace

TEST(normative_parts_return_what_was_written) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    dlf_test::Random random(seed);
    dlf_test::PartOptions options;
    options.context = seed % 2 == 0;
    options.banks = seed % 3 == 0 ? 1 : 3;
    options.use_tokens = seed % 5 != 0;
    const NormativePart part = dlf_test::random_part(random, options);
    const std::vector<uint8_t> bytes = dlf_test::to_bytes(part);
    CHECK(dlf_test::to_bytes(dlf::parse_normative(bytes)) == bytes);
  }
}

TEST(every_cut_of_a_normative_part_is_refused) {
  const std::vector<uint8_t> bytes = dlf_test::to_bytes(part_of(51));
  for (size_t size = 0; size < bytes.size(); ++size) {
    CHECK_STATUS(DLF_MODEL_ERROR, dlf::parse_normative(dlf::ByteView(bytes.data(), size)));
  }
  std::vector<uint8_t> longer = bytes;
  longer.push_back(0);
  CHECK_STATUS(DLF_MODEL_ERROR, dlf::parse_normative(longer));
}

TEST(damaged_normative_parts_are_refused_or_still_valid) {
  const std::vector<uint8_t> bytes = dlf_test::to_bytes(part_of(52));
  dlf_test::Random random(53);
  for (int i = 0; i < 3000; ++i) {
    std::vector<uint8_t> damaged = bytes;
    const int64_t changes = random.in(1, 3);
    for (int64_t c = 0; c < changes; ++c) {
      damaged[static_cast<size_t>(random.in(0, static_cast<int64_t>(bytes.size()) - 1))] =
          static_cast<uint8_t>(random.in(0, 255));
    }
    const dlf_status status = dlf_test::status_of([&] { dlf::parse_normative(damaged); });
    CHECK(status == DLF_OK || status == DLF_MODEL_ERROR);
  }
}

TEST(fields_out_of_range_are_refused) {
  CHECK_EQ(status_after([](NormativePart&) {}), DLF_OK);
  const std::vector<std::function<void(NormativePart&)>> changes = {
      [](NormativePart& p) { p.window = 0; },
      [](NormativePart& p) { p.window = 65; },
      [](NormativePart& p) { p.latent_align = 48; },
      [](NormativePart& p) { p.latent_stride = 0; },
      [](NormativePart& p) { p.tokens_per_window = 0; },
      [](NormativePart& p) { p.tokens_per_window = 1; },  // the map no longer fits
      [](NormativePart& p) { p.levels[0] = 1; },
      [](NormativePart& p) { p.levels[0] = 6; },
      [](NormativePart& p) { p.banks = 0; },
      [](NormativePart& p) { p.latent_channels = 6; },
      [](NormativePart& p) { p.rate_points = 0; },
      [](NormativePart& p) { p.mean_fraction = 15; },
      [](NormativePart& p) { p.step_fraction = 15; },
      [](NormativePart& p) { p.tile_core = 0; },
      [](NormativePart& p) { p.whole_limit = 0; },
      [](NormativePart& p) { p.token_map[3] = 60000; },
      [](NormativePart& p) { p.token_map[0] = 3; },  // a table of other levels
      [](NormativePart& p) { p.token_map.pop_back(); },
      [](NormativePart& p) { p.token_tables[1].cumulative.back() = 65535; },
      [](NormativePart& p) {
        p.token_tables[0].cumulative = {0, 65536};
      },  // not one per bank
      [](NormativePart& p) { p.thresholds[1] = p.thresholds[0]; },
      [](NormativePart& p) { p.scale_tables[4].first = INT16_MAX; },
      [](NormativePart& p) {
        p.scale_tables[0].cumulative = {0, 65536};
      },
      [](NormativePart& p) { p.layers[0].kernel = 2; },
      [](NormativePart& p) { p.layers[0].shift[0] = 0; },
      [](NormativePart& p) { p.layers[0].shift[0] = 47; },
      [](NormativePart& p) { p.layers[0].multiplier[0] = -1; },
      [](NormativePart& p) { p.layers[0].bias[0] = INT32_MAX; },
      [](NormativePart& p) { p.programs[0].outputs.pop_back(); },
      [](NormativePart& p) { p.programs[0].inputs = 3; },
      [](NormativePart& p) { p.programs[1].inputs = 1; },
      [](NormativePart& p) { p.programs[2].instructions[0].sources[0] = 200; },
      [](NormativePart& p) { p.programs[3].instructions[0].op = static_cast<dlf::Op>(7); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    if (status_after(changes[i]) != DLF_MODEL_ERROR) {
      dlf_test::fail_at(__FILE__, __LINE__, "change " + std::to_string(i) + " is accepted");
    }
  }
}

TEST(packages_open_and_know_their_id) {
  const NormativePart part = part_of(54);
  const std::vector<uint8_t> archive = dlf_test::make_package(part);
  const auto package = ModelPackage::from_archive(archive, "test");
  CHECK_EQ(package->model_json(), std::string("{}"));
  CHECK_EQ(package->id(), dlf::derived_model_id(package->sha256()));
  CHECK(dlf::is_derived_id(package->id()));
  CHECK(package->registered_name().empty());
  CHECK_EQ(package->normative().latent_channels, part.latent_channels);
  CHECK(package->memory_bytes() > 1000);
  dlf::Digest digest{};
  digest[0] = 0xFF;
  digest[3] = 0x01;
  CHECK_EQ(dlf::derived_model_id(digest), 0x0F000001u);
}

TEST(a_normative_part_alone_is_the_decoding_half) {
  const std::vector<uint8_t> bytes = dlf_test::to_bytes(part_of(54));
  const auto half = ModelPackage::from_archive(bytes, "test");
  const auto whole = ModelPackage::from_archive(dlf_test::make_package(part_of(54)), "test");
  CHECK_EQ(half->normative().latent_channels, whole->normative().latent_channels);
  CHECK_EQ(half->id(), dlf::derived_model_id(dlf::sha256(bytes)));
  CHECK(!half->encoder());
  for (size_t size = 0; size < bytes.size(); size += 7) {
    CHECK_EQ(open_status({bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)}),
             DLF_MODEL_ERROR);
  }
  std::vector<uint8_t> longer = bytes;
  longer.push_back(0);
  CHECK_EQ(open_status(longer), DLF_MODEL_ERROR);
}

TEST(altered_packages_are_refused) {
  std::vector<uint8_t> archive = dlf_test::make_package(part_of(55));
  CHECK_EQ(open_status(archive), DLF_OK);
  size_t refused = 0;
  for (size_t at = 0; at < archive.size(); at += 3) {
    archive[at] ^= 0x10;
    const dlf_status status = open_status(archive);
    CHECK(status == DLF_OK || status == DLF_MODEL_ERROR);  // zip has unused fields: dates ...
    refused += status == DLF_MODEL_ERROR ? 1 : 0;
    archive[at] ^= 0x10;
  }
  CHECK(refused > archive.size() / 4);
}

TEST(packages_with_other_members_are_refused) {
  NormativePart part = part_of(56);
  std::vector<Member> members = {{"a", {1}}, {"b/c", {2, 3}}};
  part.network_digest = dlf_test::digest_of(members);
  const Member normative = {"extra/normative.bin", dlf_test::to_bytes(part)};
  const auto with = [&](std::vector<Member> list) {
    list.push_back(normative);
    return open_status(dlf_test::make_archive(list));
  };
  CHECK_EQ(with(members), DLF_OK);
  CHECK_EQ(with({members[1], members[0]}), DLF_OK);  // the order in the archive does not matter
  CHECK_EQ(with({members[0]}), DLF_MODEL_ERROR);
  CHECK_EQ(with({members[0], members[1], {"d", {}}}), DLF_MODEL_ERROR);
  CHECK_EQ(with({{"a", {9}}, members[1]}), DLF_MODEL_ERROR);
  CHECK_EQ(with({{"A", {1}}, members[1]}), DLF_MODEL_ERROR);
  CHECK_EQ(open_status(dlf_test::make_archive(members)), DLF_MODEL_ERROR);
  CHECK_EQ(open_status({}), DLF_MODEL_ERROR);
  CHECK_EQ(open_status({'P', 'K', 3, 4}), DLF_MODEL_ERROR);
}

TEST(packages_are_read_in_every_form_of_zip) {
  NormativePart part = part_of(57);
  const std::vector<Member> others = {{"a", std::vector<uint8_t>(70000, 1)}, {"b/c", {}}};
  part.network_digest = dlf_test::digest_of(others);
  std::vector<Member> members = others;
  members.push_back({"extra/normative.bin", dlf_test::to_bytes(part)});
  for (const bool deflated : {false, true}) {
    for (const bool zip64 : {false, true}) {
      for (const bool other_fields : {false, true}) {
        const dlf_test::ZipForm form{deflated, zip64, other_fields};
        const std::vector<uint8_t> archive = dlf_test::make_archive(members, "model", form);
        CHECK_EQ(open_status(archive), DLF_OK);
        for (size_t size = 0; size < archive.size(); size += 1 + archive.size() / 300) {
          CHECK_EQ(open_status({archive.begin(), archive.begin() + static_cast<long>(size)}),
                   DLF_MODEL_ERROR);
        }
        dlf_test::Random random(58);
        for (int i = 0; i < 200; ++i) {  // nearly all of what zip has to say
          std::vector<uint8_t> damaged = archive;
          const int64_t last = static_cast<int64_t>(archive.size()) - 1;
          damaged[static_cast<size_t>(random.in(last - 400, last))] =
              static_cast<uint8_t>(random.in(0, 255));
          const dlf_status status = open_status(damaged);
          CHECK(status == DLF_OK || status == DLF_MODEL_ERROR);
        }
      }
    }
  }
}

TEST(members_are_read_piece_by_piece) {
  const Member large = {"large", std::vector<uint8_t>(5'000'000, 7)};
  dlf_test::ZipForm form;
  form.deflated = true;
  const std::vector<uint8_t> bytes = dlf_test::make_archive({large}, "model", form);
  const dlf::ZipArchive archive(bytes);
  size_t total = 0, pieces = 0;
  archive.read(archive.members()[0], [&](dlf::ByteView piece) {
    CHECK(piece.size() <= 1 << 16);
    total += piece.size();
    ++pieces;
  });
  CHECK_EQ(total, large.content.size());
  CHECK(pieces > 50);
}

TEST(packages_may_offer_reduced_sizes) {
  const auto open = [](const std::vector<dlf_test::Member>& more) {
    return dlf::ModelPackage::from_archive(dlf_test::make_package(part_of(56), more), "test");
  };
  CHECK(!open({})->reduced_macs());
  const auto model = open({{"extra/reduced.bin", {0, 2, 0, 0, 4, 0, 0, 0, 0, 0, 0, 1}}});
  CHECK_EQ(model->reduced_macs()->at(2), 512u);
  CHECK_EQ(model->reduced_macs()->at(4), 4u);
  CHECK_EQ(model->reduced_macs()->at(8), 1u << 24);
  for (const size_t size : {size_t{0}, size_t{11}, size_t{13}}) {
    CHECK_STATUS(DLF_MODEL_ERROR, open({{"extra/reduced.bin", std::vector<uint8_t>(size)}}));
  }
}

TEST(a_missing_package_file_is_named) {
  try {
    ModelPackage::load("no/such/file.dlfm");
    CHECK(false);
  } catch (const dlf::Error& error) {
    CHECK_EQ(error.status(), DLF_MODEL_ERROR);
    CHECK(std::string(error.what()).find("no/such/file.dlfm") != std::string::npos);
  }
}

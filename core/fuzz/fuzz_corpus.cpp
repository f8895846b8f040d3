// Writes the seeds of every fuzz target, from the conformance vectors and from the random models:
//
//   fuzz_corpus conformance/vectors OUT      makes OUT/probe, OUT/chunks, ...

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "container/bitstream.h"
#include "container/zip_archive.h"
#include "entropy/importance_map.h"
#include "entropy/symbol_codec.h"
#include "fuzz.h"
#include "models.h"
#include "part_writer.h"
#include "support.h"

namespace {

namespace fs = std::filesystem;
using dlf_fuzz::Bytes;

// Larger vectors add time and nothing else.
constexpr size_t kMaxFile = 4000, kMaxPackage = 60000;

fs::path out_folder;

Bytes read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

void write(const std::string& target, const std::string& name, const Bytes& bytes) {
  fs::create_directories(out_folder / target);
  std::ofstream file(out_folder / target / name, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

// The payload of a file for the test model, in the layout of the payload target.
void write_payload(const std::string& name, const Bytes& file) {
  try {
    dlf::ParseOptions options;
    options.allow_truncated = true;
    const dlf::ParsedFile parsed = dlf::parse_file(file, options);
    const dlf::Header& header = parsed.header;
    if (header.model_id != dlf_fuzz::model(0).id() || header.width > dlf_fuzz::kPayloadSides ||
        header.height > dlf_fuzz::kPayloadSides) {
      return;
    }
    Bytes input = {0, static_cast<uint8_t>(header.width - 1),
                   static_cast<uint8_t>(header.height - 1), header.rate};
    const Bytes payload = parsed.payload.copy();
    input.insert(input.end(), payload.begin(), payload.end());
    write("payload", name, input);
  } catch (const dlf::Error&) {
    // A vector that is broken elsewhere has no payload of interest.
  }
}

void random_payload(uint8_t index) {
  Bytes input = {index, static_cast<uint8_t>(25 * index), 90, 1};
  const dlf::ModelPackage& model = dlf_fuzz::model(index);
  const dlf::NormativePart& part = model.normative();
  const dlf::ImageGeometry grid = dlf_fuzz::payload_geometry(input.data());
  dlf_test::Random random(index);
  std::vector<int16_t> tokens(static_cast<size_t>(grid.windows()) * part.tokens_stride());
  for (size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<int16_t>(random.in(0, part.levels[i % part.digits()] - 1));
  }
  std::vector<float> y(size_t{grid.latent_h} * grid.latent_w * part.latent_channels);
  for (float& value : y) value = static_cast<float>(random.in(-300, 300)) / 100.0f;
  const Bytes payload = dlf::encode_payload(model, grid, 1, tokens, y).payload;
  input.insert(input.end(), payload.begin(), payload.end());
  write("payload", "random-" + std::to_string(index), input);
}

// In the layout of the map target: grid, rates, payload.
void random_map(uint8_t index) {
  dlf_test::Random random(index);
  dlf::ImportanceMap map;
  map.rows = 1u + index * 3u;
  map.columns = 2u + index * 5u;
  map.scale = index % 3;
  map.offsets.resize(size_t{map.rows} * map.columns);
  const dlf::MapRates rates = {20, 64, 2};
  // Plateaus, slopes and noise.
  for (size_t i = 0; i < map.offsets.size(); ++i) {
    const auto wish = static_cast<int32_t>(index == 0   ? random.in(-9, 9)
                                           : index == 1 ? static_cast<int64_t>(i % 7)
                                                        : static_cast<int64_t>(i / 40 % 3));
    map.offsets[i] =
        static_cast<int16_t>(std::clamp(wish, rates.lowest(map.scale), rates.highest(map.scale)));
  }
  Bytes input = {static_cast<uint8_t>(map.rows - 1), static_cast<uint8_t>(map.columns - 1),
                 rates.rate_points, rates.rate, rates.map_unit};
  dlf::RansEncoder encoder;
  dlf::encode_map(rates, map, encoder);
  const Bytes payload = encoder.finish();
  input.insert(input.end(), payload.begin(), payload.end());
  write("map", "random-" + std::to_string(index), input);
}

void random_packages() {
  for (uint64_t seed = 0; seed < 2; ++seed) {
    dlf_test::Random random(seed);
    dlf_test::PartOptions options;
    options.banks = static_cast<uint8_t>(1 + seed);
    const dlf::NormativePart part = dlf_test::random_part(random, options);
    write("package", "part-" + std::to_string(seed), dlf_test::to_bytes(part));
    write("package", "archive-" + std::to_string(seed), dlf_test::make_package(part));
  }
}

// The same package in the 64-bit form of zip archives, which no writer of small ones chooses.
void write_zip64(const std::string& name, const Bytes& package) {
  std::vector<dlf_test::Member> members;
  try {
    dlf::ModelPackage::from_archive(package, name);
    const dlf::ZipArchive archive(package);
    for (const dlf::ZipArchive::Member& member : archive.members()) {
      members.push_back({member.name, archive.read(member)});
    }
  } catch (const dlf::Error&) {
    return;  // the vector is about a broken package
  }
  for (const bool deflated : {false, true}) {
    for (const bool other_fields : {false, true}) {
      const dlf_test::ZipForm form{deflated, true, other_fields};
      write("package",
            name + "-zip64" + (deflated ? "-deflated" : "") + (other_fields ? "-fields" : ""),
            dlf_test::make_archive(members, "model", form));
    }
  }
}

void from_package(const std::string& name, const Bytes& package) {
  if (package.empty() || package.size() > kMaxPackage) return;
  write("package", name, package);
  write_zip64(name, package);
}

void from_vector(const fs::path& folder) {
  const std::string name = folder.filename().string();
  const Bytes file = read(folder / "input.dlf");
  if (file.size() <= kMaxFile) {
    for (const char* target : {"probe", "chunks", "symbols", "push"}) write(target, name, file);
    write_payload(name, file);
  }
  from_package(name, read(folder / "model.dlfm"));
}

}  // namespace

// Instrumented code needs libFuzzer, or the driver, around it: so this is a target that never runs.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t*, size_t) { return 0; }

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc != 3) {
    std::fprintf(stderr, "usage: fuzz_corpus VECTORS OUT\n");
    std::exit(2);
  }
  out_folder = (*argv)[2];
  for (const fs::directory_entry& entry : fs::directory_iterator((*argv)[1])) {
    if (entry.is_directory()) from_vector(entry.path());
  }
  // The packages that vectors share.
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::path((*argv)[1]) / ".." / "packages")) {
    from_package(entry.path().stem().string(), read(entry.path()));
  }
  for (uint8_t index = 1; index < dlf_fuzz::kModels; ++index) random_payload(index);
  for (uint8_t index = 0; index < 4; ++index) random_map(index);
  random_packages();
  std::exit(0);
}

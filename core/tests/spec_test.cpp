// BITSTREAM.md and the code say the same.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "bitstream.h"
#include "constants.h"
#include "model_registry.h"
#include "symbol_codec.h"
#include "test.h"

namespace {

std::filesystem::path core_folder() {
  return std::filesystem::path(__FILE__).parent_path().parent_path();
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  CHECK(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string specification() { return read_text(core_folder() / "BITSTREAM.md"); }

// The part of the document from one heading to the next of the same depth.
std::string section(const std::string& heading) {
  const std::string text = specification();
  const size_t begin = text.find("\n## " + heading);
  CHECK(begin != std::string::npos);
  return text.substr(begin, text.find("\n## ", begin + 1) - begin);
}

// The bytes of a block of hexadecimal numbers; words of three digits are offsets.
std::vector<uint8_t> hex_block(const std::string& name) {
  const std::string text = specification();
  const size_t begin = text.find("```" + name + "\n");
  CHECK(begin != std::string::npos);
  std::istringstream words(text.substr(begin + name.size() + 4));
  std::vector<uint8_t> bytes;
  for (std::string word; words >> word && word != "```";) {
    if (word.size() == 2) {
      bytes.push_back(static_cast<uint8_t>(std::stoul(word, nullptr, 16)));
    }
  }
  return bytes;
}

std::map<std::string, uint64_t> all_constants() {
  std::map<std::string, uint64_t> values;
  const auto add = [&](const char* name, uint64_t value) { values[name] = value; };
  add("kVersion", dlf::kVersion);
  add("kFlagVersionMask", dlf::kFlagVersionMask);
  add("kFlagReserved", dlf::kFlagReserved);
  add("kFlagUnused", dlf::kFlagUnused);
  add("kFlagChunks", dlf::kFlagChunks);
  add("kFlagCrc", dlf::kFlagCrc);
  add("kFlagPicture", dlf::kFlagPicture);
  add("kMaxSide", dlf::kMaxSide);
  add("kMaxVarintBytes", dlf::kMaxVarintBytes);
  add("kCrc8Polynomial", dlf::kCrc8Polynomial);
  add("kCrc8Init", dlf::kCrc8Init);
  add("kCrc32cPolynomial", dlf::kCrc32cPolynomial);
  add("kMaxHeaderBytes", dlf::kMaxHeaderBytes);
  add("kTrailerBytes", dlf::kTrailerBytes);
  add("kPictureOrientationMask", dlf::kPictureOrientationMask);
  add("kPictureGrayscale", dlf::kPictureGrayscale);
  add("kPictureAlphaShift", dlf::kPictureAlphaShift);
  add("kPictureColourShift", dlf::kPictureColourShift);
  add("kLumaRed", dlf::kLumaRed);
  add("kLumaGreen", dlf::kLumaGreen);
  add("kLumaBlue", dlf::kLumaBlue);
  add("kLumaRound", dlf::kLumaRound);
  add("kLumaShift", dlf::kLumaShift);
  add("kTagCritical", dlf::kTagCritical);
  add("kTagSafeToCopy", dlf::kTagSafeToCopy);
  add("kTagDeflated", dlf::kTagDeflated);
  add("kTagTypeShift", dlf::kTagTypeShift);
  add("kChunkAlpha", dlf::kChunkAlpha);
  add("kChunkIcc", dlf::kChunkIcc);
  add("kChunkExif", dlf::kChunkExif);
  add("kChunkXmp", dlf::kChunkXmp);
  add("kChunkFirstPrivate", dlf::kChunkFirstPrivate);
  add("kAlphaMethodUpFilter", dlf::kAlphaMethodUpFilter);
  add("kMaxChunks", dlf::kMaxChunks);
  add("kRansLow", dlf::kRansLow);
  add("kRansHigh", dlf::kRansHigh);
  add("kFrequencyBits", dlf::kFrequencyBits);
  add("kFrequencyTotal", dlf::kFrequencyTotal);
  add("kRansStateBytes", dlf::kRansStateBytes);
  add("kEscapeMaxPrefix", dlf::kEscapeMaxPrefix);
  add("kCheckFactor", dlf::kCheckFactor);
  add("kCheckShift", dlf::kCheckShift);
  add("kQuarters", dlf::kQuarters);
  add("kTokenInputScale", dlf::kTokenInputScale);
  add("kMaxShift", dlf::kMaxShift);
  add("kLeakyBits", dlf::kLeakyBits);
  add("kLeakyRound", dlf::kLeakyRound);
  add("kPackageFormat", dlf::kPackageFormat);
  add("kMaxWindow", dlf::kMaxWindow);
  add("kMaxTokensPerWindow", dlf::kMaxTokensPerWindow);
  add("kMaxDigits", dlf::kMaxDigits);
  add("kMaxLevels", dlf::kMaxLevels);
  add("kMaxTokenMap", dlf::kMaxTokenMap);
  add("kMaxTables", dlf::kMaxTables);
  add("kMaxLatentChannels", dlf::kMaxLatentChannels);
  add("kMaxFractionBits", dlf::kMaxFractionBits);
  add("kMaxScaleTables", dlf::kMaxScaleTables);
  add("kMaxLayers", dlf::kMaxLayers);
  add("kMaxLayerChannels", dlf::kMaxLayerChannels);
  add("kMaxRegisters", dlf::kMaxRegisters);
  add("kMaxInstructions", dlf::kMaxInstructions);
  add("kMaxSources", dlf::kMaxSources);
  add("kMaxOp", dlf::kMaxOp);
  add("kMaxTile", dlf::kMaxTile);
  add("kMaxWholeLimit", dlf::kMaxWholeLimit);
  add("kDerivedIdBase", dlf::kDerivedIdBase);
  return values;
}

}  // namespace

TEST(annex_d_lists_every_constant_with_its_value) {
  const std::map<std::string, uint64_t> constants = all_constants();
  const std::string annex = section("Annex D");
  std::set<std::string> listed;
  const std::regex row("\\| (k\\w+) \\| (\\d+) \\|");
  for (std::sregex_iterator i(annex.begin(), annex.end(), row), end; i != end; ++i) {
    const auto found = constants.find((*i)[1]);
    CHECK(found != constants.end());
    CHECK_EQ(std::stoull((*i)[2]), found->second);
    listed.insert((*i)[1]);
  }
  // And the list above holds every constant of the header.
  const std::string header = read_text(core_folder() / "src" / "constants.h");
  const std::regex definition("constexpr \\w+ (k\\w+) = ");
  for (std::sregex_iterator i(header.begin(), header.end(), definition), end; i != end; ++i) {
    if (listed.count((*i)[1]) == 0) {
      dlf_test::fail_at(__FILE__, __LINE__, "not in Annex D: " + (*i)[1].str());
    }
  }
}

TEST(annex_b_is_the_registry) {
  const std::string annex = section("Annex B");
  size_t rows = 0;
  const std::regex row("\\| (\\d+) \\| ([^|]+) \\| ([0-9a-f]{64}) \\|");
  for (std::sregex_iterator i(annex.begin(), annex.end(), row), end; i != end; ++i, ++rows) {
    const dlf::RegisteredModel* model = dlf::find_model(static_cast<uint32_t>(std::stoul((*i)[1])));
    CHECK(model != nullptr);
    CHECK_EQ((*i)[2].str(), std::string(model->name));
    CHECK_EQ((*i)[3].str(), std::string(model->sha256));
  }
  CHECK_EQ(rows, sizeof(dlf::kRegisteredModels) / sizeof(dlf::kRegisteredModels[0]));
}

TEST(every_clause_that_the_code_cites_exists) {
  const std::string text = specification();
  std::set<std::string> defined;
  const std::regex definition("(?:\\*\\*|#+ )(?:§|)((?:A\\.)?[0-9]+(?:\\.[0-9]+)*)");
  for (std::sregex_iterator i(text.begin(), text.end(), definition), end; i != end; ++i) {
    defined.insert((*i)[1]);
  }
  CHECK(defined.count("5.2.2") == 1 && defined.count("A.2.9") == 1);
  const std::regex citation("(?:§|\\b(?=A\\.[0-9]))((?:A\\.)?[0-9]+(?:\\.[0-9]+)*)");
  for (const char* folder : {"src", "include/dlf"}) {
    for (const auto& entry : std::filesystem::directory_iterator(core_folder() / folder)) {
      const std::string code = read_text(entry.path());
      for (std::sregex_iterator i(code.begin(), code.end(), citation), end; i != end; ++i) {
        if (defined.count((*i)[1]) == 0) {
          dlf_test::fail_at(__FILE__, __LINE__,
                            entry.path().filename().string() + " cites " + (*i)[1].str());
        }
      }
    }
  }
}

TEST(the_worked_example_decodes_as_annex_c_says) {
  const std::vector<uint8_t> file = hex_block("file");
  const auto model = dlf::ModelPackage::from_normative(hex_block("normative"));
  const dlf::ParsedFile parsed = dlf::parse_file(file);
  CHECK_EQ(parsed.header.width, 40u);
  CHECK_EQ(parsed.header.height, 20u);
  CHECK_EQ(parsed.header.model_id, model->id());
  const dlf::ImageGeometry geometry =
      dlf::ImageGeometry::of(model->normative(), parsed.header.width, parsed.header.height);
  const dlf::SymbolSet set =
      dlf::decode_payload(*model, geometry, parsed.header.rate, parsed.payload);
  CHECK(set.tokens == std::vector<int16_t>({2, 1}));
  CHECK(set.symbols.data == std::vector<int16_t>({1, -6, 1, 0, 1, 1, 1, -4}));
  CHECK(set.latent == std::vector<int32_t>({60, -60, 28, 16, 102, 340, 220, -44}));
  CHECK_EQ(set.final_state, 0x00800143u);
}

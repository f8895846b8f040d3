// BITSTREAM.md and the code say the same.

#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/constants.h"
#include "container/bitstream.h"
#include "entropy/symbol_codec.h"
#include "model/model_registry.h"
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

// The cells of all lines that are rows of tables.
std::vector<std::vector<std::string>> table_rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("| ", 0) != 0) {
      continue;
    }
    std::vector<std::string> cells;
    for (size_t begin = 2, end; (end = line.find(" |", begin)) != std::string::npos;) {
      cells.push_back(line.substr(begin, end - begin));
      begin = end + 3;
      if (begin > line.size()) {
        break;
      }
    }
    rows.push_back(cells);
  }
  return rows;
}

// All clause numbers that `text` names: those after a section sign, and A.1, A.2.9 ... of Annex A.
std::vector<std::string> cited(const std::string& text) {
  const std::string sign = "§";
  std::vector<std::string> clauses;
  for (size_t i = 0; i < text.size(); ++i) {
    size_t end = i;
    if (text.compare(i, sign.size(), sign) == 0) {
      i = end = i + sign.size();
    } else if (text.compare(i, 2, "A.") == 0 && (i == 0 || std::isalnum(text[i - 1]) == 0)) {
      end = i + 2;
    } else {
      continue;
    }
    const size_t digits = end;
    while (end < text.size() && (std::isdigit(text[end]) != 0 || text[end] == '.')) {
      ++end;
    }
    while (end > digits && text[end - 1] == '.') {
      --end;
    }
    if (end > digits) {
      clauses.push_back(text.substr(i, end - i));
    }
  }
  return clauses;
}

std::map<std::string, uint64_t> all_constants() {
  std::map<std::string, uint64_t> values;
  const auto add = [&](const char* name, uint64_t value) { values[name] = value; };
  add("kVersion", dlf::kVersion);
  add("kFlagVersionMask", dlf::kFlagVersionMask);
  add("kFlagReduction", dlf::kFlagReduction);
  add("kFlagMap", dlf::kFlagMap);
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
  add("kPictureColorSpaceShift", dlf::kPictureColorSpaceShift);
  add("kReductionFactorMask", dlf::kReductionFactorMask);
  add("kReductionSideMask", dlf::kReductionSideMask);
  add("kReductionColumnsShift", dlf::kReductionColumnsShift);
  add("kReductionRowsShift", dlf::kReductionRowsShift);
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
  add("kMapScaleBits", dlf::kMapScaleBits);
  add("kMapContexts", dlf::kMapContexts);
  add("kMapFlatContext", dlf::kMapFlatContext);
  add("kMapSizes", dlf::kMapSizes);
  add("kMapFlatZeros", dlf::kMapFlatZeros);
  add("kMapChangeZeros", dlf::kMapChangeZeros);
  add("kMapAdded", dlf::kMapAdded);
  add("kMapMost", dlf::kMapMost);
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
  add("kLayerDepthwise", dlf::kLayerDepthwise);
  add("kLayerEdgePadding", dlf::kLayerEdgePadding);
  add("kMaxFactor", dlf::kMaxFactor);
  add("kMaxLatentShift", dlf::kMaxLatentShift);
  add("kMaxNoiseCells", dlf::kMaxNoiseCells);
  add("kMaxProductShift", dlf::kMaxProductShift);
  add("kMaxReduced", dlf::kMaxReduced);
  add("kMaxSampleBits", dlf::kMaxSampleBits);
  add("kNoiseBytesMean", dlf::kNoiseBytesMean);
  add("kNoiseCell", dlf::kNoiseCell);
  add("kNoiseMix1", dlf::kNoiseMix1);
  add("kNoiseMix2", dlf::kNoiseMix2);
  add("kNoiseX", dlf::kNoiseX);
  add("kNoiseY", dlf::kNoiseY);
  add("kPackageFormatOld", dlf::kPackageFormatOld);
  add("kPackageInteger", dlf::kPackageInteger);
  add("kPackageRateMaps", dlf::kPackageRateMaps);
  add("kSampleOffset", dlf::kSampleOffset);
  add("kSampleScale", dlf::kSampleScale);
  add("kSynthesisChannels", dlf::kSynthesisChannels);
  add("kMaxTile", dlf::kMaxTile);
  add("kMaxWholeLimit", dlf::kMaxWholeLimit);
  add("kDerivedIdBase", dlf::kDerivedIdBase);
  return values;
}

}  // namespace

TEST(annex_d_lists_every_constant_with_its_value) {
  const std::map<std::string, uint64_t> constants = all_constants();
  std::set<std::string> listed;
  for (const std::vector<std::string>& row : table_rows(section("Annex D"))) {
    if (row[0][0] == 'k') {
      CHECK_EQ(constants.count(row[0]), size_t{1});
      CHECK_EQ(std::stoull(row[1]), constants.at(row[0]));
      listed.insert(row[0]);
    }
  }
  // And nothing in the header is missing in the annex.
  std::istringstream header(read_text(core_folder() / "src/base/constants.h"));
  size_t scalars = 0;
  for (std::string keyword, type, name; header >> keyword;) {
    if (keyword == "constexpr" && header >> type >> name && name.find('[') == std::string::npos) {
      ++scalars;
      if (listed.count(name) == 0) {
        dlf_test::fail_at(__FILE__, __LINE__, "not in Annex D: " + name);
      }
    }
  }
  CHECK_EQ(scalars, listed.size());
}

TEST(annex_b_is_the_registry) {
  size_t found = 0;
  for (const std::vector<std::string>& row : table_rows(section("Annex B"))) {
    if (row.size() == 3 && row[2].size() == 64) {
      const dlf::RegisteredModel* model =
          dlf::find_model(static_cast<uint32_t>(std::stoul(row[0])));
      CHECK(model != nullptr);
      CHECK_EQ(row[1], std::string(model->name));
      CHECK_EQ(row[2], std::string(model->sha256));
      ++found;
    }
  }
  CHECK_EQ(found, sizeof(dlf::kRegisteredModels) / sizeof(dlf::kRegisteredModels[0]));
}

TEST(every_clause_that_the_code_cites_exists) {
  std::set<std::string> defined;
  std::istringstream lines(specification());
  for (std::string line; std::getline(lines, line);) {
    const size_t start = line.find_first_not_of("#*- ");
    if (start != std::string::npos && start > 0) {
      const std::vector<std::string> clauses = cited(line.substr(start));
      const bool leads = line.compare(start, 2, "§") == 0 || line.compare(start, 2, "A.") == 0;
      if (leads && !clauses.empty()) {
        defined.insert(clauses[0]);
      }
    }
  }
  for (const char* clause : {"1.3", "5.2.2", "8.3.1", "A.1.3", "A.2.9"}) {
    CHECK_EQ(defined.count(clause), size_t{1});
  }
  for (const char* folder : {"src", "include/dlf", "tests", "fuzz"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(core_folder() / folder)) {
      if (!entry.is_regular_file()) continue;
      for (const std::string& clause : cited(read_text(entry.path()))) {
        if (defined.count(clause) == 0) {
          dlf_test::fail_at(__FILE__, __LINE__,
                            entry.path().filename().string() + " cites " + clause);
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

TEST(the_worked_example_of_a_reduced_picture_is_the_same_but_for_its_size) {
  const std::vector<uint8_t> whole = hex_block("file"), reduced = hex_block("reduced");
  const dlf::ParsedFile parsed = dlf::parse_file(reduced), as_it_was = dlf::parse_file(whole);
  CHECK_EQ(reduced.size(), whole.size() + 1);
  CHECK_EQ(parsed.header.width, 40u);
  CHECK_EQ(parsed.header.height, 20u);
  CHECK_EQ(parsed.header.reduction.display_width(40), 79u);
  CHECK_EQ(parsed.header.reduction.display_height(20), 39u);
  CHECK(parsed.payload.copy() == as_it_was.payload.copy());
}

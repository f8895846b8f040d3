// Every number that BITSTREAM.md fixes. The document's tables are tested against this header.
#ifndef DLF_SRC_BASE_CONSTANTS_H_
#define DLF_SRC_BASE_CONSTANTS_H_

#include <cstddef>
#include <cstdint>

namespace dlf {

// Header (§2).
constexpr uint8_t kSignature[4] = {0xC4, 0x4C, 0x46, 0x0A};
constexpr uint8_t kVersion = 1;
constexpr uint8_t kFlagVersionMask = 0x07;
constexpr uint8_t kFlagReduction = 0x08;
constexpr uint8_t kFlagMap = 0x10;
constexpr uint8_t kFlagChunks = 0x20;
constexpr uint8_t kFlagCrc = 0x40;
constexpr uint8_t kFlagPicture = 0x80;
constexpr uint32_t kMaxSide = 1u << 24;
constexpr size_t kMaxVarintBytes = 5;
constexpr uint8_t kCrc8Polynomial = 0x07;
constexpr uint8_t kCrc8Init = 0xFF;
constexpr uint32_t kCrc32cPolynomial = 0x82F63B78u;  // reflected
// Signature, flags, model id, two sides, rate, picture description, payload length, reduction,
// CRC-8.
constexpr size_t kMaxHeaderBytes = 4 + 1 + 5 + 4 + 4 + 1 + 1 + 5 + 1 + 1;
constexpr size_t kTrailerBytes = 4;

// Picture description (§2.6).
constexpr uint8_t kPictureOrientationMask = 0x07;
constexpr uint8_t kPictureGrayscale = 0x08;
constexpr uint8_t kPictureAlphaShift = 4;
constexpr uint8_t kPictureColorSpaceShift = 6;

// Reduction (§2.7).
constexpr uint8_t kReductionFactorMask = 0x03;
constexpr uint8_t kReductionSideMask = 0x07;
constexpr uint8_t kReductionColumnsShift = 2;
constexpr uint8_t kReductionRowsShift = 5;

// Grayscale output (§2.6.3): (R*19595 + G*38470 + B*7471 + 32768) >> 16.
constexpr uint32_t kLumaRed = 19595;
constexpr uint32_t kLumaGreen = 38470;
constexpr uint32_t kLumaBlue = 7471;
constexpr uint32_t kLumaRound = 32768;
constexpr uint32_t kLumaShift = 16;

// Chunks (§3).
constexpr uint32_t kTagCritical = 1;
constexpr uint32_t kTagSafeToCopy = 2;
constexpr uint32_t kTagDeflated = 4;
constexpr uint32_t kTagTypeShift = 3;
constexpr uint32_t kChunkAlpha = 1;
constexpr uint32_t kChunkIcc = 2;
constexpr uint32_t kChunkExif = 3;
constexpr uint32_t kChunkXmp = 4;
constexpr uint32_t kChunkFirstPrivate = 16;
constexpr uint8_t kAlphaMethodUpFilter = 0;
constexpr uint32_t kMaxChunks = 1024;

// Entropy coder (§5).
constexpr uint32_t kRansLow = 1u << 23;
constexpr uint32_t kRansHigh = 1u << 31;
constexpr int kFrequencyBits = 16;
constexpr uint32_t kFrequencyTotal = 1u << kFrequencyBits;
constexpr size_t kRansStateBytes = 4;
constexpr int kEscapeMaxPrefix = 17;
constexpr uint32_t kCheckFactor = 0x9E3779B1u;
constexpr int kCheckShift = 16;

// Latents (§7).
constexpr uint32_t kMapScaleBits = 2;
constexpr int kMapContexts = 27;
constexpr int kMapFlatContext = 13;  // all neighbours are equal
constexpr int kMapSizes = 4;
constexpr uint32_t kMapFlatZeros = 30;   // the first count of that context's model
constexpr uint32_t kMapChangeZeros = 3;  // and of the others'
constexpr uint32_t kMapAdded = 2;        // to the count of what was coded
constexpr uint32_t kMapMost = 255;       // both counts together
constexpr int kQuarters = 4;
constexpr int kQuarterXor[kQuarters] = {0, 3, 2, 1};
constexpr int kTokenInputScale = 64;

// Integer network (§8).
constexpr int kMaxShift = 46;
constexpr int kLeakyBits = 15;
constexpr int kLeakyRound = 1 << (kLeakyBits - 1);
constexpr int kMaxFactor = 64;        // of DEPTH_TO_SPACE and SPACE_TO_DEPTH
constexpr int kMaxProductShift = 30;  // of PRODUCT
constexpr uint32_t kMaxOp = 9;

// From integers to samples (§9).
constexpr int kNoiseBytesMean = 510;  // four bytes of a hash have this sum on average
constexpr uint32_t kNoiseX = 0x9E3779B1u;
constexpr uint32_t kNoiseY = 0x85EBCA77u;
constexpr uint32_t kNoiseCell = 0xC2B2AE3Du;
constexpr uint32_t kNoiseMix1 = 0x2C1B3C6Du;
constexpr uint32_t kNoiseMix2 = 0x297A2D39u;
constexpr int kSampleScale = 16;  // the encoder's programs read 16 * sample - 2040
constexpr int kSampleOffset = 2040;

// Model package (Annex A): format limits.
constexpr uint16_t kPackageFormat = 2;
constexpr uint16_t kPackageFormatOld = 1;
constexpr uint16_t kPackageInteger = 1;   // flag: the synthesis of A.2.11
constexpr uint16_t kPackageRateMaps = 2;  // flag: importance maps
constexpr uint8_t kLayerDepthwise = 1;
constexpr uint8_t kLayerEdgePadding = 2;
constexpr uint32_t kMaxLatentShift = 30;
constexpr uint32_t kMaxSampleBits = 7;
constexpr uint32_t kMaxNoiseCells = 6;  // cells of 1 to 32 pixels
constexpr uint32_t kSynthesisChannels = 3;
constexpr uint32_t kMaxReduced = 3;  // 1/2, 1/4, 1/8
constexpr uint32_t kMaxWindow = 1024;
constexpr uint32_t kMaxTokensPerWindow = 1024;
constexpr uint32_t kMaxDigits = 8;
constexpr uint32_t kMaxLevels = 4096;
constexpr uint32_t kMaxTokenMap = 1u << 24;
constexpr uint32_t kMaxTables = 65535;
constexpr uint32_t kMaxLatentChannels = 1024;
constexpr uint32_t kMaxFractionBits = 14;
constexpr uint32_t kMaxScaleTables = 256;
constexpr uint32_t kMaxLayers = 1024;
constexpr uint32_t kMaxLayerChannels = 4096;
constexpr uint32_t kMaxRegisters = 1024;
constexpr uint32_t kMaxInstructions = 4096;
constexpr uint32_t kMaxSources = 16;
constexpr uint32_t kMaxTile = 1024;
constexpr uint32_t kMaxWholeLimit = 1u << 20;
constexpr uint32_t kDerivedIdBase = 1u << 27;

}  // namespace dlf

#endif  // DLF_SRC_BASE_CONSTANTS_H_

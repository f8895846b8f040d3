#include "model/model_package.h"

#include <memory>
#include <utility>

#include "container/zip_archive.h"
#include "machine/pack.h"
#include "model/model_registry.h"
#include "model/package_file.h"

namespace dlf {
namespace {

constexpr char kNormativeMember[] = "extra/normative.bin";
constexpr char kJsonMember[] = "extra/model.json";
constexpr char kReducedMember[] = "extra/reduced.bin";
constexpr char kEncoderMember[] = "extra/encoder.bin";
constexpr uint64_t kMaxNormativeBytes = uint64_t{1} << 30;
constexpr uint64_t kMaxJsonBytes = uint64_t{1} << 24;

// A.1.3
Digest network_digest(const ZipArchive& archive) {
  Sha256 hash;
  for (const ZipArchive::Member& member : archive.members()) {
    if (member.name == kNormativeMember) {
      continue;
    }
    ByteWriter head;
    head.u32(static_cast<uint32_t>(member.name.size()));
    head.bytes(ByteView(reinterpret_cast<const uint8_t*>(member.name.data()), member.name.size()));
    head.u32(static_cast<uint32_t>(member.size & 0xFFFFFFFFu));
    head.u32(static_cast<uint32_t>(member.size >> 32));
    hash.update(head.view());
    archive.read(member, [&](ByteView piece) { hash.update(piece); });
  }
  return hash.finish();
}

// A.1.4
std::optional<ReducedMacs> read_reduced_macs(const ZipArchive& archive) {
  const ZipArchive::Member* member = archive.find(kReducedMember);
  if (member == nullptr) return {};
  if (member->size != 3 * sizeof(uint32_t)) {
    fail(DLF_MODEL_ERROR, std::string("not a model package: ") + kReducedMember + " is malformed");
  }
  std::vector<uint8_t> room;
  ByteReader reader(archive.read(*member, &room));
  ReducedMacs macs;
  macs.half = reader.u32();
  macs.quarter = reader.u32();
  macs.eighth = reader.u32();
  return macs;
}

// A.3
std::optional<EncoderPart> read_encoder(const ZipArchive& archive, const NormativePart& model) {
  const ZipArchive::Member* member = archive.find(kEncoderMember);
  if (member == nullptr || !model.synthesis) return {};
  if (member->size > kMaxNormativeBytes) {
    fail(DLF_MODEL_ERROR, "not a model package: its encoder part is too large");
  }
  std::vector<uint8_t> room;
  return parse_encoder(archive.read(*member, &room), model);
}

size_t bytes_of(const std::vector<ConvLayer>& layers) {
  size_t total = 0;
  for (const ConvLayer& layer : layers) {
    total += sizeof(layer) + layer.weights.size() + 2 * layer.packed.size() +
             9 * layer.bias.size() + sizeof(ChannelScale) * layer.scales.size();
  }
  return total;
}

size_t bytes_of(const FrequencyTable& table) {
  return sizeof(table) + table.cumulative.size() * sizeof(uint32_t);
}

size_t bytes_of(const NormativePart& part) {
  size_t total = sizeof(part) + 2 * (part.token_map.size() + part.thresholds.size());
  for (const FrequencyTable& table : part.token_tables) {
    total += bytes_of(table);
  }
  for (const FrequencyTable& table : part.scale_tables) {
    total += bytes_of(table);
  }
  for (const std::vector<int16_t>& vector : part.rate_vectors) {
    total += sizeof(vector) + 2 * vector.size();
  }
  total += bytes_of(part.layers);
  return total;
}

}  // namespace

void ModelPackage::set_normative(ByteView bytes) {
  normative_ = parse_normative(bytes);
  sha256_ = dlf::sha256(bytes);
  const RegisteredModel* registered = find_model(sha256_);
  id_ = registered != nullptr ? registered->id : derived_model_id(sha256_);
  name_ = registered != nullptr ? registered->name : "";
  memory_bytes_ = bytes_of(normative_) + model_json_.size();
}

std::shared_ptr<ModelPackage> ModelPackage::open(ByteView bytes, const std::string& name) {
  try {
    const std::shared_ptr<ModelPackage> package(new ModelPackage());
    if (is_normative(bytes)) {  // A.1.2: the decoding half alone
      package->set_normative(bytes);
      return package;
    }
    const ZipArchive archive(bytes);
    const ZipArchive::Member* normative = archive.find(kNormativeMember);
    if (normative == nullptr || normative->size > kMaxNormativeBytes) {
      fail(DLF_MODEL_ERROR, "not a model package: it has no normative part");
    }
    std::vector<uint8_t> room;
    const ByteView part = archive.read(*normative, &room);
    const ZipArchive::Member* json = archive.find(kJsonMember);
    if (json != nullptr && json->size <= kMaxJsonBytes) {
      std::vector<uint8_t> unpacked;
      const ByteView text = archive.read(*json, &unpacked);
      package->model_json_.assign(text.data(), text.data() + text.size());
    }
    package->set_normative(part);
    package->reduced_macs_ = read_reduced_macs(archive);
    if (network_digest(archive) != package->normative_.network_digest) {
      fail(DLF_MODEL_ERROR, "altered model package: its networks do not match its digest");
    }
    package->encoder_ = read_encoder(archive, package->normative_);
    // Once as the package has them, once as encoder_layers() gives them: two bytes for each weight.
    if (package->encoder_) package->memory_bytes_ += 3 * bytes_of(package->encoder_->layers);
    return package;
  } catch (const Error& error) {
    throw Error(error.status(), name + ": " + error.what(), error.offset());
  }
}

const std::vector<ConvLayer>& ModelPackage::encoder_layers() const {
  return encoder_layers_.get([&] { return packed_copies(encoder_->layers); });
}

std::shared_ptr<const ModelPackage> ModelPackage::from_archive(ByteView bytes,
                                                               const std::string& name) {
  return open(bytes, name);
}

std::shared_ptr<const ModelPackage> ModelPackage::load(const std::string& path,
                                                       std::vector<uint8_t>* archive) {
  std::vector<uint8_t> bytes = read_package_file(path);
  const std::shared_ptr<ModelPackage> package = open(bytes, path);
  package->path_ = path;
  if (archive != nullptr) {
    *archive = std::move(bytes);
  }
  return package;
}

std::shared_ptr<const ModelPackage> ModelPackage::from_normative(ByteView normative,
                                                                 const std::string& model_json) {
  const std::shared_ptr<ModelPackage> package(new ModelPackage());
  package->model_json_ = model_json;
  package->set_normative(normative);
  return package;
}

}  // namespace dlf

// A model package file (.dlfm): a zip archive whose members are checked before anything of it is
// used, or its normative part alone, which decodes (A.1.2).
//
// Thread safety: after load a ModelPackage never changes but for what it makes on demand; share it
// between threads freely.
#ifndef DLF_SRC_MODEL_MODEL_PACKAGE_H_
#define DLF_SRC_MODEL_MODEL_PACKAGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/on_demand.h"
#include "model/encoder_part.h"
#include "model/normative.h"

namespace dlf {

// Multiply-accumulates per pixel of the whole picture when it is synthesised at a part of its size
// (A.1.4).
struct ReducedMacs {
  uint32_t half = 0, quarter = 0, eighth = 0;

  uint32_t at(int downscale) const {
    return downscale == 2 ? half : downscale == 4 ? quarter : eighth;
  }
};

class ModelPackage {
 public:
  // Reads the file, parses the normative part and verifies the network digest over all other
  // members. `archive`, when given, receives the verified bytes of the whole file. So the networks
  // can be loaded from what was checked, and not from a path that may have changed. Throws
  // DLF_MODEL_ERROR ("altered model package", "not a model package", missing file ...).
  static std::shared_ptr<const ModelPackage> load(const std::string& path,
                                                  std::vector<uint8_t>* archive = nullptr);
  // The same from the bytes of a file; `name` is used in messages.
  static std::shared_ptr<const ModelPackage> from_archive(ByteView archive,
                                                          const std::string& name);
  // A package without networks: entropy coding only (tests, fuzzing, conformance tools).
  static std::shared_ptr<const ModelPackage> from_normative(ByteView normative,
                                                            const std::string& model_json = "{}");

  const NormativePart& normative() const { return normative_; }
  const Digest& sha256() const { return sha256_; }  // of normative.bin
  std::string sha256_hex() const { return to_hex(sha256_); }
  uint32_t id() const { return id_; }  // registered, else derived (Annex B)
  const std::string& registered_name() const {
    return name_;
  }  // "" when the hash is not registered
  // Empty when the package's networks know only the whole size.
  const std::optional<ReducedMacs>& reduced_macs() const { return reduced_macs_; }
  // The encoder's networks of an integer package; empty when it only decodes.
  const std::optional<EncoderPart>& encoder() const { return encoder_; }
  // Its layers as the machine runs them. They are packed when they are first asked for, because
  // most processes only decode; whoever asks may meet a lack of memory. Needs encoder().
  const std::vector<ConvLayer>& encoder_layers() const;
  const std::string& model_json() const { return model_json_; }
  const std::string& path() const { return path_; }  // "" when loaded from memory
  // Bytes held by tables, weights and texts: a bound for memory estimates.
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  ModelPackage() = default;
  static std::shared_ptr<ModelPackage> open(ByteView archive, const std::string& name);
  void set_normative(ByteView bytes);

  NormativePart normative_;
  std::optional<ReducedMacs> reduced_macs_;
  std::optional<EncoderPart> encoder_;
  OnDemand<std::vector<ConvLayer>> encoder_layers_;
  Digest sha256_{};
  uint32_t id_ = 0;
  size_t memory_bytes_ = 0;
  std::string name_, model_json_, path_;
};

}  // namespace dlf

#endif  // DLF_SRC_MODEL_MODEL_PACKAGE_H_

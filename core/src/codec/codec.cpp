// The calls of codec.h. Each copies what it is given and works apart from the caller's thread
// (apart.h); its functions are run there. An Encoder and a Decoder do the work.
#include "codec/codec.h"

#include <memory>
#include <utility>

#include "base/apart.h"
#include "codec/decoder.h"
#include "codec/encoder.h"

namespace dlf {
namespace {

// The caller's function, to be called from the thread of the work.
Progress through(Caller& caller, const Progress& progress) {
  if (!progress) return {};
  return [&caller, &progress](uint32_t done, uint32_t total) {
    bool goes_on = true;
    caller.run([&] { goes_on = progress(done, total); });
    return goes_on;
  };
}

}  // namespace

Codec::Codec(std::shared_ptr<const ModelPackage> model, Networks networks, int threads)
    : engine_(std::move(model), std::move(networks), threads) {}

std::vector<uint8_t> Codec::encode(const ConstPixels& pixels, const EncodeOptions& options) const {
  const std::vector<EncodeItem> alone{EncodeItem{pixels, &options}};
  return std::move(encode_batch(alone, options.progress).front());
}

std::vector<std::vector<uint8_t>> Codec::encode_batch(const std::vector<EncodeItem>& items,
                                                      const Progress& progress) const {
  struct Call {
    std::vector<EncodeOptions> options;
    std::vector<EncodeItem> items;
    std::vector<std::vector<uint8_t>> files;
  };
  const auto call = std::make_shared<Call>();
  for (const EncodeItem& item : items) call->options.push_back(*item.options);
  for (size_t i = 0; i < items.size(); ++i) {
    call->items.push_back({items[i].pixels, &call->options[i]});
  }
  run_apart([this, call, &progress](Caller& caller) {
    call->files = Encoder(engine_).encode(call->items, through(caller, progress));
  });
  return std::move(call->files);
}

std::vector<uint8_t> Codec::encode_to_size(const ConstPixels& pixels, uint64_t max_bytes,
                                           const EncodeOptions& options) const {
  struct Call {
    EncodeOptions options;
    std::vector<uint8_t> file;
  };
  const auto call = std::make_shared<Call>(Call{options, {}});
  run_apart([this, call, pixels, max_bytes, &progress = options.progress](Caller& caller) {
    call->options.progress = through(caller, progress);
    call->file = Encoder(engine_).encode_to_size(pixels, max_bytes, call->options);
  });
  return std::move(call->file);
}

DecodedPicture Codec::decode(const FileView& file, const DecodeOptions& options,
                             const Allocate& allocate) const {
  const auto give = [&](size_t, const DecodedPicture&, size_t bytes) { return allocate(bytes); };
  const std::vector<FileView> alone{file};
  return std::move(decode_batch(alone, options, give).front());
}

std::vector<DecodedPicture> Codec::decode_batch(const std::vector<FileView>& files,
                                                const DecodeOptions& options,
                                                const AllocateEach& allocate) const {
  struct Call {
    std::vector<FileView> files;
    DecodeOptions options;
    std::vector<DecodedPicture> pictures;
  };
  const auto call = std::make_shared<Call>(Call{files, options, {}});
  run_apart([this, call, &allocate, &progress = options.progress](Caller& caller) {
    call->options.progress = through(caller, progress);
    const AllocateEach give = [&](size_t index, const DecodedPicture& picture, size_t bytes) {
      uint8_t* memory = nullptr;
      caller.run([&] { memory = allocate(index, picture, bytes); });
      return memory;
    };
    call->pictures = Decoder(engine_).decode(call->files, call->options, give);
  });
  return std::move(call->pictures);
}

}  // namespace dlf

#include "codec/push_input.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/constants.h"

namespace dlf {

PushInput::PushInput(std::shared_ptr<const ModelPackage> model, const ReadOptions& options,
                     const Memory& memory)
    : model_(std::move(model)), options_(options), store_(memory) {
  options_.for_pixels = true;  // what most callers want next
}

// After a failure nothing but the failure can be had.
template <typename Action>
void PushInput::run(const Action& action) {
  if (failure_) throw *failure_;
  if (broken_) throw std::bad_alloc();
  broken_ = true;
  try {
    action();
  } catch (const Error& error) {
    failure_ = error;
    throw;
  }
  broken_ = false;
}

void PushInput::push(ByteView piece) {
  if (finished_) fail(DLF_INVALID_ARGUMENT, "bytes after the end of the input");
  run([&] {
    while (!piece.empty()) {
      // Never more than the file is known to have: a stranger's bytes cost memory.
      const uint64_t least = header_ ? end_.least_bytes() : kMaxHeaderBytes;
      if (store_.size() >= least) {
        bytes_behind_ += piece.size();
        return;
      }
      const ByteView part = piece.sub(
          0, static_cast<size_t>(std::min<uint64_t>(least - store_.size(), piece.size())));
      store_.append(part);
      piece = piece.sub(part.size());
      advance();
    }
  });
}

void PushInput::set_model(std::shared_ptr<const ModelPackage> model) {
  if (model == nullptr) fail(DLF_INVALID_ARGUMENT, "there is no model");
  if (model_ != nullptr) fail(DLF_INVALID_ARGUMENT, "the input has its model already");
  if (failure_) throw *failure_;
  if (finished_) fail(DLF_INVALID_ARGUMENT, "the input is finished");
  // Judged first: a model that does not fit leaves everything as it was.
  if (header_) checked_estimate(*header_, *model, options_);
  model_ = std::move(model);
  run([&] { read_tokens(); });
}

void PushInput::finish() {
  if (finished_) return;
  run([&] {
    ReadOptions options = options_;
    options.bytes_behind = bytes_behind_;
    if (model_ != nullptr) {
      open_file(file(), *model_, options);
    } else {
      check_container(file(), options);
    }
    finished_ = true;
  });
}

void PushInput::advance() {
  if (!header_) {
    Header header;
    try {
      header = parse_header(bytes());
    } catch (const Error& error) {
      if (error.status() != DLF_TRUNCATED_FILE) throw;
      return;
    }
    check_limits(header, model_.get(), options_);
    end_.start(header, options_.limits.max_file_bytes);
    header_ = header;
  }
  end_.advance(bytes());
  read_tokens();
}

// Reads on where the bytes ended last time.
void PushInput::read_tokens() {
  if (!header_ || model_ == nullptr || semantic_ || hopeless_) return;
  hopeless_ = !fits(*header_, *model_);
  if (hopeless_) return;
  const NormativePart& model = model_->normative();
  const ByteView payload = bytes().sub(header_->header_bytes, header_->payload_length);
  if (payload.size() < kRansStateBytes) return;
  try {
    if (!entropy_) {
      const ImageGeometry geometry = ImageGeometry::of(model, header_->width, header_->height);
      hopeless_ = header_->rate >= model.rate_points;  // §5.1.3
      if (hopeless_) return;
      hopeless_ = header_->has_map && model.map_unit == 0;  // §5.6
      if (hopeless_) return;
      entropy_.emplace(payload, header_->header_bytes);
      if (header_->has_map) {
        map_.emplace(map_rates(model, header_->rate), geometry.latent_h, geometry.latent_w);
      }
      tokens_.emplace(model, geometry);
    }
    entropy_->extend(payload);
    if (map_ && map_->read(*entropy_)) map_.reset();
    semantic_ = !map_ && tokens_->read(*entropy_);
    hopeless_ = !semantic_ && payload.size() == header_->payload_length;
  } catch (const Error& error) {
    if (error.status() != DLF_INVALID_FILE) throw;
    hopeless_ = true;
  }
  if (semantic_ || hopeless_) {
    entropy_.reset();
    map_.reset();
    tokens_.reset();
  }
}

PushStage PushInput::stage() const {
  if (finished_) return PushStage::kFinished;
  if (!header_) return PushStage::kStart;
  if (end_.known() && store_.size() >= end_.least_bytes()) return PushStage::kComplete;
  return semantic_ ? PushStage::kSemantic : PushStage::kInfo;
}

uint64_t PushInput::wanted() const {
  const PushStage now = stage();
  if (now >= PushStage::kComplete) return 0;
  const bool unsure = !header_ || (model_ != nullptr && !semantic_ && !hopeless_);
  return unsure ? 1 : end_.least_bytes() - store_.size();
}

ReadOptions PushInput::reading() const {
  if (failure_) throw *failure_;
  ReadOptions options = options_;
  options.bytes_behind = bytes_behind_;
  options.allow_truncated = options_.allow_truncated || !finished_;
  return options;
}

}  // namespace dlf

// A .dlf file that arrives in pieces. It says as early as the bytes allow what can be done with it.
// In the end it is judged exactly as a file that arrived at once.
//
// Thread safety: one object belongs to one thread at a time; once finished, it may be read from
// many.
#ifndef DLF_SRC_CODEC_PUSH_INPUT_H_
#define DLF_SRC_CODEC_PUSH_INPUT_H_

#include <memory>
#include <optional>

#include "base/byte_store.h"
#include "codec/file_reader.h"
#include "container/container_end.h"
#include "entropy/importance_map.h"
#include "entropy/token_coder.h"

namespace dlf {

// In this order; a stage is never left backwards.
enum class PushStage {
  kStart = 0,     // the header is not complete
  kInfo = 1,      // the header is read and within the limits
  kSemantic = 2,  // every token is there: the best picture so far can be shown (§5.5)
  kComplete = 3,  // every byte is there, not yet judged
  kFinished = 4,  // finish() has accepted the container
};

class PushInput {
 public:
  // `model` may be null, or come later: without it kSemantic is never reached. Of `options`,
  // semantic_only and threads do not matter here; the limits are judged for `downscale`.
  PushInput(std::shared_ptr<const ModelPackage> model, const ReadOptions& options,
            const Memory& memory);

  // Takes the next bytes. Throws what is wrong with the header, its limits or the framing of the
  // chunks as soon as that is certain. What else is wrong is left to finish(). So is a wrong model,
  // because the container is judged before it (§4.4). After a failure each further call throws the
  // same again. DLF_INVALID_ARGUMENT after finish().
  void push(ByteView piece);
  // States the model, once. When the header is there, throws DLF_MODEL_ERROR for another model than
  // the file's, or what push() would have thrown with this model. The input is then as it was, and
  // another model can be tried.
  void set_model(std::shared_ptr<const ModelPackage> model);
  // No more bytes will come. Throws what open_file throws for the same bytes at once, or, without
  // a model, what parse_file does.
  void finish();

  PushStage stage() const;
  // Null while stage() is kStart.
  const Header* header() const { return header_ ? &*header_ : nullptr; }
  // The bytes of the file so far; valid until the next push(). What comes after the file's end is
  // counted and not kept.
  ByteView bytes() const { return store_.view(); }
  // The same with the header. Throws what parse_header throws while there is none.
  FileView file() const { return header_ ? FileView(bytes(), *header_) : FileView(bytes()); }
  uint64_t bytes_received() const { return store_.size() + bytes_behind_; }
  // Length of the whole file, 0 until it is known.
  uint64_t file_bytes() const { return header_ && end_.known() ? end_.least_bytes() : 0; }
  // At least so many more bytes lie between here and the next stage; 0 from kComplete on.
  uint64_t wanted() const;
  // How to read bytes(): as the constructor said, but before finish() missing bytes are allowed.
  // Throws the failure, if there was one.
  ReadOptions reading() const;
  const ModelPackage* model() const { return model_.get(); }

 private:
  template <typename Action>
  void run(const Action& action);
  void advance();
  void read_tokens();

  std::shared_ptr<const ModelPackage> model_;
  ReadOptions options_;
  ByteStore store_;
  std::optional<Header> header_;
  ContainerEnd end_;
  std::optional<RansDecoder> entropy_;
  std::optional<MapReader> map_;  // while it is read
  std::optional<TokenReader> tokens_;
  bool semantic_ = false;
  bool hopeless_ = false;  // no tokens can be had; finish() or the caller will find out why
  bool finished_ = false;
  bool broken_ = false;  // a call ended by an exception that is no Error
  std::optional<Error> failure_;
  uint64_t bytes_behind_ = 0;
};

}  // namespace dlf

#endif  // DLF_SRC_CODEC_PUSH_INPUT_H_

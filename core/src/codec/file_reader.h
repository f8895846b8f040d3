// From a file whose header has been read to its symbols, in the order of §4.4: container, model,
// payload.
// Limits come as soon as what they judge is known, which keeps a hostile file cheap. Needs no
// transform.
//
// Thread safety: pure functions; a ModelPackage may be shared by concurrent calls.
#ifndef DLF_SRC_CODEC_FILE_READER_H_
#define DLF_SRC_CODEC_FILE_READER_H_

#include <vector>

#include "codec/budget.h"
#include "container/bitstream.h"
#include "entropy/symbol_codec.h"
#include "model/model_package.h"

namespace dlf {

struct ReadOptions {
  Limits limits;
  bool allow_truncated = false;  // what is there instead of DLF_TRUNCATED_FILE
  bool semantic_only = false;    // every detail symbol as its prediction
  bool for_pixels = false;       // only what the networks read is kept (PayloadOptions)
  int downscale = 1;             // of the picture that is wanted: 1, 2, 4 or 8
  int threads = 1;
  uint64_t bytes_behind = 0;                         // see ParseOptions
  const ProgramRunner* runner = &integer_machine();  // that will draw, where programs do
};

struct OpenedFile {
  ImageGeometry geometry;
  Estimate estimate;
  ParsedFile file;  // borrows its payload from the input
};

// Whether the header asks for this package (§5.1.3).
bool fits(const Header& header, const ModelPackage& model);

// Throws DLF_MODEL_ERROR, naming both models, unless it does.
void check_model(const Header& header, const ModelPackage& model);

// The limits on the picture's size alone, which need no model. Throws DLF_LIMIT_EXCEEDED.
void check_size(const Header& header, const Limits& limits);

// The estimate for decoding the picture behind this header; also checks it against the limits.
// Throws DLF_LIMIT_EXCEEDED, DLF_MODEL_ERROR. Allocates nothing.
Estimate checked_estimate(const Header& header, const ModelPackage& model,
                          const ReadOptions& options);

// The limits that can be judged before the container: those of the size and, with the file's own
// model, those of checked_estimate, whose result is returned. Another model is not judged here
// (§4.4). `model` may be null. Throws DLF_LIMIT_EXCEEDED.
Estimate check_limits(const Header& header, const ModelPackage* model, const ReadOptions& options);

// What parse_file needs to know of the options.
ParseOptions parse_options(const ReadOptions& options);

// What can be judged without a model: size, container.
ParsedFile check_container(const FileView& file, const ReadOptions& options);

// Limits, container, model. No more is allocated than the limits allow.
OpenedFile open_file(const FileView& file, const ModelPackage& model, const ReadOptions& options);

// Payload -> symbols and latents, integers only.
SymbolSet read_symbols(const OpenedFile& opened, const ModelPackage& model,
                       const ReadOptions& options);

// Everything that can be checked without synthesis: container, checksums, chunks, the payload to
// its final coder state, and the alpha plane. Returns the chunks with their contents, which it had
// to read. Throws what is wrong.
std::vector<Chunk> verify_file(const FileView& file, const ModelPackage& model,
                               const ReadOptions& options);

}  // namespace dlf

#endif  // DLF_SRC_CODEC_FILE_READER_H_

// What the opaque handles of dlf.h hold; only libdlf looks into them.
#ifndef DLF_SRC_API_C_API_HANDLES_H_
#define DLF_SRC_API_C_API_HANDLES_H_

#include <memory>
#include <vector>

#include "api/c_api_log.h"
#include "codec/push_input.h"
#include "container/chunks.h"
#include "entropy/symbol_codec.h"
#include "model/model_package.h"

// Holds a pointer of its own, so that a codec can give out one without a second package.
struct dlf_package {
  std::shared_ptr<const dlf::ModelPackage> model;
};

struct dlf_chunks {
  std::vector<dlf::Chunk> chunks;
};

struct dlf_symbols {
  dlf::SymbolSet set;
  uint32_t tokens_stride = 0;
};

struct dlf_decoder {
  dlf::c_api::Log log;
  dlf::PushInput input;
};

#endif  // DLF_SRC_API_C_API_HANDLES_H_

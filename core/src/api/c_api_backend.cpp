#include "api/c_api_backend.h"

#include <cstring>
#include <string>

#include "api/c_api_common.h"

#if defined(__unix__) || defined(__APPLE__)
#include <dlfcn.h>
#endif

#ifdef __APPLE__
#define DLF_TORCH_LIBRARY \
  "libdlf_torch." DLF_TEXT(DLF_VERSION_MAJOR) "." DLF_TEXT(DLF_VERSION_MINOR) ".dylib"
#else
#define DLF_TORCH_LIBRARY \
  "libdlf_torch.so." DLF_TEXT(DLF_VERSION_MAJOR) "." DLF_TEXT(DLF_VERSION_MINOR)
#pragma weak dlf_torch_backend
#endif

namespace dlf::c_api {
namespace {

#if defined(__unix__) || defined(__APPLE__)
using Entry = const dlf_backend* (*)();

Entry entry_of(void* symbol) {
  Entry entry = nullptr;
  std::memcpy(&entry, &symbol, sizeof entry);  // as POSIX means it
  return entry;
}

// Null unless the program is linked to libdlf_torch.
Entry linked() {
#ifdef __APPLE__  // whose linker takes no weak symbol that nothing defines
  return entry_of(dlsym(RTLD_DEFAULT, "dlf_torch_backend"));
#else
  return dlf_torch_backend;
#endif
}

// Beside libdlf, or where the system looks; never unloaded. Throws what the system says.
Entry load_library(const ModelPackage& model) {
  const std::string name = DLF_TORCH_LIBRARY;
  void* const library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* const symbol = library == nullptr ? nullptr : dlsym(library, "dlf_torch_backend");
  if (symbol == nullptr) {
    const char* reason = dlerror();
    const char* what =
        model.normative().synthesis ? "backend \"torch\" needs" : "its TorchScript networks need";
    fail(DLF_MODEL_ERROR,
         model.path() + ": " + what + " libdlf_torch: " + (reason != nullptr ? reason : name));
  }
  return entry_of(symbol);
}
#endif

}  // namespace

TorchBackend torch_backend(const ModelPackage& model) {
#if defined(__unix__) || defined(__APPLE__)
  const Entry found = linked();
  const dlf_backend& backend = found != nullptr ? *found() : *load_library(model)();
  if (std::strcmp(dlf_version(), backend.version) != 0) {
    fail(DLF_INTERNAL, std::string("libdlf ") + dlf_version() + " and libdlf_torch " +
                           backend.version + " do not belong together");
  }
  return backend.functions;
#else
  fail(DLF_MODEL_ERROR, model.path() + ": this build of libdlf has no torch backend");
#endif
}

}  // namespace dlf::c_api

#include "zip_archive.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "miniz_config.h"

// After its configuration.
#include "../third_party/miniz/miniz.h"

namespace dlf {
namespace {

// No deflate stream grows by more than this.
constexpr uint64_t kMaxExpansion = 1032;

// What miniz may ask for beside the directory, which is a part of the archive: its state and one
// buffer for reading.
constexpr size_t kRoomForMiniz = 1 << 17;

}  // namespace

// miniz's own reader of memory adds 64-bit fields of the archive to a pointer where their sum may
// overflow, and allocates for as many members as the directory names, also when they cannot be
// there (core/fuzz/regressions/package). So it reads and allocates through functions with bounds.
struct ZipArchive::Reader {
  explicit Reader(ByteView all) : bytes(all) {
    zip.m_pRead = read;
    zip.m_pAlloc = allocate;
    zip.m_pRealloc = reallocate;
    zip.m_pFree = release;
    zip.m_pIO_opaque = zip.m_pAlloc_opaque = this;
  }
  ~Reader() { mz_zip_reader_end(&zip); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  static size_t read(void* opaque, mz_uint64 offset, void* to, size_t count) {
    const ByteView all = static_cast<Reader*>(opaque)->bytes;
    const ByteView part =
        offset < all.size() ? all.sub(static_cast<size_t>(offset), count) : ByteView();
    if (!part.empty()) std::memcpy(to, part.data(), part.size());
    return part.size();
  }

  static void* allocate(void* opaque, size_t items, size_t size) {
    return reallocate(opaque, nullptr, items, size);
  }
  static void* reallocate(void* opaque, void* memory, size_t items, size_t size) {
    auto* self = static_cast<Reader*>(opaque);
    const size_t limit = self->bytes.size() + kRoomForMiniz;
    if (items != 0 && size > limit / items) return nullptr;
    void* given = std::realloc(memory, std::max<size_t>(items * size, 1));
    self->out_of_memory = self->out_of_memory || given == nullptr;
    return given;
  }
  static void release(void*, void* memory) { std::free(memory); }

  // For results of miniz; it does not tell a damaged archive from missing memory.
  void require(bool success, const std::string& message) const {
    if (success) return;
    if (out_of_memory) throw std::bad_alloc();
    fail(DLF_MODEL_ERROR, message);
  }

  ByteView bytes;
  mz_zip_archive zip = {};
  bool out_of_memory = false;
};

ZipArchive::ZipArchive(ByteView bytes) : reader_(std::make_unique<Reader>(bytes)) {
  reader_->require(mz_zip_reader_init(&reader_->zip, bytes.size(), 0) != MZ_FALSE,
                   "not a model package");
  list(bytes.size());
}

ZipArchive::~ZipArchive() = default;

const ZipArchive::Member* ZipArchive::find(const char* name) const {
  for (const Member& member : members_) {
    if (member.name == name) {
      return &member;
    }
  }
  return nullptr;
}

std::vector<uint8_t> ZipArchive::read(const Member& member) {
  std::vector<uint8_t> bytes(static_cast<size_t>(member.size));
  if (!bytes.empty()) {
    reader_->require(mz_zip_reader_extract_to_mem(&reader_->zip, member.index, bytes.data(),
                                                  bytes.size(), 0) != MZ_FALSE,
                     "altered model package: " + member.name + " cannot be read");
  }
  return bytes;
}

void ZipArchive::list(uint64_t archive_bytes) {
  std::string root;
  mz_zip_archive* zip = &reader_->zip;
  for (mz_uint i = 0; i < mz_zip_reader_get_num_files(zip); ++i) {
    mz_zip_archive_file_stat stat = {};
    reader_->require(mz_zip_reader_file_stat(zip, i, &stat) != MZ_FALSE,
                     "altered model package: damaged directory");
    const std::string name = stat.m_filename;
    const size_t slash = name.find('/');
    if (slash == std::string::npos || (i > 0 && name.substr(0, slash) != root)) {
      fail(DLF_MODEL_ERROR, "not a model package: members outside one root directory");
    }
    root = name.substr(0, slash);
    const bool stored = stat.m_method == 0 && stat.m_uncomp_size <= archive_bytes;
    const bool deflated =
        stat.m_method == MZ_DEFLATED && stat.m_uncomp_size / kMaxExpansion <= archive_bytes;
    if (!stored && !deflated) {
      fail(DLF_MODEL_ERROR, "not a model package: " + name + " cannot be read");
    }
    members_.push_back({name.substr(slash + 1), i, stat.m_uncomp_size, stat.m_crc32});
  }
  std::sort(members_.begin(), members_.end(),
            [](const Member& a, const Member& b) { return a.name < b.name; });
  for (size_t i = 1; i < members_.size(); ++i) {
    if (members_[i].name == members_[i - 1].name) {
      fail(DLF_MODEL_ERROR, "altered model package: " + members_[i].name + " appears twice");
    }
  }
}

}  // namespace dlf

// dlf_probe: the header. Fast, so that it sees many inputs; what is accepted must be the one
// encoding of what it says.

#include <algorithm>

#include "base/constants.h"
#include "container/bitstream.h"
#include "fuzz.h"
#include "mutate.h"

using dlf_fuzz::check;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dlf_info info;
  dlf_error error;
  DLF_INIT(&info);
  DLF_INIT(&error);
  const dlf_status status = dlf_probe(data, size, &info, &error);
  dlf_fuzz::check_status(status, {DLF_OK, DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED});
  check(error.status == status, "the error repeats the status");
  if (status != DLF_OK) {
    check(info.width == 0 && info.height == 0 && info.channels == 0, "outputs are empty");
    check(error.message[0] != '\0', "an error has a text");
    check(error.offset <= size || error.offset == DLF_NO_OFFSET, "the offset is in the input");
    return 0;
  }
  check(info.width >= 1 && info.width <= dlf::kMaxSide && info.height >= 1 &&
            info.height <= dlf::kMaxSide,
        "the sides are in range");
  check(info.channels >= 1 && info.channels <= 4, "1 to 4 channels");
  check(info.header_bytes <= std::min<size_t>(size, DLF_MAX_HEADER_BYTES), "the header is inside");

  dlf::ByteWriter writer;
  dlf::write_header(writer, dlf::parse_header({data, size}));
  const std::vector<uint8_t> again = writer.take();
  const std::vector<uint8_t> given(data, data + info.header_bytes);
  check(given == again, "a header has one encoding");
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  return dlf_fuzz::mutate_header(data, size, max_size, seed);
}

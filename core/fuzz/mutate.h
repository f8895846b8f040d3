// Mutations that know the formats. Random changes of a file die at its checksums: one header in 256
// passes CRC-8, none passes CRC-32C or zlib's Adler-32. So these repair the checksums, or change
// the parsed file and write it anew. Some inputs stay damaged: the checks themselves are to be
// tested too.
#ifndef DLF_FUZZ_MUTATE_H_
#define DLF_FUZZ_MUTATE_H_

#include <cstddef>
#include <cstdint>

namespace dlf_fuzz {

// Of .dlf files, as bytes or as the parsed file.
size_t mutate_file(uint8_t* data, size_t size, size_t max_size, unsigned seed);
// Of headers: as bytes only, which is fast.
size_t mutate_header(uint8_t* data, size_t size, size_t max_size, unsigned seed);
// Of model packages: an archive, or a normative part alone.
size_t mutate_package(uint8_t* data, size_t size, size_t max_size, unsigned seed);

}  // namespace dlf_fuzz

#endif  // DLF_FUZZ_MUTATE_H_

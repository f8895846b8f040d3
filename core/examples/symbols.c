/* Decodes a .dlf file to its integers and prints a checksum of each tensor: symbols MODEL.dlfm
 * FILE.dlf
 *
 * The lines are the same on every machine. Needs libdlf only:
 * cc symbols.c $(pkg-config --cflags --libs dlf) */
#include <dlf/dlf.h>

#include "example_io.h"

/* FNV-1a over the bytes of a tensor; integers are little-endian on every machine that DLF runs on.
 */
static uint64_t checksum(const dlf_tensor* tensor) {
  const uint8_t* bytes = tensor->data;
  size_t count = tensor->bytes_per_value, i;
  uint64_t hash = 14695981039346656037u;
  for (i = 0; i < 3; ++i) count *= tensor->shape[i];
  for (i = 0; i < count; ++i) hash = (hash ^ bytes[i]) * 1099511628211u;
  return hash;
}

int main(int argc, char** argv) {
  static const char* const names[] = {"tokens", "bank",  "symbols", "scale_index", "mean",
                                      "step",   "y_hat", "latent",  "rate_index"};
  size_t size = 0;
  uint8_t* data;
  int i;
  dlf_error error;
  dlf_package* package = NULL;
  dlf_symbols* symbols = NULL;
  dlf_status status;

  if (argc != 3) {
    fprintf(stderr, "usage: symbols MODEL.dlfm FILE.dlf\n");
    return 2;
  }
  data = read_file(argv[2], &size);
  if (data == NULL) return 1;

  DLF_INIT(&error);
  status = dlf_package_open(argv[1], &package, &error);
  if (status == DLF_OK) {
    status = dlf_symbols_decode(data, size, package, NULL, &symbols, &error);
  }
  for (i = 0; status == DLF_OK && i <= DLF_TENSOR_RATE_INDEX; ++i) {
    dlf_tensor tensor;
    DLF_INIT(&tensor);
    status = dlf_symbols_get(symbols, (dlf_tensor_name)i, &tensor, &error);
    if (tensor.dimensions == 0) continue; /* no importance map */
    printf("%s %ux%ux%u %016llx\n", names[i], (unsigned)tensor.shape[0], (unsigned)tensor.shape[1],
           (unsigned)tensor.shape[2], (unsigned long long)checksum(&tensor));
  }
  if (status == DLF_OK) {
    printf("final state %lu\n", (unsigned long)dlf_symbols_final_state(symbols));
  } else {
    fprintf(stderr, "%s: %s\n", dlf_status_string(status), error.message);
  }
  dlf_symbols_free(symbols);
  dlf_package_free(package);
  free(data);
  return (int)status;
}

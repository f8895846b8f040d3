/* Whole files, read. writing.h writes them. */
#ifndef DLF_TOOLS_FILES_H_
#define DLF_TOOLS_FILES_H_

#include <stddef.h>
#include <stdint.h>

/* The name that means standard input or output. */
#define STANDARD_STREAM "-"

typedef struct bytes {
  uint8_t* data; /* from malloc */
  size_t size;
} bytes;

/* Adds to the end. Returns 0 when there is no memory. */
int bytes_append(bytes* to, const void* data, size_t size);

/* Opens a file or standard input for reading; -1 after complaining. */
int open_input(const char* path);
/* Reads the next piece; 0 at the end, -1 after complaining. */
long read_piece(int descriptor, const char* path, void* to, size_t size);

/* Reads everything; returns 0 after complaining. */
int read_whole(const char* path, bytes* content);

#endif /* DLF_TOOLS_FILES_H_ */

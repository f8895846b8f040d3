/* Writing over no file that is read, for the example programs. */
#ifndef DLF_EXAMPLE_OUTPUT_H_
#define DLF_EXAMPLE_OUTPUT_H_

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Opens an output, or returns NULL after saying why not. It may be neither the package nor the
 * input that the program reads, whatever name or link leads there. */
static FILE* open_output(const char* path, const char* package, const char* input) {
  const char* const inputs[] = {package, input};
  struct stat written, read;
  int i;
  FILE* file;
  for (i = 0; i < 2; ++i) {
    /* Windows numbers no files: all have the number 0, and only the same name is known there. */
    if (strcmp(path, inputs[i]) == 0 ||
        (stat(path, &written) == 0 && stat(inputs[i], &read) == 0 && written.st_ino != 0 &&
         written.st_dev == read.st_dev && written.st_ino == read.st_ino)) {
      fprintf(stderr, "%s would be written over by its own output\n", inputs[i]);
      return NULL;
    }
  }
  file = fopen(path, "wb");
  if (file == NULL) perror(path);
  return file;
}

#endif /* DLF_EXAMPLE_OUTPUT_H_ */

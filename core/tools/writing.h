/* Writing whole files, as python/dlf/files.py does; nothing is ever left half-written. */
#ifndef DLF_TOOLS_WRITING_H_
#define DLF_TOOLS_WRITING_H_

#include <stddef.h>

/* Whether the name is "-", or that of an open descriptor, a device or a pipe. */
int is_stream(const char* path);
/* Whether what is written there goes where printed lines go. */
int is_standard_output(const char* path);

/* Writes `data` so that the target holds either its old content or all of the new: by a temporary
 * file beside it. Links are followed, an existing file keeps its owner and its permissions. That
 * cannot be in a folder that is not writable or onto a mounted file: there the existing file is
 * written in place. So are devices and pipes. The names of open descriptors are written where the
 * descriptor stands. Returns 0 after complaining. */
int write_whole(const char* path, const void* data, size_t size);

#endif /* DLF_TOOLS_WRITING_H_ */

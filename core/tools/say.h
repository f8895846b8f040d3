/* Lines for people, on standard output or standard error. */
#ifndef DLF_TOOLS_SAY_H_
#define DLF_TOOLS_SAY_H_

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Prints as printf, always one line of valid UTF-8 and its end: line breaks and tabs become spaces,
 * other control characters and bytes that are no UTF-8 become \xNN. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void say(FILE *to, const char *format, ...);

#ifdef __cplusplus
}
#endif

#endif /* DLF_TOOLS_SAY_H_ */

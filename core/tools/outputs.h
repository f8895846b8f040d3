/* What may be written over: the rules of python/dlf/outputs.py. */
#ifndef DLF_TOOLS_OUTPUTS_H_
#define DLF_TOOLS_OUTPUTS_H_

/* Which existing files are replaced: all but pictures of other formats, none, or all. */
typedef enum overwrite { OVERWRITE_ALIKE, OVERWRITE_NONE, OVERWRITE_ANY } overwrite;

/* Judges before the work whether `path` may become a file of the format whose name ends in
 * `suffix` ("dlf", "png"): it must not be `input`, have the name of another format, or replace a
 * picture in another format. Returns 0, or an exit status after complaining. */
int judge_output(const char* path, const char* suffix, const char* input, overwrite choice);

/* Refuses an output that is this input, by device and inode, links followed; returns as above. */
int refuse_input(const char* path, const char* input);

#endif /* DLF_TOOLS_OUTPUTS_H_ */

/* The public C interface of libdlf. Compiles alone as C99. */
#ifndef DLF_DLF_H_
#define DLF_DLF_H_

#ifdef __cplusplus
extern "C" {
#endif

/* The one list of status codes: X(name, value, text). Values never change; new ones are appended. */
#define DLF_STATUS_LIST(X)                                     \
  X(DLF_OK, 0, "ok")                                           \
  X(DLF_INVALID_FILE, 1, "invalid file")                       \
  X(DLF_TRUNCATED_FILE, 2, "truncated file")                   \
  X(DLF_UNSUPPORTED, 3, "unsupported")                         \
  X(DLF_LIMIT_EXCEEDED, 4, "limit exceeded")                   \
  X(DLF_MODEL_ERROR, 5, "model package missing or wrong")      \
  X(DLF_INVALID_ARGUMENT, 6, "invalid argument")               \
  X(DLF_OUT_OF_MEMORY, 7, "out of memory")                     \
  X(DLF_CANCELLED, 8, "cancelled")                             \
  X(DLF_INTERNAL, 9, "internal error")

typedef enum dlf_status {
#define DLF_STATUS_ENUM_(name, value, text) name = value,
  DLF_STATUS_LIST(DLF_STATUS_ENUM_)
#undef DLF_STATUS_ENUM_
      DLF_STATUS_FORCE_INT_ = 0x7fffffff
} dlf_status;

#ifdef __cplusplus
}
#endif

#endif /* DLF_DLF_H_ */

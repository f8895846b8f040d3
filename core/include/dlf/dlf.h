/* The public C interface of libdlf and libdlf_torch. Compiles alone as C99.
 *
 * libdlf (-ldlf) has everything here but one function. It needs nothing but the C++ runtime, and
 * encodes and decodes with integer packages by itself. libdlf_torch holds the networks of packages
 * that were made with TorchScript. libdlf finds it when such a package is opened. Both must be of
 * the same version. docs/c-api.md shows how the functions are used together.
 *
 * Statuses. Every function that can fail returns a dlf_status. Its last argument `error` may be
 * NULL; otherwise it then describes the first thing that was wrong. Each function lists those
 * statuses that are particular to it. Every function can return these besides:
 *   DLF_INVALID_ARGUMENT  a forbidden NULL, a struct_size that is not set, an unknown enumerator
 *   DLF_OUT_OF_MEMORY     no memory
 *   DLF_INTERNAL          what should not happen
 * What to do about each stands at dlf_status.
 *
 * Outputs are defined on every return. On failure, handles are NULL, structs and buffers empty.
 *
 * Structs begin with their size, which the caller sets: DLF_INIT(&x) clears x and does that. A
 * field that is 0 or NULL has its default. Fields stand by subject. A later version of the library
 * appends fields at the end. It neither reads nor writes beyond the size that it is told. Fields
 * that the caller does not know have their defaults. dlf_buffer and dlf_allocator lie inside other
 * structs and never grow.
 *
 * Ownership. Input is borrowed for the time of the call. A handle belongs to the caller, who gives
 * it to the function that frees its kind; NULL is allowed there. What the library returns in a
 * dlf_buffer belongs to the caller too, who gives it back with dlf_buffer_free. Pointers inside
 * other results live as long as it says there.
 *
 * Threads. All functions may be called from any thread. Any number of threads may use a handle that
 * they pass as a pointer to const. A call that takes a handle without const must be alone with it.
 * The process has no state here: nothing is initialised, and no setting of libtorch (threads,
 * default device, random state) is different after a call. A call works on threads of its own; the
 * functions that it is given run on the thread that called. A fork waits until no thread is inside
 * libtorch. The child may use every handle, but for calls that were under way.
 *
 * Memory. A dlf_allocator gives the memory that grows with a stranger's bytes: everything that is
 * handed to the caller in a dlf_buffer, and the file that a dlf_decoder collects. Handles, and what
 * a call needs while it runs, come from the C++ runtime (operator new). A failure there is
 * DLF_OUT_OF_MEMORY; dlf_limits bounds the amount before any of it is taken. libtorch has an
 * allocator of its own for tensors and keeps freed GPU memory for later.
 *
 * Trust. Files (.dlf) are not trusted. Model packages (.dlfm) are: they hold programs. Load only
 * packages that you have installed; SHA-256 checks their integrity, not their origin.
 */
#ifndef DLF_DLF_H_
#define DLF_DLF_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define DLF_API __attribute__((visibility("default")))
#else
#define DLF_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define DLF_VERSION_MAJOR 0
#define DLF_VERSION_MINOR 1
#define DLF_VERSION_PATCH 0

/* Clears a struct of this interface and sets its size. */
#define DLF_INIT(pointer) \
  (memset((pointer), 0, sizeof *(pointer)), (void)((pointer)->struct_size = sizeof *(pointer)))

/* What a call came to, and what the caller should do:
 *   DLF_OK                Use the results.
 *   DLF_INVALID_FILE      Refuse the file: it is no .dlf file, or it is damaged.
 *   DLF_TRUNCATED_FILE    Get the missing bytes, or set allow_truncated for what is there.
 *   DLF_UNSUPPORTED       Update the library: the file needs a later version of the format.
 *   DLF_LIMIT_EXCEEDED    Refuse the file, or raise the limit if you trust the file's source.
 *   DLF_MODEL_ERROR       Install the package that the message names, or install it anew.
 *   DLF_INVALID_ARGUMENT  Mend the call; the message says which argument is wrong.
 *   DLF_OUT_OF_MEMORY     Free memory, or ask for less (a region, a downscale), and call again.
 *   DLF_CANCELLED         Nothing: your progress function has ended the call.
 *   DLF_INTERNAL          Report the message as a fault of the library.
 *
 * The one list of them: X(name, value, text). Values never change; new ones are appended. */
#define DLF_STATUS_LIST(X)                                \
  X(DLF_OK, 0, "ok")                                      \
  X(DLF_INVALID_FILE, 1, "invalid file")                  \
  X(DLF_TRUNCATED_FILE, 2, "truncated file")              \
  X(DLF_UNSUPPORTED, 3, "unsupported")                    \
  X(DLF_LIMIT_EXCEEDED, 4, "limit exceeded")              \
  X(DLF_MODEL_ERROR, 5, "model package missing or wrong") \
  X(DLF_INVALID_ARGUMENT, 6, "invalid argument")          \
  X(DLF_OUT_OF_MEMORY, 7, "out of memory")                \
  X(DLF_CANCELLED, 8, "cancelled")                        \
  X(DLF_INTERNAL, 9, "internal error")

typedef enum dlf_status {
#define DLF_STATUS_ENUM_(name, value, text) name = value,
  DLF_STATUS_LIST(DLF_STATUS_ENUM_)
#undef DLF_STATUS_ENUM_
      DLF_STATUS_FORCE_INT_ = 0x7fffffff
} dlf_status;

/* The short fixed text of a status, "truncated file"; never NULL, also for unknown values. Lives as
 * long as the library. */
DLF_API const char* dlf_status_string(dlf_status status);

/* The version of the library that is running, "0.1.0"; DLF_VERSION_MAJOR and the other two state
 * that of the header. Libraries of one minor version are interchangeable. */
DLF_API const char* dlf_version(void);

/* ---- errors, limits, memory, log ------------------------------------------------------------- */

#define DLF_NO_OFFSET UINT64_MAX /* of an error that belongs to no byte of the input */

/* What was wrong. */
typedef struct dlf_error {
  size_t struct_size;
  dlf_status status; /* the one that the call returned */
  uint64_t offset;   /* of the first offending byte of the input, or DLF_NO_OFFSET */
  char message[256]; /* one line, UTF-8, always terminated; cut if longer */
} dlf_error;

/* What one call may take. The defaults let a photograph of 100 megapixels through. To lift a limit,
 * set it to its type's largest value. */
typedef struct dlf_limits {
  size_t struct_size;
  uint64_t max_pixels;      /* width x height, padded to whole windows; default 2^27 */
  uint32_t max_side;        /* width and height, pixels; default 65535 */
  uint64_t max_memory;      /* estimated peak of the call, bytes; default 4 GiB */
  uint64_t max_chunk_bytes; /* contents of all chunks but alpha, inflated, bytes; default 64 MiB */
  uint64_t max_file_bytes;  /* the file as header and chunks frame it, bytes; default 256 MiB */
} dlf_limits;

/* Where the library gets the memory that the introduction names. Set both functions or neither; the
 * default is malloc and free. They are called on the thread that called the library. They must be
 * as safe for threads as the handle that they are given with. */
typedef struct dlf_allocator {
  size_t struct_size;
  void* user;                                  /* first argument of both; default NULL */
  void* (*allocate)(void* user, size_t bytes); /* `bytes` > 0; returns NULL for no memory */
  void (*release)(void* user, void* memory);   /* `memory` as `allocate` gave it */
} dlf_allocator;

/* Bytes that the library has allocated for the caller. */
typedef struct dlf_buffer {
  size_t struct_size;
  uint8_t* data;           /* NULL when empty */
  size_t size;             /* bytes */
  dlf_allocator allocator; /* that `data` came from */
} dlf_buffer;

/* Gives the memory back and leaves an empty buffer. NULL, an empty one or twice does no harm. */
DLF_API void dlf_buffer_free(dlf_buffer* buffer);

/* What the library has to say besides statuses. Each level includes those above it. */
typedef enum dlf_log_level {
  DLF_LOG_ERROR = 1,   /* a call failed: the text of its dlf_error */
  DLF_LOG_WARNING = 2, /* a result that may surprise: a truncated file was accepted */
  DLF_LOG_INFO = 3,    /* once in the life of a handle: which model, which device */
  DLF_LOG_DEBUG = 4,   /* every call: sizes, stages, tiles */
  DLF_LOG_FORCE_INT_ = 0x7fffffff
} dlf_log_level;

/* Receives the messages of one handle; there is none for all of the process. `log` is called on the
 * thread that called the library, during the call. It gets one line of UTF-8 without a line end,
 * which lives as long as the call. It must not call the library with the same handle. It must be
 * safe for threads if several use the handle. */
typedef struct dlf_logger {
  size_t struct_size;
  void* user; /* first argument of `log`; default NULL */
  void (*log)(void* user, dlf_log_level level, const char* message); /* default: nothing is said */
  dlf_log_level level; /* the last one wanted; default DLF_LOG_WARNING */
} dlf_logger;

/* ---- headers --------------------------------------------------------------------------------- */

#define DLF_MAX_HEADER_BYTES 27 /* no header is longer */

/* The space of the samples, unless an ICC chunk describes them. */
typedef enum dlf_color_space {
  DLF_COLOR_SPACE_SRGB = 0,
  DLF_COLOR_SPACE_DISPLAY_P3 = 1,
  DLF_COLOR_SPACE_FORCE_INT_ = 0x7fffffff
} dlf_color_space;

/* What a header says. */
typedef struct dlf_info {
  size_t struct_size;
  uint32_t version;  /* of the bitstream; 1 */
  uint32_t model_id; /* the model that decodes the file */
  /* The picture. */
  uint32_t width, height;      /* pixels, 1 to 2^24, before any turning */
  uint32_t channels;           /* of the decoded picture: 1 L, 2 LA, 3 RGB, 4 RGBA; 8 bits each */
  uint32_t orientation;        /* EXIF, 1 to 8; decoding does not turn the pixels */
  dlf_color_space color_space; /* of the samples */
  /* How it is coded. */
  uint32_t rate;               /* rate point of the model, 0 (smallest) to 255 */
  uint32_t has_importance_map; /* 0 or 1: the rate differs from place to place */
  /* The parts of the file. */
  uint32_t header_bytes;  /* at most DLF_MAX_HEADER_BYTES */
  uint32_t payload_bytes; /* as the header states it */
  uint32_t has_chunks;    /* 0 or 1: metadata, alpha or private data follow the payload */
  uint32_t has_trailer;   /* 0 or 1: a CRC-32C at the end */
  uint32_t display_width, display_height; /* to show it at, pixels, before any turning; 1 to 2^24 */
} dlf_info;

/* Reads and checks the header of the `size` bytes at `data`, which may be the beginning of a file:
 * DLF_MAX_HEADER_BYTES always suffice. Takes microseconds and allocates nothing for a valid header.
 *   DLF_INVALID_FILE    no .dlf file, or a damaged header
 *   DLF_TRUNCATED_FILE  the header goes on after `size`
 *   DLF_UNSUPPORTED     a later version of the format */
DLF_API dlf_status dlf_probe(const uint8_t* data, size_t size, dlf_info* info, dlf_error* error);

/* ---- chunks: metadata and private data ------------------------------------------------------- */

typedef struct dlf_chunks dlf_chunks;

#define DLF_CHUNK_ALPHA 1
#define DLF_CHUNK_ICC 2
#define DLF_CHUNK_EXIF 3
#define DLF_CHUNK_XMP 4
#define DLF_CHUNK_FIRST_PRIVATE 16

/* One chunk, of a file or for one. */
typedef struct dlf_chunk {
  size_t struct_size;
  uint32_t type;         /* DLF_CHUNK_..., or from DLF_CHUNK_FIRST_PRIVATE on */
  uint32_t critical;     /* 0 or 1: a reader that does not know the type must refuse the file */
  uint32_t safe_to_copy; /* 0 or 1: it stays true when the picture is changed */
  const uint8_t* data;   /* content, inflated; of a file: lives as long as the dlf_chunks */
  size_t size;           /* of the content, bytes */
} dlf_chunk;

/* Checks the whole container, the payload apart, and reads the chunks into *chunks. `data` holds
 * the whole file and is not needed afterwards; `limits` may be NULL. Of the limits, those on chunks
 * and on the file count.
 *   DLF_INVALID_FILE    a broken rule of the container, or a damaged content
 *   DLF_TRUNCATED_FILE  the file ends too early
 *   DLF_UNSUPPORTED     a later version of the format, or a critical chunk of an unknown type
 *   DLF_LIMIT_EXCEEDED  the chunks or the file are too large */
DLF_API dlf_status dlf_chunks_open(const uint8_t* data, size_t size, const dlf_limits* limits,
                                   dlf_chunks** chunks, dlf_error* error);
/* Frees the chunks and their contents; NULL is allowed. */
DLF_API void dlf_chunks_free(dlf_chunks* chunks);
/* The number of chunks, at most 1024; 0 for NULL. */
DLF_API size_t dlf_chunks_count(const dlf_chunks* chunks);
/* Describes the chunk number `index`, from 0, in the order of the file, which is that of the types.
 *   DLF_INVALID_ARGUMENT  the index is not below the count */
DLF_API dlf_status dlf_chunks_get(const dlf_chunks* chunks, size_t index, dlf_chunk* chunk,
                                  dlf_error* error);

/* ---- model packages -------------------------------------------------------------------------- */

typedef struct dlf_package dlf_package;

/* What a package says of itself. */
typedef struct dlf_package_info {
  size_t struct_size;
  uint32_t model_id;
  char sha256[65];              /* of the normative part, lower-case hexadecimal */
  uint32_t rate_points;         /* 1 to 255; rates are 0 to rate_points - 1 */
  uint32_t has_importance_maps; /* 0 or 1: dlf_encode takes importance */
  /* The shape of the symbols. */
  uint32_t window;            /* side, pixels */
  uint32_t tokens_per_window; /* T */
  uint32_t digits;            /* D, of a token */
  uint32_t latent_channels;   /* C */
  uint32_t latent_stride;     /* side of a position of the latent grid, pixels */
} dlf_package_info;

/* Reads a package, or the decoding half of one, into *package and checks its members. `path` is
 * given to the system as it is.
 *   DLF_MODEL_ERROR  it is missing, no package, or altered */
DLF_API dlf_status dlf_package_open(const char* path, dlf_package** package, dlf_error* error);
/* The same from `size` bytes of memory, which are not needed afterwards. */
DLF_API dlf_status dlf_package_open_memory(const uint8_t* data, size_t size, dlf_package** package,
                                           dlf_error* error);
/* Frees the package; NULL is allowed. What was made with it may still be in use. */
DLF_API void dlf_package_free(dlf_package* package);
/* Describes the package. */
DLF_API dlf_status dlf_package_get_info(const dlf_package* package, dlf_package_info* info,
                                        dlf_error* error);
/* The package's description, JSON in UTF-8, as its maker wrote it. It lives as long as the package.
 * "" for NULL. */
DLF_API const char* dlf_package_json(const dlf_package* package);

/* ---- estimates, verification, symbols -------------------------------------------------------- */

/* What decoding a file takes, computed before any of it is done. */
typedef struct dlf_estimate {
  size_t struct_size;
  uint64_t output_bytes;         /* samples of the decoded picture */
  uint64_t memory_bytes;         /* estimated peak of dlf_decode, output included */
  uint64_t multiply_accumulates; /* of all networks */
  uint32_t parts;                /* that progress counts: tiles, or rows of latents */
  /* memory_bytes and multiply_accumulates for dlf_decode with downscale 2, 4 and 8. */
  uint64_t reduced_memory_bytes[3], reduced_multiply_accumulates[3];
} dlf_estimate;

/* What decoding will take, from the header alone (`data` as for dlf_probe), before any work. Checks
 * no limit and allocates nothing. `threads`: as for the codec. Statuses of dlf_probe, and:
 *   DLF_MODEL_ERROR  the file needs another package */
DLF_API dlf_status dlf_estimate_decoding(const uint8_t* data, size_t size,
                                         const dlf_package* package, uint32_t threads,
                                         dlf_estimate* estimate, dlf_error* error);

/* Checks all that can be checked without computing pixels: checksums, chunks, alpha, and every
 * symbol of the payload to the coder's last state. `data` holds the whole file, `limits` may be
 * NULL. Statuses are those of dlf_chunks_open, also for payload and size, and:
 *   DLF_MODEL_ERROR  the file needs another package */
DLF_API dlf_status dlf_verify(const uint8_t* data, size_t size, const dlf_package* package,
                              const dlf_limits* limits, dlf_error* error);

/* Everything that a payload decodes to before any floating-point number appears: the same on every
 * machine (BITSTREAM.md, sections 5 to 8). */
typedef struct dlf_symbols dlf_symbols;

/* C, h, w: latent channels, and rows and columns of the latent grid. */
typedef enum dlf_tensor_name {
  DLF_TENSOR_TOKENS = 0,      /* int16 [windows][tokens_per_window * digits] */
  DLF_TENSOR_BANK = 1,        /* uint8 [windows]: the bank of frequency tables */
  DLF_TENSOR_SYMBOLS = 2,     /* int16 [C][h][w] */
  DLF_TENSOR_SCALE_INDEX = 3, /* int16 [C][h][w]; -1 where nothing is coded */
  DLF_TENSOR_MEAN = 4,        /* int16 [C][h][w], in steps, Fy fraction bits */
  DLF_TENSOR_STEP = 5,        /* int16 [C][h][w], Fq fraction bits */
  DLF_TENSOR_Y_HAT = 6,       /* int16 [C][h][w], in steps, Fy fraction bits */
  DLF_TENSOR_LATENT = 7,      /* int32 [C][h][w]: y_hat * step */
  DLF_TENSOR_RATE_INDEX = 8,  /* uint8 [h][w]; 0 dimensions when there is no importance map */
  DLF_TENSOR_FORCE_INT_ = 0x7fffffff
} dlf_tensor_name;

typedef struct dlf_tensor {
  size_t struct_size;
  uint32_t bytes_per_value; /* 1: uint8, 2: int16, 4: int32 */
  uint32_t dimensions;      /* 1 to 3; 0: not there, no data */
  uint32_t shape[3];        /* unused ones are 1 */
  const void* data;         /* row-major; lives as long as the dlf_symbols */
} dlf_tensor;

/* Decodes a whole file to its symbols, which need the file and the package no longer. `limits` may
 * be NULL. Statuses are those of dlf_verify. */
DLF_API dlf_status dlf_symbols_decode(const uint8_t* data, size_t size, const dlf_package* package,
                                      const dlf_limits* limits, dlf_symbols** symbols,
                                      dlf_error* error);
/* Frees the symbols; NULL is allowed. */
DLF_API void dlf_symbols_free(dlf_symbols* symbols);
/* Describes one tensor; its data are shared, not copied. */
DLF_API dlf_status dlf_symbols_get(const dlf_symbols* symbols, dlf_tensor_name name,
                                   dlf_tensor* tensor, dlf_error* error);
/* The entropy decoder's last state (BITSTREAM.md §5.4); 0 for NULL. */
DLF_API uint32_t dlf_symbols_final_state(const dlf_symbols* symbols);

/* ---- input in pieces ------------------------------------------------------------------------- */

/* Takes a file as it arrives. Push bytes, in pieces of any size; act on the stage; say when the
 * input has ended. Whatever the pieces were, the result and the errors are those of one call with
 * the whole file. What is wrong is found by
 * - dlf_decoder_push: the header, its limits and the framing of the chunks, as soon as certain;
 * - dlf_decoder_finish: the rest of the container;
 * - dlf_decoder_symbols and dlf_decoder_picture: the payload.
 *
 * After a failure the decoder stays failed: every later call returns the same status and text.
 * Wrong use (a call in the wrong order, a NULL) is DLF_INVALID_ARGUMENT and changes nothing. */
typedef struct dlf_decoder dlf_decoder;

typedef enum dlf_stage {
  DLF_STAGE_START = 0,    /* the header is not complete */
  DLF_STAGE_INFO = 1,     /* header read and within the limits: dlf_decoder_get_info */
  DLF_STAGE_SEMANTIC = 2, /* the semantic layer is there: a first picture can be shown */
  DLF_STAGE_COMPLETE = 3, /* every byte is there, not yet judged: dlf_decoder_finish */
  DLF_STAGE_FINISHED = 4  /* the container is sound */
} dlf_stage;

typedef struct dlf_decoder_options {
  size_t struct_size;
  /* What will be asked for. */
  uint32_t allow_truncated; /* 1: a file that ends too early is no error; default 0 */
  uint32_t downscale;       /* the smallest that pictures will be asked for with, 1, 2, 4 or 8:
                             * limits are judged by it; default 1 */
  /* The handle. */
  const dlf_limits* limits;       /* of this file; copied; default as dlf_limits says */
  const dlf_allocator* allocator; /* of the collected bytes; copied; default malloc and free */
  const dlf_logger* logger;       /* copied; default: nothing is said */
} dlf_decoder_options;

/* Where a decoder stands. */
typedef struct dlf_decoder_state {
  size_t struct_size;
  dlf_stage stage;
  uint64_t bytes_received;
  uint64_t bytes_wanted; /* the next stage needs at least so many more; 0 from COMPLETE on */
  uint64_t file_bytes;   /* length of the whole file, 0 until it is known */
} dlf_decoder_state;

/* Makes a decoder; `options` may be NULL. So may `package`, until the header tells which one is
 * needed: before it comes, DLF_STAGE_SEMANTIC is not reported. Neither is needed afterwards. */
DLF_API dlf_status dlf_decoder_open(const dlf_package* package, const dlf_decoder_options* options,
                                    dlf_decoder** decoder, dlf_error* error);
/* Frees the decoder and the bytes that it holds; NULL is allowed. */
DLF_API void dlf_decoder_free(dlf_decoder* decoder);
/* Gives a decoder that was made without one its package, which is not needed afterwards. After one
 * that is refused another may be tried.
 *   DLF_MODEL_ERROR       the file needs another package
 *   DLF_LIMIT_EXCEEDED    the picture's memory, which depends on the package
 *   DLF_INVALID_ARGUMENT  the decoder has a package already */
DLF_API dlf_status dlf_decoder_set_package(dlf_decoder* decoder, const dlf_package* package,
                                           dlf_error* error);
/* Takes a copy of the next `size` bytes of the file; 0 is allowed. Bytes after the end of the file
 * are counted but not kept: dlf_decoder_finish refuses the file then. A decoder whose package is
 * not the file's takes bytes all the same; dlf_decoder_finish says what comes first.
 *   DLF_INVALID_FILE      the header or the framing of the chunks is wrong
 *   DLF_UNSUPPORTED       a later version of the format
 *   DLF_LIMIT_EXCEEDED    the picture or the file is too large
 *   DLF_INVALID_ARGUMENT  dlf_decoder_finish has been called */
DLF_API dlf_status dlf_decoder_push(dlf_decoder* decoder, const uint8_t* data, size_t size,
                                    dlf_error* error);
/* Says that no more bytes will come, and checks the container as a whole: its length, checksum and
 * chunks; then that its package is the file's. Calling it again returns the same. Statuses are
 * those of dlf_verify. */
DLF_API dlf_status dlf_decoder_finish(dlf_decoder* decoder, dlf_error* error);
/* Where the decoder stands; also after a failure. */
DLF_API dlf_status dlf_decoder_get_state(const dlf_decoder* decoder, dlf_decoder_state* state,
                                         dlf_error* error);
/* The header, as dlf_probe gives it.
 *   DLF_INVALID_ARGUMENT  before DLF_STAGE_INFO */
DLF_API dlf_status dlf_decoder_get_info(const dlf_decoder* decoder, dlf_info* info,
                                        dlf_error* error);
/* The bytes of the file so far, for dlf_chunks_open and others; NULL for none. *size, if it is not
 * NULL, receives their number. They live until the next dlf_decoder_push or dlf_decoder_free. */
DLF_API const uint8_t* dlf_decoder_data(const dlf_decoder* decoder, size_t* size);
/* As dlf_symbols_decode. Before dlf_decoder_finish, from DLF_STAGE_SEMANTIC on, symbols that have
 * not come yet are 0. Statuses are those of dlf_verify, and:
 *   DLF_INVALID_ARGUMENT  there is no package, or it is before DLF_STAGE_SEMANTIC */
DLF_API dlf_status dlf_decoder_symbols(const dlf_decoder* decoder, dlf_symbols** symbols,
                                       dlf_error* error);

/* ---- pixels ---------------------------------------------------------------------------------- */

typedef struct dlf_codec dlf_codec;

/* What the networks compute in. Symbols, which are integers, do not depend on it when a file is
 * decoded; pixels do within the bounds of BITSTREAM.md §9.5. */
typedef enum dlf_precision {
  DLF_PRECISION_FP32 = 0,
  DLF_PRECISION_BF16 = 1, /* faster where the hardware has bfloat16, else slower */
  DLF_PRECISION_FORCE_INT_ = 0x7fffffff
} dlf_precision;

/* What runs the networks of an integer package. Symbols come from the integer machine in any case;
 * pixels are exact with it alone. */
typedef enum dlf_backend_kind {
  DLF_BACKEND_AUTO = 0,    /* integer programs on the integer machine, or with libtorch where the
                            * device is not "cpu"; TorchScript networks with libtorch */
  DLF_BACKEND_INTEGER = 1, /* the integer machine; not for packages of TorchScript networks */
  DLF_BACKEND_TORCH = 2,   /* libtorch in float32, from libdlf_torch */
  DLF_BACKEND_FORCE_INT_ = 0x7fffffff
} dlf_backend_kind;

typedef struct dlf_codec_options {
  size_t struct_size;
  /* What runs the networks. */
  const char* device;       /* "cpu", "cuda", "cuda:1"; default "cpu" */
  dlf_backend_kind backend; /* default DLF_BACKEND_AUTO */
  dlf_precision precision;  /* integer packages: DLF_PRECISION_FP32 alone; default that */
  uint32_t threads;         /* that work on one picture, fewer where max_memory asks for it; from 1;
                             * default 1. Changes no result. */
  /* The handle. */
  const dlf_logger* logger; /* copied; default: nothing is said */
} dlf_codec_options;

/* Loads a package with its networks; `path` as for dlf_package_open, `options` may be NULL. A
 * package of TorchScript networks and DLF_BACKEND_TORCH need libdlf_torch: linked to the program,
 * beside libdlf, or where the system looks for libraries.
 *   DLF_MODEL_ERROR       the package is missing, altered or without networks; no libdlf_torch
 *   DLF_INVALID_ARGUMENT  a device that is not here; a backend or precision that does not fit */
DLF_API dlf_status dlf_codec_open(const char* path, const dlf_codec_options* options,
                                  dlf_codec** codec, dlf_error* error);
/* The same from `size` bytes of memory, which are not needed afterwards. */
DLF_API dlf_status dlf_codec_open_memory(const uint8_t* data, size_t size,
                                         const dlf_codec_options* options, dlf_codec** codec,
                                         dlf_error* error);
/* Frees the codec, when no call uses it any more; NULL is allowed. */
DLF_API void dlf_codec_free(dlf_codec* codec);
/* The codec's package; lives as long as the codec and must not be freed. NULL for NULL. */
DLF_API const dlf_package* dlf_codec_package(const dlf_codec* codec);

/* Told how far a call is: `done` of `total` parts (dlf_estimate.parts). Called on the thread that
 * called the library, first with done = 0, at last with done = total, perhaps not with every number
 * between. A search for a size begins anew with each trial. A result other than 0 ends the call
 * with DLF_CANCELLED. */
typedef int (*dlf_progress)(void* user, uint32_t done, uint32_t total);

/* Borrowed 8-bit samples, interleaved; alpha is straight (not premultiplied). */
typedef struct dlf_image {
  size_t struct_size;
  const uint8_t* data;    /* the first line */
  uint32_t width, height; /* pixels, 1 to 2^24 */
  uint32_t channels;      /* 1 L, 2 LA, 3 RGB, 4 RGBA */
  size_t stride;          /* bytes from line to line; default width * channels */
} dlf_image;

typedef struct dlf_encode_options {
  size_t struct_size;
  /* How large the file becomes. */
  uint32_t rate;      /* rate point, 0 (smallest) to rate_points - 1; not used with max_bytes */
  uint64_t max_bytes; /* the best file of at most so many bytes; default 0: `rate` counts */
  /* Where people look. A grid of any size is laid over the picture, row-major, from -127 (least)
   * over 0 (as the rest) to 127 (most). The rate there moves by up to half of the rate points;
   * `rate` is that of 0, and max_bytes holds all the same. */
  const int8_t* importance;                     /* default: none */
  uint32_t importance_width, importance_height; /* of the grid, 1 to 2^24 */
  uint32_t find_importance; /* 1: what the package itself finds, in place of a grid; default 0 */
  /* What the file says of the picture. */
  uint32_t orientation;        /* EXIF, 1 to 8; recorded, the pixels stay as they are; default 1 */
  dlf_color_space color_space; /* of the samples; default DLF_COLOR_SPACE_SRGB */
  const dlf_chunk* chunks;     /* ICC (of the samples' colour space), EXIF (without what it says of
                                * another file), XMP, private; `critical` counts for private ones */
  size_t chunk_count;          /* of `chunks`, 0 to 1024 */
  /* The call. */
  const dlf_limits* limits;               /* default as dlf_limits says */
  const dlf_allocator* allocator;         /* of the result; default malloc and free */
  dlf_progress progress;                  /* default: nobody is told */
  void* progress_user;                    /* first argument of `progress`; default NULL */
  uint32_t display_width, display_height; /* before it became ceil(side / 2, 4 or 8); default 0 */
} dlf_encode_options;

/* Encodes a picture into *file; `options` may be NULL.
 *   DLF_LIMIT_EXCEEDED    the picture or the file is too large
 *   DLF_CANCELLED         the progress function said so
 *   DLF_MODEL_ERROR       the networks fail
 *   DLF_INVALID_ARGUMENT  no file fits max_bytes; an importance or a display size that cannot be */
DLF_API dlf_status dlf_encode(const dlf_codec* codec, const dlf_image* image,
                              const dlf_encode_options* options, dlf_buffer* file,
                              dlf_error* error);

/* How an integer package draws texture that no bits describe. */
typedef enum dlf_noise {
  DLF_NOISE_VIVID = 0,    /* as the format defines the picture */
  DLF_NOISE_FAITHFUL = 1, /* without it */
  DLF_NOISE_FORCE_INT_ = 0x7fffffff
} dlf_noise;

typedef struct dlf_decode_options {
  size_t struct_size;
  /* Which part of the picture, and how large. */
  uint32_t region_x, region_y;          /* first column and row, pixels of the whole size */
  uint32_t region_width, region_height; /* pixels of the whole size; default 0: all of it */
  uint32_t downscale; /* 1, 2, 4, 8: that part of the size, from less work; default 1 */
  /* How it is drawn. */
  dlf_noise noise;          /* without effect on TorchScript networks; default DLF_NOISE_VIVID */
  uint32_t semantic_only;   /* 1: leave the detail layer out; default 0 */
  uint32_t allow_truncated; /* 1: a file that ends too early gives what is there; default 0 */
  /* The call. */
  const dlf_limits* limits;       /* default as dlf_limits says */
  const dlf_allocator* allocator; /* of the samples; default malloc and free */
  dlf_progress progress;          /* default: nobody is told */
  void* progress_user;            /* first argument of `progress`; default NULL */
} dlf_decode_options;

/* A decoded picture. */
typedef struct dlf_picture {
  size_t struct_size;
  uint32_t width, height; /* pixels; of the region, if one was asked for, at the size asked for */
  uint32_t channels;      /* 1 L, 2 LA, 3 RGB, 4 RGBA */
  uint32_t complete;      /* 0 or 1; 0 when a truncated file was accepted */
  dlf_buffer samples;     /* interleaved, lines without gaps; free with dlf_buffer_free */
} dlf_picture;

/* Decodes the whole file of `size` bytes at `data`; `options` may be NULL. Statuses are those of
 * dlf_chunks_open, also for payload and size, and:
 *   DLF_CANCELLED         the progress function said so
 *   DLF_MODEL_ERROR       the file needs another package, or the networks fail
 *   DLF_INVALID_ARGUMENT  the region is not inside the picture */
DLF_API dlf_status dlf_decode(const dlf_codec* codec, const uint8_t* data, size_t size,
                              const dlf_decode_options* options, dlf_picture* picture,
                              dlf_error* error);

/* As dlf_decode, from a decoder. Before dlf_decoder_finish, from DLF_STAGE_SEMANTIC on, the best
 * picture so far; `complete` in the result tells whether anything is missing. Limits and
 * allow_truncated are those of the decoder; what `options` says about them does not count. Statuses
 * are those of dlf_decode, and:
 *   DLF_INVALID_ARGUMENT  before DLF_STAGE_SEMANTIC */
DLF_API dlf_status dlf_decoder_picture(const dlf_decoder* decoder, const dlf_codec* codec,
                                       const dlf_decode_options* options, dlf_picture* picture,
                                       dlf_error* error);

/* ---- networks that libtorch runs: libdlf_torch ----------------------------------------------- */

/* What libdlf looks for in libdlf_torch. A program need not call it. */
typedef struct dlf_backend dlf_backend;
DLF_API const dlf_backend* dlf_torch_backend(void);

#ifdef __cplusplus
}
#endif

#endif /* DLF_DLF_H_ */

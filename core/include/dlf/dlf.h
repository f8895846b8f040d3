/* The public C interface of libdlf and libdlf_torch. Compiles alone as C99.
 *
 * libdlf (-ldlf) reads headers, chunks and model packages and decodes symbols; it needs nothing but
 * the C++ runtime. libdlf_torch (-ldlf_torch, which brings libdlf) adds the functions of the last
 * section: pixels, by way of libtorch.
 *
 * Conventions
 * - Every function that can fail returns a dlf_status and takes a last argument `error`, which may be
 *   NULL; it then describes the first thing that was wrong. Besides the statuses named at a function,
 *   each can return DLF_INVALID_ARGUMENT, DLF_OUT_OF_MEMORY and DLF_INTERNAL.
 * - Outputs are defined on every return: on failure, handles are NULL, structs and buffers empty.
 * - Every struct begins with its size, which the caller sets: DLF_INIT(&x) clears x and does that. A
 *   field that is 0 or NULL has its default. A later version of the library appends fields, and
 *   neither reads nor writes beyond the size that it is told.
 * - Input is borrowed for the time of the call. What the library returns in a dlf_buffer belongs to
 *   the caller, who gives it back with dlf_buffer_free.
 * - Threads: handles never change once they are made and may be used from any number of threads at
 *   once, until they are freed. There is no state of the process: no initialisation, and no setting
 *   of libtorch (threads, device, random state) is different after a call.
 * - Files (.dlf) are not trusted, model packages (.dlfm) are: they hold programs. Load only packages
 *   that you have installed; their integrity, not their origin, is checked by SHA-256.
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

/* The one list of status codes: X(name, value, text). Values never change; new ones are appended. */
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

/* The short fixed text of a status, "truncated file"; never NULL, also for unknown values. */
DLF_API const char *dlf_status_string(dlf_status status);

/* The version of the library that is running, "0.1.0". */
DLF_API const char *dlf_version(void);

/* ---- errors, limits, memory ------------------------------------------------------------------ */

/* Marks an error that belongs to no byte of the input. */
#define DLF_NO_OFFSET UINT64_MAX

typedef struct dlf_error {
  size_t struct_size;
  dlf_status status;
  uint64_t offset;   /* of the first offending byte of the input, or DLF_NO_OFFSET */
  char message[256]; /* one line, UTF-8, always terminated; cut if longer */
} dlf_error;

/* What one call may cost. The defaults let a photograph of 100 megapixels through. To lift a limit,
 * set it to its type's largest value. */
typedef struct dlf_limits {
  size_t struct_size;
  uint64_t max_pixels;      /* width x height, padded to whole windows; default 2^27 */
  uint32_t max_side;        /* width and height; default 65535 */
  uint64_t max_memory;      /* estimated peak of the call, bytes; default 4 GiB */
  uint64_t max_chunk_bytes; /* contents of all chunks, inflated; default 64 MiB */
} dlf_limits;

/* Where the library gets the memory that it hands to the caller. Both functions, or neither. */
typedef struct dlf_allocator {
  size_t struct_size;
  void *user;                                  /* first argument of both */
  void *(*allocate)(void *user, size_t bytes); /* NULL when there is no memory; bytes > 0 */
  void (*release)(void *user, void *memory);
} dlf_allocator;

/* Bytes that the library has allocated for the caller. */
typedef struct dlf_buffer {
  size_t struct_size;
  uint8_t *data;
  size_t size;
  dlf_allocator allocator; /* that `data` came from */
} dlf_buffer;

/* Gives the memory back and leaves an empty buffer. NULL and empty buffers are allowed. */
DLF_API void dlf_buffer_free(dlf_buffer *buffer);

/* ---- headers --------------------------------------------------------------------------------- */

/* No header is longer than this. */
#define DLF_MAX_HEADER_BYTES 26

typedef enum dlf_colour { DLF_COLOUR_SRGB = 0, DLF_COLOUR_DISPLAY_P3 = 1 } dlf_colour;

typedef struct dlf_info {
  size_t struct_size;
  uint32_t version;       /* of the bitstream */
  uint32_t model_id;      /* the model that decodes the file */
  uint32_t width, height; /* pixels, before any turning */
  uint32_t channels;      /* of the decoded picture: 1 L, 2 LA, 3 RGB, 4 RGBA; 8 bits each */
  uint32_t rate;          /* rate point of the model, 0 smallest */
  uint32_t orientation;   /* EXIF, 1 to 8; decoding does not turn the pixels */
  dlf_colour colour;
  uint32_t has_chunks;    /* 0 or 1 */
  uint32_t has_trailer;   /* 0 or 1: a CRC-32C at the end */
  uint32_t header_bytes;
  uint32_t payload_bytes; /* as the header states it */
} dlf_info;

/* Reads and checks the header. `data` may be the beginning of a file: DLF_MAX_HEADER_BYTES always
 * suffice. Takes microseconds and allocates nothing for a valid header.
 * DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED. */
DLF_API dlf_status dlf_probe(const uint8_t *data, size_t size, dlf_info *info, dlf_error *error);

/* ---- chunks: metadata and private data ------------------------------------------------------- */

typedef struct dlf_chunks dlf_chunks;

#define DLF_CHUNK_ALPHA 1
#define DLF_CHUNK_ICC 2
#define DLF_CHUNK_EXIF 3
#define DLF_CHUNK_XMP 4
#define DLF_CHUNK_FIRST_PRIVATE 16

typedef struct dlf_chunk {
  size_t struct_size;
  uint32_t type;
  uint32_t critical;     /* 0 or 1 */
  uint32_t safe_to_copy; /* 0 or 1 */
  const uint8_t *data;   /* content, inflated; lives as long as the dlf_chunks */
  size_t size;
} dlf_chunk;

/* Checks the whole container, the payload apart, and reads the chunks. `limits` may be NULL.
 * DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED, DLF_LIMIT_EXCEEDED. */
DLF_API dlf_status dlf_chunks_open(const uint8_t *data, size_t size, const dlf_limits *limits,
                                   dlf_chunks **chunks, dlf_error *error);
DLF_API void dlf_chunks_free(dlf_chunks *chunks);
DLF_API size_t dlf_chunks_count(const dlf_chunks *chunks);
/* DLF_INVALID_ARGUMENT for an index that is not below the count. */
DLF_API dlf_status dlf_chunks_get(const dlf_chunks *chunks, size_t index, dlf_chunk *chunk,
                                  dlf_error *error);

/* ---- model packages -------------------------------------------------------------------------- */

typedef struct dlf_package dlf_package;

typedef struct dlf_package_info {
  size_t struct_size;
  uint32_t model_id;
  uint32_t rate_points;       /* rates are 0 to rate_points - 1 */
  uint32_t window;            /* pixels */
  uint32_t tokens_per_window; /* T */
  uint32_t digits;            /* D, of a token */
  uint32_t latent_channels;   /* C */
  uint32_t latent_stride;     /* pixels */
  char sha256[65];            /* of the normative part, lower-case hexadecimal */
} dlf_package_info;

/* Reads a package and checks its members. `path` is UTF-8. DLF_MODEL_ERROR. */
DLF_API dlf_status dlf_package_open(const char *path, dlf_package **package, dlf_error *error);
/* The same from memory, which is not needed afterwards. */
DLF_API dlf_status dlf_package_open_memory(const uint8_t *data, size_t size, dlf_package **package,
                                           dlf_error *error);
DLF_API void dlf_package_free(dlf_package *package);
DLF_API dlf_status dlf_package_get_info(const dlf_package *package, dlf_package_info *info,
                                        dlf_error *error);
/* The package's description, JSON in UTF-8; lives as long as the package. */
DLF_API const char *dlf_package_json(const dlf_package *package);

/* ---- costs, verification, symbols ------------------------------------------------------------ */

typedef struct dlf_cost {
  size_t struct_size;
  uint64_t output_bytes;         /* samples of the decoded picture */
  uint64_t memory_bytes;         /* estimated peak of dlf_decode, output included */
  uint64_t multiply_accumulates; /* of all networks */
  uint32_t tiles;                /* calls of the progress function, less one */
} dlf_cost;

/* What decoding will cost, from the header alone (`data` as for dlf_probe); checks no limit.
 * `threads`: as for the codec. DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED,
 * DLF_MODEL_ERROR when the file needs another package. */
DLF_API dlf_status dlf_estimate(const uint8_t *data, size_t size, const dlf_package *package,
                                uint32_t threads, dlf_cost *cost, dlf_error *error);

/* Checks all that can be checked without computing pixels: checksums, chunks, alpha, and every
 * symbol of the payload to the coder's last state. Statuses of dlf_decode. */
DLF_API dlf_status dlf_verify(const uint8_t *data, size_t size, const dlf_package *package,
                              const dlf_limits *limits, dlf_error *error);

/* Everything that a payload decodes to before any floating-point number appears: the same on every
 * machine (BITSTREAM.md, sections 5 to 8). */
typedef struct dlf_symbols dlf_symbols;

typedef enum dlf_tensor_name {
  DLF_TENSOR_TOKENS = 0,      /* int16 [windows][tokens_per_window * digits] */
  DLF_TENSOR_BANK = 1,        /* uint8 [windows] */
  DLF_TENSOR_SYMBOLS = 2,     /* int16 [C][h][w], as are the next four */
  DLF_TENSOR_SCALE_INDEX = 3, /* -1 where nothing is coded */
  DLF_TENSOR_MEAN = 4,
  DLF_TENSOR_STEP = 5,
  DLF_TENSOR_Y_HAT = 6,
  DLF_TENSOR_LATENT = 7 /* int32 [C][h][w] */
} dlf_tensor_name;

typedef struct dlf_tensor {
  size_t struct_size;
  uint32_t bytes_per_value; /* 1: uint8, 2: int16, 4: int32 */
  uint32_t dimensions;      /* 1 to 3 */
  uint32_t shape[3];        /* unused ones are 1 */
  const void *data;         /* row-major; lives as long as the dlf_symbols */
} dlf_tensor;

/* Statuses of dlf_decode. */
DLF_API dlf_status dlf_symbols_decode(const uint8_t *data, size_t size, const dlf_package *package,
                                      const dlf_limits *limits, dlf_symbols **symbols,
                                      dlf_error *error);
DLF_API void dlf_symbols_free(dlf_symbols *symbols);
DLF_API dlf_status dlf_symbols_get(const dlf_symbols *symbols, dlf_tensor_name name,
                                   dlf_tensor *tensor, dlf_error *error);
/* The entropy decoder's last state (BITSTREAM.md §5.4). */
DLF_API uint32_t dlf_symbols_final_state(const dlf_symbols *symbols);

/* ---- pixels: libdlf_torch -------------------------------------------------------------------- */

typedef struct dlf_codec dlf_codec;

typedef struct dlf_codec_options {
  size_t struct_size;
  const char *device; /* "cpu" (default), "cuda", "cuda:1" */
  uint32_t threads;   /* parts of a large picture worked on at once, fewer where max_memory asks
                       * for it; default 1. Changes no result. */
} dlf_codec_options;

/* Loads a package with its networks. `options` may be NULL. DLF_MODEL_ERROR. */
DLF_API dlf_status dlf_codec_open(const char *path, const dlf_codec_options *options,
                                  dlf_codec **codec, dlf_error *error);
DLF_API void dlf_codec_free(dlf_codec *codec);
/* The codec's package; lives as long as the codec and must not be freed. */
DLF_API const dlf_package *dlf_codec_package(const dlf_codec *codec);

/* Called on the thread that called the library, first with done = 0, at last with done = total.
 * A result other than 0 ends the call with DLF_CANCELLED. */
typedef int (*dlf_progress)(void *user, uint32_t done, uint32_t total);

/* Borrowed 8-bit samples, interleaved; alpha is straight (not premultiplied). */
typedef struct dlf_image {
  size_t struct_size;
  const uint8_t *data;
  uint32_t width, height; /* 1 to 2^24 */
  uint32_t channels;      /* 1 L, 2 LA, 3 RGB, 4 RGBA */
  size_t stride;          /* bytes from line to line; 0: width * channels */
} dlf_image;

typedef struct dlf_encode_options {
  size_t struct_size;
  uint32_t rate;           /* rate point; ignored when max_bytes is set */
  uint64_t max_bytes;      /* choose the largest file of at most so many bytes; 0: use `rate` */
  uint32_t orientation;    /* EXIF, 1 to 8; default 1. Recorded, the pixels are taken as they are. */
  dlf_colour colour;
  const dlf_chunk *chunks; /* ICC, EXIF, XMP, private; `critical` counts for private ones only */
  size_t chunk_count;
  const dlf_limits *limits;
  const dlf_allocator *allocator; /* of the result; default malloc and free */
  dlf_progress progress;
  void *progress_user;
} dlf_encode_options;

/* Encodes a picture; `options` may be NULL. DLF_LIMIT_EXCEEDED, DLF_CANCELLED, and
 * DLF_INVALID_ARGUMENT also when no file fits max_bytes. */
DLF_API dlf_status dlf_encode(const dlf_codec *codec, const dlf_image *image,
                              const dlf_encode_options *options, dlf_buffer *file,
                              dlf_error *error);

typedef struct dlf_decode_options {
  size_t struct_size;
  uint32_t semantic_only;   /* 1: leave the detail layer out */
  uint32_t allow_truncated; /* 1: the best picture so far of a file that ends too early */
  uint32_t region_x, region_y, region_width, region_height; /* a part; width 0: the whole picture */
  const dlf_limits *limits;
  const dlf_allocator *allocator; /* of the samples; default malloc and free */
  dlf_progress progress;
  void *progress_user;
} dlf_decode_options;

typedef struct dlf_picture {
  size_t struct_size;
  uint32_t width, height; /* of the region, if one was asked for */
  uint32_t channels;      /* 1 L, 2 LA, 3 RGB, 4 RGBA */
  uint32_t complete;      /* 0 when a truncated file was accepted */
  dlf_buffer samples;     /* interleaved, lines without gaps; free with dlf_buffer_free */
} dlf_picture;

/* Decodes a picture; `options` may be NULL. DLF_INVALID_FILE, DLF_TRUNCATED_FILE, DLF_UNSUPPORTED,
 * DLF_LIMIT_EXCEEDED, DLF_CANCELLED, DLF_MODEL_ERROR when the file needs another package. */
DLF_API dlf_status dlf_decode(const dlf_codec *codec, const uint8_t *data, size_t size,
                              const dlf_decode_options *options, dlf_picture *picture,
                              dlf_error *error);

#ifdef __cplusplus
}
#endif

#endif /* DLF_DLF_H_ */

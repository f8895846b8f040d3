/* What package/core.js calls: dlf.h with flat arguments, so that JavaScript knows no layout of a
 * struct of the library. Answers lie in one block of 32-bit numbers; texts end with a zero byte.
 *
 * One thread; an answer lives until the next call. */
#include <dlf/dlf.h>
#include <stdlib.h>

#define DLF_WEB_EXPORT(name) __attribute__((export_name(#name)))

/* Told how far a call is; see dlf_progress. */
__attribute__((import_module("dlf"), import_name("progress"))) int dlf_web_progress(uint32_t done,
                                                                                    uint32_t total);

enum { kAnswers = 16 };

static uint32_t answers[kAnswers];
static dlf_error failure;
static dlf_package_info package_info;
static dlf_buffer owned; /* what the last call made */

DLF_WEB_EXPORT(answers) uint32_t* dlf_web_answers(void) { return answers; }

DLF_WEB_EXPORT(allocate) void* dlf_web_allocate(size_t bytes) { return malloc(bytes); }

DLF_WEB_EXPORT(release) void dlf_web_release(void* memory) { free(memory); }

/* The name of a status as in dlf.h; NULL for a number that is none. */
DLF_WEB_EXPORT(status_name) const char* dlf_web_status_name(dlf_status status) {
  switch (status) {
#define DLF_WEB_NAME(name, value, text) \
  case value:                           \
    return #name;
    DLF_STATUS_LIST(DLF_WEB_NAME)
#undef DLF_WEB_NAME
    default:
      return NULL;
  }
}

/* The text that belongs to the last status. */
DLF_WEB_EXPORT(message) const char* dlf_web_message(void) { return failure.message; }

static int tell(void* user, uint32_t done, uint32_t total) {
  (void)user;
  return dlf_web_progress(done, total);
}

static void begin(void) {
  DLF_INIT(&failure);
  memset(answers, 0, sizeof answers);
  dlf_buffer_free(&owned);
}

/* A limit of 0 is the library's default; `limits` holds them in the order of dlf_limits. */
static dlf_limits limits_of(const double* limits) {
  dlf_limits out;
  DLF_INIT(&out);
  out.max_pixels = (uint64_t)limits[0];
  out.max_side = (uint32_t)limits[1];
  out.max_memory = (uint64_t)limits[2];
  out.max_chunk_bytes = (uint64_t)limits[3];
  out.max_file_bytes = (uint64_t)limits[4];
  return out;
}

/* Answers: handle, model id, rate points, has importance maps, address of the SHA-256. */
DLF_WEB_EXPORT(open) dlf_status dlf_web_open(const uint8_t* data, size_t size) {
  dlf_codec* codec = NULL;
  dlf_status status;
  begin();
  status = dlf_codec_open_memory(data, size, NULL, &codec, &failure);
  if (status != DLF_OK) return status;
  DLF_INIT(&package_info);
  status = dlf_package_get_info(dlf_codec_package(codec), &package_info, &failure);
  answers[0] = (uint32_t)(uintptr_t)codec;
  answers[1] = package_info.model_id;
  answers[2] = package_info.rate_points;
  answers[3] = package_info.has_importance_maps;
  answers[4] = (uint32_t)(uintptr_t)package_info.sha256;
  return status;
}

DLF_WEB_EXPORT(close) void dlf_web_close(dlf_codec* codec) { dlf_codec_free(codec); }

/* Answers: model id, width, height, channels, orientation, colour space, rate, has importance map,
 * display width, display height. */
DLF_WEB_EXPORT(probe) dlf_status dlf_web_probe(const uint8_t* data, size_t size) {
  dlf_info info;
  dlf_status status;
  begin();
  DLF_INIT(&info);
  status = dlf_probe(data, size, &info, &failure);
  answers[0] = info.model_id;
  answers[1] = info.width;
  answers[2] = info.height;
  answers[3] = info.channels;
  answers[4] = info.orientation;
  answers[5] = (uint32_t)info.color_space;
  answers[6] = info.rate;
  answers[7] = info.has_importance_map;
  answers[8] = info.display_width;
  answers[9] = info.display_height;
  return status;
}

/* Checks what can be checked without a model, whose absence is no reason to say nothing else. */
DLF_WEB_EXPORT(check_container)
dlf_status dlf_web_check_container(const uint8_t* data, size_t size, const double* limits,
                                   uint32_t allow_truncated) {
  dlf_decoder_options options;
  dlf_decoder* decoder = NULL;
  dlf_limits judged = limits_of(limits);
  dlf_status status;
  begin();
  DLF_INIT(&options);
  options.allow_truncated = allow_truncated;
  options.limits = &judged;
  status = dlf_decoder_open(NULL, &options, &decoder, &failure);
  if (status == DLF_OK) status = dlf_decoder_push(decoder, data, size, &failure);
  if (status == DLF_OK) status = dlf_decoder_finish(decoder, &failure);
  dlf_decoder_free(decoder);
  return status;
}

/* Answers: address and size of the first chunk of that type, 0 when there is none. */
DLF_WEB_EXPORT(chunk)
dlf_status dlf_web_chunk(const uint8_t* data, size_t size, const double* limits, uint32_t type) {
  dlf_chunks* chunks = NULL;
  dlf_chunk chunk;
  dlf_limits judged = limits_of(limits);
  dlf_status status;
  size_t i;
  begin();
  status = dlf_chunks_open(data, size, &judged, &chunks, &failure);
  DLF_INIT(&chunk);
  for (i = 0; status == DLF_OK && i < dlf_chunks_count(chunks); ++i) {
    status = dlf_chunks_get(chunks, i, &chunk, &failure);
    if (status != DLF_OK || chunk.type != type) continue;
    DLF_INIT(&owned);
    owned.data = malloc(chunk.size + 1); /* an empty chunk is one too */
    owned.size = chunk.size;
    if (owned.data == NULL) {
      status = DLF_OUT_OF_MEMORY;
      break;
    }
    memcpy(owned.data, chunk.data, chunk.size);
    answers[0] = (uint32_t)(uintptr_t)owned.data;
    answers[1] = (uint32_t)owned.size;
    break;
  }
  dlf_chunks_free(chunks);
  return status;
}

/* `numbers`: downscale, noise, semantic only, allow truncated, region x, y, width, height.
 * Answers: width, height, channels, complete, address and size of the samples. */
DLF_WEB_EXPORT(decode)
dlf_status dlf_web_decode(const dlf_codec* codec, const uint8_t* data, size_t size,
                          const uint32_t* numbers, const double* limits) {
  dlf_decode_options options;
  dlf_picture picture;
  dlf_limits judged = limits_of(limits);
  dlf_status status;
  begin();
  DLF_INIT(&options);
  DLF_INIT(&picture);
  options.downscale = numbers[0];
  options.noise = (dlf_noise)numbers[1];
  options.semantic_only = numbers[2];
  options.allow_truncated = numbers[3];
  options.region_x = numbers[4];
  options.region_y = numbers[5];
  options.region_width = numbers[6];
  options.region_height = numbers[7];
  options.limits = &judged;
  options.progress = tell;
  status = dlf_decode(codec, data, size, &options, &picture, &failure);
  if (status != DLF_OK) return status;
  owned = picture.samples;
  answers[0] = picture.width;
  answers[1] = picture.height;
  answers[2] = picture.channels;
  answers[3] = picture.complete;
  answers[4] = (uint32_t)(uintptr_t)owned.data;
  answers[5] = (uint32_t)owned.size;
  return status;
}

/* `numbers`: width, height, channels, rate, max bytes, orientation, colour space, find importance,
 * importance width and height. Answers: address and size of the file. */
DLF_WEB_EXPORT(encode)
dlf_status dlf_web_encode(const dlf_codec* codec, const uint8_t* samples, const uint32_t* numbers,
                          const int8_t* importance, const double* limits) {
  dlf_image image;
  dlf_encode_options options;
  dlf_limits judged = limits_of(limits);
  dlf_status status;
  begin();
  DLF_INIT(&image);
  DLF_INIT(&options);
  image.data = samples;
  image.width = numbers[0];
  image.height = numbers[1];
  image.channels = numbers[2];
  options.rate = numbers[3];
  options.max_bytes = numbers[4];
  options.orientation = numbers[5];
  options.color_space = (dlf_color_space)numbers[6];
  options.find_importance = numbers[7];
  options.importance = importance;
  options.importance_width = numbers[8];
  options.importance_height = numbers[9];
  options.limits = &judged;
  options.progress = tell;
  DLF_INIT(&owned);
  status = dlf_encode(codec, &image, &options, &owned, &failure);
  answers[0] = (uint32_t)(uintptr_t)owned.data;
  answers[1] = (uint32_t)owned.size;
  return status;
}

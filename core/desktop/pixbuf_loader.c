/* A module of gdk-pixbuf that loads .dlf files: programs that show pictures through it open them.
 *
 * The file is judged while it arrives and decoded at its end, at the smallest size that suffices
 * for the one asked for; gdk-pixbuf scales the rest. Alpha is straight in both. */
#define GDK_PIXBUF_ENABLE_BACKEND
#include <dlf/dlf.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdlib.h>

#include "downscale.h"
#include "model_search.h"

/* gdk-pixbuf finds these two by their names. */
G_MODULE_EXPORT void fill_vtable(GdkPixbufModule* module);
G_MODULE_EXPORT void fill_info(GdkPixbufFormat* info);

typedef struct loading {
  GdkPixbufModuleSizeFunc size_func;
  GdkPixbufModulePreparedFunc prepared_func;
  GdkPixbufModuleUpdatedFunc updated_func;
  gpointer user;
  dlf_decoder* decoder;
  dlf_info info;      /* its width is 0 until the header is complete */
  uint32_t downscale; /* 0: only the size was wanted */
  gboolean failed;    /* and told */
} loading;

/* The error of gdk-pixbuf that programs know how to show. */
static GdkPixbufError error_of(dlf_status status) {
  switch (status) {
    case DLF_INVALID_FILE:
    case DLF_TRUNCATED_FILE:
      return GDK_PIXBUF_ERROR_CORRUPT_IMAGE;
    case DLF_UNSUPPORTED:
      return GDK_PIXBUF_ERROR_UNKNOWN_TYPE;
    case DLF_LIMIT_EXCEEDED:
    case DLF_OUT_OF_MEMORY:
      return GDK_PIXBUF_ERROR_INSUFFICIENT_MEMORY;
    default:
      return GDK_PIXBUF_ERROR_FAILED;
  }
}

/* Passes the library's words on, with the status by its name in front. Returns FALSE. */
static gboolean refuse(loading* state, const dlf_error* from, GError** error) {
  if (!state->failed) {
    g_set_error(error, GDK_PIXBUF_ERROR, error_of(from->status), "%s: %s",
                dlf_status_string(from->status), from->message);
  }
  state->failed = TRUE;
  return FALSE;
}

static gpointer begin_load(GdkPixbufModuleSizeFunc size_func,
                           GdkPixbufModulePreparedFunc prepared_func,
                           GdkPixbufModuleUpdatedFunc updated_func, gpointer user, GError** error) {
  loading* state = g_new0(loading, 1);
  dlf_decoder_options options;
  dlf_error failure;
  DLF_INIT(&options);
  DLF_INIT(&failure);
  DLF_INIT(&state->info);
  options.downscale = MAX_DOWNSCALE; /* decoding judges the size that it takes */
  state->size_func = size_func;
  state->prepared_func = prepared_func;
  state->updated_func = updated_func;
  state->user = user;
  state->downscale = 1;
  if (dlf_decoder_open(NULL, &options, &state->decoder, &failure) != DLF_OK) {
    refuse(state, &failure, error);
    g_free(state);
    return NULL;
  }
  return state;
}

/* Asks what size is wanted, once the header tells which there is. */
static void negotiate_size(loading* state) {
  gint width, height;
  if (state->info.width != 0 ||
      dlf_decoder_get_info(state->decoder, &state->info, NULL) != DLF_OK) {
    return;
  }
  width = (gint)state->info.width;
  height = (gint)state->info.height;
  if (state->size_func == NULL) return;
  state->size_func(&width, &height, state->user);
  if (width <= 0 || height <= 0) {
    state->downscale = 0;
  } else {
    state->downscale =
        downscale_for(state->info.width, state->info.height, (uint32_t)width, (uint32_t)height);
  }
}

static gboolean load_increment(gpointer context, const guchar* data, guint size, GError** error) {
  loading* state = context;
  dlf_error failure;
  DLF_INIT(&failure);
  if (state->failed) return FALSE;
  if (state->downscale == 0) return TRUE;
  if (dlf_decoder_push(state->decoder, data, size, &failure) != DLF_OK) {
    return refuse(state, &failure, error);
  }
  negotiate_size(state);
  return TRUE;
}

/* gdk-pixbuf knows red, green and blue, with or without alpha. */
static void copy_samples(const dlf_picture* from, GdkPixbuf* to) {
  const uint8_t* source = from->samples.data;
  const gsize stride = (gsize)gdk_pixbuf_get_rowstride(to);
  const uint32_t colours = from->channels < 3 ? 1 : 3, alpha = from->channels - colours;
  guchar* const pixels = gdk_pixbuf_get_pixels(to);
  uint32_t x, y, c;
  for (y = 0; y < from->height; ++y) {
    guchar* target = pixels + y * stride;
    for (x = 0; x < from->width; ++x) {
      for (c = 0; c < 3; ++c) *target++ = source[colours == 3 ? c : 0];
      if (alpha != 0) *target++ = source[colours];
      source += from->channels;
    }
  }
}

/* What viewers ask a pixbuf for. */
static void set_options(const loading* state, GdkPixbuf* pixbuf) {
  dlf_chunks* chunks = NULL;
  size_t size = 0, i;
  const uint8_t* data = dlf_decoder_data(state->decoder, &size);
  gchar orientation[2] = {(gchar)('0' + state->info.orientation), '\0'};
  gdk_pixbuf_set_option(pixbuf, "orientation", orientation);
  dlf_chunks_open(data, size, NULL, &chunks, NULL);
  for (i = 0; i < dlf_chunks_count(chunks); ++i) {
    dlf_chunk chunk;
    DLF_INIT(&chunk);
    dlf_chunks_get(chunks, i, &chunk, NULL);
    if (chunk.type == DLF_CHUNK_ICC) {
      gchar* text = g_base64_encode(chunk.data, chunk.size);
      gdk_pixbuf_set_option(pixbuf, "icc-profile", text);
      g_free(text);
    }
  }
  dlf_chunks_free(chunks);
}

static gboolean show(loading* state, const dlf_picture* picture, GError** error) {
  const gint width = (gint)picture->width, height = (gint)picture->height;
  GdkPixbuf* pixbuf =
      gdk_pixbuf_new(GDK_COLORSPACE_RGB, picture->channels % 2 == 0, 8, width, height);
  if (pixbuf == NULL) {
    g_set_error(error, GDK_PIXBUF_ERROR, GDK_PIXBUF_ERROR_INSUFFICIENT_MEMORY,
                "no memory for a picture of %dx%d pixels", width, height);
    return FALSE;
  }
  set_options(state, pixbuf);
  if (state->prepared_func != NULL) state->prepared_func(pixbuf, NULL, state->user);
  copy_samples(picture, pixbuf);
  if (state->updated_func != NULL) {
    state->updated_func(pixbuf, 0, 0, width, height, state->user);
  }
  g_object_unref(pixbuf);
  return TRUE;
}

/* The networks that the file asks for. DLF_MODEL_ERROR where there are none. */
static dlf_status open_model(uint32_t id, dlf_codec** codec, dlf_error* error) {
  char* path = search_model_id(id);
  dlf_codec_options options;
  dlf_status status = DLF_MODEL_ERROR;
  DLF_INIT(&options);
  options.threads = (uint32_t)g_get_num_processors();
  if (path == NULL) {
    error->status = status;
    g_snprintf(error->message, sizeof error->message,
               "no model with id %u in the folders of " MODEL_PATH_VARIABLE
               " or among the installed ones",
               (unsigned)id);
  } else {
    status = dlf_codec_open(path, &options, codec, error);
  }
  free(path);
  return status;
}

static gboolean decode(loading* state, GError** error) {
  dlf_codec* codec = NULL;
  dlf_decode_options options;
  dlf_picture picture;
  dlf_error failure;
  gboolean good = FALSE;
  DLF_INIT(&options);
  DLF_INIT(&picture);
  DLF_INIT(&failure);
  options.downscale = state->downscale;
  if (dlf_decoder_finish(state->decoder, &failure) == DLF_OK &&
      open_model(state->info.model_id, &codec, &failure) == DLF_OK &&
      dlf_decoder_picture(state->decoder, codec, &options, &picture, &failure) == DLF_OK) {
    good = show(state, &picture, error);
  } else {
    refuse(state, &failure, error);
  }
  dlf_buffer_free(&picture.samples);
  dlf_codec_free(codec);
  return good;
}

static gboolean stop_load(gpointer context, GError** error) {
  loading* state = context;
  const gboolean good = !state->failed && (state->downscale == 0 || decode(state, error));
  dlf_decoder_free(state->decoder);
  g_free(state);
  return good;
}

void fill_vtable(GdkPixbufModule* module) {
  module->begin_load = begin_load;
  module->load_increment = load_increment;
  module->stop_load = stop_load;
}

void fill_info(GdkPixbufFormat* info) {
  static GdkPixbufModulePattern signature[] = {{(char*)"\xc4LF\n", NULL, 100}, {NULL, NULL, 0}};
  static gchar* types[] = {(gchar*)"image/x-dlf", NULL};
  static gchar* extensions[] = {(gchar*)"dlf", NULL};
  info->name = (gchar*)"dlf";
  info->signature = signature;
  info->description = (gchar*)"DLF image";
  info->mime_types = types;
  info->extensions = extensions;
  info->flags = GDK_PIXBUF_FORMAT_THREADSAFE;
  info->license = (gchar*)"Apache-2.0";
}

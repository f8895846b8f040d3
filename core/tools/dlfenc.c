/* dlfenc: an image file to a .dlf file. dlfenc.1 describes it. */
#define _XOPEN_SOURCE 700
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common_options.h"
#include "files.h"
#include "images.h"
#include "importance.h"
#include "models.h"
#include "say.h"
#include "tool.h"
#include "writing.h"

/* A fortieth of the size asked for may stay unused without a word. */
enum { MAX_QUALITY = 100, DEFAULT_QUALITY = 50, KINDS = 3, UNUSED = 40, MAX_UNUSED_TEXT = 100 };
#define MAX_BPP 1e6

typedef struct options {
  common_options common;
  const char *input, *output;
  double quality;
  double bpp;         /* 0: not given */
  uint64_t max_bytes; /* 0: not given */
  importance importance;
  int keep[KINDS]; /* as kept_kinds */
} options;

static const struct {
  const char* name;
  uint32_t type;
} kept_kinds[KINDS] = {{"icc", DLF_CHUNK_ICC}, {"exif", DLF_CHUNK_EXIF}, {"xmp", DLF_CHUNK_XMP}};

static void print_help(void) {
  printf(
      "usage: dlfenc [options] IN OUT.dlf\n"
      "\n"
      "Encodes an image (%s) as a .dlf file. - is standard input or output.\n"
      "\n"
      "  -q, --quality 0..100   0 is smallest, 100 is best (default: %d)\n"
      "      --bpp X            at most X bits of file per pixel, instead of a quality\n"
      "      --bytes N          at most N bytes of file, instead of a quality\n"
      "      --importance WHERE more bits there: auto, a mask (a picture, white is most), or "
      "boxes\n"
      "                         X,Y,W,H[:GAIN] in pixels, gain -1 to 1; boxes may be repeated\n"
      "      --model NAME|FILE  model package (default: dlf-s)\n"
      "      --device NAME      cpu (default), cuda, cuda:N\n"
      "      --backend NAME     auto (default), integer (exact), torch: what runs integer\n"
      "                         networks; auto is integer on the CPU\n"
      "      --threads N        default: all CPUs\n"
      "      --keep KIND        embed the PNG's own exif, icc or xmp; may be repeated\n"
      "      --force            write even over a picture in another format; never over the input\n"
      "      --no-clobber       write over no existing file\n"
      "      --quiet            print nothing\n"
      "      --verbose          print what the library does\n"
      "  -h, --help\n"
      "  -V, --version\n"
      "\n" EXIT_STATUS_TEXT,
      format_list(), DEFAULT_QUALITY);
}

static int keep_kind(options* out, const char* word) {
  int i;
  for (i = 0; i < KINDS; ++i) {
    if (strcmp(word, kept_kinds[i].name) == 0) return out->keep[i] = 1;
  }
  complain(EXIT_USAGE, "--keep must be exif, icc or xmp, not '%s'", word);
  return 0;
}

/* Returns -1 to go on, or the exit status. */
static int read_options(int argc, char** argv, options* out) {
  enum { BPP = OWN_OPTIONS, BYTES, IMPORTANCE, KEEP };
  static const struct option names[] = {{"quality", required_argument, NULL, 'q'},
                                        {"bpp", required_argument, NULL, BPP},
                                        {"importance", required_argument, NULL, IMPORTANCE},
                                        {"bytes", required_argument, NULL, BYTES},
                                        {"keep", required_argument, NULL, KEEP},
                                        COMMON_OPTION_ROWS};
  int targets = 0, letter, status, good = 1;
  memset(out, 0, sizeof *out);
  common_defaults(&out->common);
  out->quality = DEFAULT_QUALITY;
  while (good && (letter = getopt_long(argc, argv, ":q:hV", names, NULL)) != -1) {
    switch (letter) {
      case 'q':
        good = read_number("--quality", optarg, 0, MAX_QUALITY, &out->quality);
        ++targets;
        break;
      case BPP:
        good = read_number("--bpp", optarg, 0, HUGE_VAL, &out->bpp);
        if (good && !(out->bpp > 0)) return complain(EXIT_USAGE, "--bpp must be above 0");
        ++targets;
        break;
      case BYTES:
        good = read_count("--bytes", optarg, 1, UINT64_MAX, &out->max_bytes);
        ++targets;
        break;
      case IMPORTANCE:
        good = read_importance(optarg, &out->importance);
        break;
      case KEEP:
        good = keep_kind(out, optarg);
        break;
      default:
        status = read_common(letter, argv, &out->common, print_help);
        if (status >= 0) return status;
    }
  }
  if (!good) return EXIT_USAGE;
  if (targets > 1) {
    return complain(EXIT_USAGE, "give one of --quality, --bpp and --bytes");
  }
  if ((status = check_common(&out->common)) >= 0) return status;
  if (argc - optind != 2) {
    return complain(EXIT_USAGE, "usage: dlfenc [options] IN OUT.dlf (--help tells more)");
  }
  out->input = argv[optind];
  out->output = argv[optind + 1];
  return -1;
}

/* The metadata to embed; returns how many chunks there are. */
static size_t choose_chunks(const options* given, const picture* image, dlf_chunk chunks[KINDS]) {
  const bytes* const contents[KINDS] = {&image->icc, &image->exif, &image->xmp};
  size_t count = 0;
  int i;
  for (i = 0; i < KINDS; ++i) {
    if (!given->keep[i] || contents[i]->size == 0) continue;
    DLF_INIT(&chunks[count]);
    chunks[count].type = kept_kinds[i].type;
    chunks[count].data = contents[i]->data;
    chunks[count].size = contents[i]->size;
    ++count;
  }
  if (image->icc.size > 0 && !given->keep[0]) {
    complain(0,
             "%s: its colour profile is not applied, the pixels are taken for sRGB "
             "(--keep icc embeds it)",
             given->input);
  }
  return count;
}

/* The rate point, or the size, that the options ask for. Returns 0 or an exit status. */
static int choose_target(const options* given, const dlf_codec* codec, const picture* image,
                         dlf_encode_options* encoding) {
  dlf_package_info model;
  DLF_INIT(&model);
  dlf_package_get_info(dlf_codec_package(codec), &model, NULL);
  encoding->rate = (uint32_t)floor(given->quality * (model.rate_points - 1) / MAX_QUALITY + 0.5);
  encoding->max_bytes = given->max_bytes;
  if (given->bpp > 0) {
    const double bpp = given->bpp < MAX_BPP ? given->bpp : MAX_BPP;
    encoding->max_bytes = (uint64_t)floor(bpp * image->width * image->height / 8);
    if (encoding->max_bytes == 0) {
      return complain(EXIT_USAGE, "%s: no file has 0 bytes, as --bpp %g asks for", given->input,
                      given->bpp);
    }
  }
  return 0;
}

/* Whether a size was asked for that is more than the model's best needs. */
static int is_unused(const dlf_info* info, const dlf_codec* codec, uint64_t size,
                     uint64_t allowed) {
  dlf_package_info model;
  DLF_INIT(&model);
  dlf_package_get_info(dlf_codec_package(codec), &model, NULL);
  return info->rate + 1 == model.rate_points && allowed > 0 && size < allowed - allowed / UNUSED;
}

static void report(const options* given, const dlf_codec* codec, uint64_t allowed,
                   const dlf_buffer* file, double seconds) {
  char unused[MAX_UNUSED_TEXT] = "";
  dlf_info info;
  DLF_INIT(&info);
  dlf_probe(file->data, file->size, &info, NULL);
  if (is_unused(&info, codec, file->size, allowed)) {
    snprintf(unused, sizeof unused, "; the best that the model gives, of the %llu bytes allowed",
             (unsigned long long)allowed);
  }
  say(is_standard_output(given->output) ? stderr : stdout,
      "%s: %llu bytes, %.4f bpp, %lux%lu %s, rate %lu, %.2f s%s", given->output,
      (unsigned long long)file->size, 8.0 * (double)file->size / ((double)info.width * info.height),
      (unsigned long)info.width, (unsigned long)info.height, mode_name(info.channels),
      (unsigned long)info.rate, seconds, unused);
}

/* Everything from the loaded model to the written file. */
static int encode(const options* given, const dlf_codec* codec, const picture* picture) {
  const double start = seconds_now();
  dlf_encode_options encoding;
  dlf_chunk chunks[KINDS];
  dlf_image image;
  dlf_buffer file;
  dlf_error error;
  int8_t* grid = NULL;
  int status;
  DLF_INIT(&encoding);
  DLF_INIT(&image);
  DLF_INIT(&file);
  DLF_INIT(&error);
  image.data = picture->samples;
  image.width = picture->width;
  image.height = picture->height;
  image.channels = picture->channels;
  encoding.orientation = picture->orientation;
  encoding.chunks = chunks;
  encoding.chunk_count = choose_chunks(given, picture, chunks);
  encoding.progress = stop_when_interrupted;
  status = choose_target(given, codec, picture, &encoding);
  if (status == 0) {
    status =
        apply_importance(&given->importance, picture->width, picture->height, &encoding, &grid);
  }
  if (status == 0 && dlf_encode(codec, &image, &encoding, &file, &error) != DLF_OK) {
    status = complain_error(given->input, &error);
  }
  free(grid);
  if (status != 0) return status;
  if (!write_whole(given->output, file.data, file.size)) {
    status = EXIT_FAILED;
  } else if (!given->common.quiet) {
    report(given, codec, encoding.max_bytes, &file, seconds_now() - start);
  }
  dlf_buffer_free(&file);
  return status;
}

int main(int argc, char** argv) {
  options given;
  bytes file;
  picture image;
  dlf_logger logger;
  dlf_error error;
  dlf_codec* codec = NULL;
  char* model;
  int status;
  tool_start("dlfenc");
  status = read_options(argc, argv, &given);
  if (status >= 0) return status;
  status = judge_output(given.output, "dlf", given.input, given.common.choice);
  if (status != 0) return status;
  if (!read_whole(given.input, &file)) return EXIT_FAILED;
  status = read_picture(given.input, &file, &image);
  free(file.data);
  model = status == 0 ? find_model(given.common.model) : NULL;
  if (status == 0) status = model == NULL ? EXIT_MODEL : refuse_input(given.output, model);
  if (status == 0 && given.importance.mask != NULL) {
    status = refuse_input(given.output, given.importance.mask);
  }
  if (status == 0) {
    DLF_INIT(&error);
    verbose_logger(&logger);
    if (given.common.verbose) given.common.codec.logger = &logger;
    if (dlf_codec_open(model, &given.common.codec, &codec, &error) != DLF_OK) {
      status = complain_error(model, &error);
    } else {
      status = encode(&given, codec, &image);
    }
  }
  dlf_codec_free(codec);
  free(model);
  free_picture(&image);
  return status;
}

#define _XOPEN_SOURCE 700
#include "dlfdec_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "downscale.h"
#include "thumbnail.h"
#include "writing.h"

static void print_help(void) {
  printf(
      "usage: dlfdec [options] IN.dlf OUT\n"
      "       dlfdec --info IN.dlf\n"
      "\n"
      "Decodes a .dlf file to an image (%s). - is standard input or output.\n"
      "\n"
      "      --format NAME       of the image; default: as OUT ends, and %s for -\n"
      "      --layers all|semantic\n"
      "                          semantic: leave the detail layer out\n"
      "      --downscale N       the picture at 1/1, 1/2, 1/4 or 1/8 of its size, from less work\n"
      "      --thumbnail N       at most N pixels wide and high, upright, without metadata\n"
      "      --noise vivid|faithful\n"
      "                          faithful: no texture that the file does not describe\n"
      "      --region X,Y,W,H    this part of the picture only, in pixels of its full size\n"
      "      --allow-truncated   the best picture so far of a file that ends too early\n"
      "      --info              print what the header and the chunks say; needs no model\n"
      "      --model NAME|FILE   model package (default: the one that the file asks for)\n"
      "      --device NAME       cpu (default), cuda, cuda:N\n"
      "      --backend NAME      auto (default), integer (exact), torch: what runs integer\n"
      "                          networks; auto is integer on the CPU\n"
      "      --threads N         default: all CPUs\n"
      "      --max-pixels N      refuse larger pictures (default: 134217728)\n"
      "      --max-side N        refuse wider and higher pictures (default: 65535)\n"
      "      --max-memory N      refuse what needs more bytes (default: 4294967296)\n"
      "      --max-chunk-bytes N refuse more metadata, inflated (default: 67108864)\n"
      "      --max-file-bytes N  refuse larger files (default: 268435456)\n"
      "      --force             write even over a picture in another format; never over the "
      "input\n"
      "      --no-clobber        write over no existing file\n"
      "      --quiet             print nothing\n"
      "      --verbose           print what the library does\n"
      "  -h, --help\n"
      "  -V, --version\n"
      "\n" EXIT_STATUS_TEXT,
      format_list(), format_named("png") == FORMAT_NONE ? "PAM" : "PNG");
}

static int read_region(const char* word, dlf_decode_options* to) {
  unsigned long x, y, width, height;
  char end;
  if (strchr(word, '-') != NULL ||
      sscanf(word, "%lu,%lu,%lu,%lu%c", &x, &y, &width, &height, &end) != 4 || width < 1 ||
      height < 1 || (x | y | width | height) > UINT32_MAX) {
    complain(EXIT_USAGE, "--region must be X,Y,WIDTH,HEIGHT in pixels, not '%s'", word);
    return 0;
  }
  to->region_x = (uint32_t)x;
  to->region_y = (uint32_t)y;
  to->region_width = (uint32_t)width;
  to->region_height = (uint32_t)height;
  return 1;
}

static int read_layers(const char* word, dlf_decode_options* to) {
  to->semantic_only = strcmp(word, "semantic") == 0;
  if (to->semantic_only || strcmp(word, "all") == 0) return 1;
  complain(EXIT_USAGE, "--layers must be all or semantic, not '%s'", word);
  return 0;
}

static int read_noise(const char* word, dlf_decode_options* to) {
  to->noise = strcmp(word, "faithful") == 0 ? DLF_NOISE_FAITHFUL : DLF_NOISE_VIVID;
  if (to->noise == DLF_NOISE_FAITHFUL || strcmp(word, "vivid") == 0) return 1;
  complain(EXIT_USAGE, "--noise must be vivid or faithful, not '%s'", word);
  return 0;
}

static int read_downscale(const char* word, options* to) {
  if (strlen(word) == 1 && strchr("1248", *word) != NULL) {
    to->decoding.downscale = to->reading.downscale = (uint32_t)(*word - '0');
    return 1;
  }
  complain(EXIT_USAGE, "--downscale must be 1, 2, 4 or 8, not '%s'", word);
  return 0;
}

static int read_format(const char* word, options* to) {
  to->form = format_named(word);
  if (to->form == FORMAT_NONE) complain(EXIT_USAGE, "--format must be one of %s", format_list());
  return to->form != FORMAT_NONE;
}

/* What stands after the options. Returns -1 to go on, or the exit status. */
static int read_words(int argc, char** argv, options* out) {
  if (argc - optind != (out->info_only ? 1 : 2)) {
    return complain(EXIT_USAGE,
                    "usage: dlfdec [options] IN.dlf OUT, or dlfdec --info IN.dlf "
                    "(--help tells more)");
  }
  out->input = argv[optind];
  out->output = out->info_only ? STANDARD_STREAM : argv[optind + 1];
  if (out->form != FORMAT_NONE || out->info_only) return -1;
  out->form = format_of_path(out->output);
  if (out->form == FORMAT_NONE && is_stream(out->output)) {
    out->form = format_named("png") != FORMAT_NONE ? FORMAT_PNG : FORMAT_PAM;
  }
  return out->form != FORMAT_NONE ? -1
                                  : complain(EXIT_USAGE,
                                             "%s: the name must end like one of %s, or "
                                             "--format say what to write",
                                             out->output, format_list());
}

int read_options(int argc, char** argv, options* out) {
  enum {
    FORM = OWN_OPTIONS,
    LAYERS,
    DOWNSCALE,
    THUMBNAIL,
    NOISE,
    REGION,
    ALLOW_TRUNCATED,
    INFO,
    PIXELS,
    SIDE,
    MEMORY,
    CHUNKS,
    FILE_BYTES
  };
  static const struct option names[] = {{"format", required_argument, NULL, FORM},
                                        {"layers", required_argument, NULL, LAYERS},
                                        {"downscale", required_argument, NULL, DOWNSCALE},
                                        {"thumbnail", required_argument, NULL, THUMBNAIL},
                                        {"noise", required_argument, NULL, NOISE},
                                        {"region", required_argument, NULL, REGION},
                                        {"allow-truncated", no_argument, NULL, ALLOW_TRUNCATED},
                                        {"info", no_argument, NULL, INFO},
                                        {"max-pixels", required_argument, NULL, PIXELS},
                                        {"max-side", required_argument, NULL, SIDE},
                                        {"max-memory", required_argument, NULL, MEMORY},
                                        {"max-chunk-bytes", required_argument, NULL, CHUNKS},
                                        {"max-file-bytes", required_argument, NULL, FILE_BYTES},
                                        COMMON_OPTION_ROWS};
  uint64_t side = 0, thumbnail = 0;
  int letter, status, good = 1;
  memset(out, 0, sizeof *out);
  common_defaults(&out->common);
  DLF_INIT(&out->reading);
  DLF_INIT(&out->decoding);
  DLF_INIT(&out->limits);
  while (good && (letter = getopt_long(argc, argv, ":hV", names, NULL)) != -1) {
    switch (letter) {
      case FORM:
        good = read_format(optarg, out);
        break;
      case LAYERS:
        good = read_layers(optarg, &out->decoding);
        break;
      case DOWNSCALE:
        good = read_downscale(optarg, out);
        break;
      case THUMBNAIL:
        good = read_count("--thumbnail", optarg, 1, MAX_THUMBNAIL, &thumbnail);
        break;
      case NOISE:
        good = read_noise(optarg, &out->decoding);
        break;
      case REGION:
        good = read_region(optarg, &out->decoding);
        break;
      case ALLOW_TRUNCATED:
        out->reading.allow_truncated = 1;
        break;
      case INFO:
        out->info_only = 1;
        break;
      case PIXELS:
        good = read_count("--max-pixels", optarg, 1, UINT64_MAX, &out->limits.max_pixels);
        break;
      case SIDE:
        good = read_count("--max-side", optarg, 1, UINT32_MAX, &side);
        break;
      case CHUNKS:
        good = read_count("--max-chunk-bytes", optarg, 1, UINT64_MAX, &out->limits.max_chunk_bytes);
        break;
      case FILE_BYTES:
        good = read_count("--max-file-bytes", optarg, 1, UINT64_MAX, &out->limits.max_file_bytes);
        break;
      case MEMORY:
        good = read_count("--max-memory", optarg, 1, UINT64_MAX, &out->limits.max_memory);
        break;
      default:
        status = read_common(letter, argv, &out->common, print_help);
        if (status >= 0) return status;
    }
  }
  if (!good) return EXIT_USAGE;
  if ((status = check_common(&out->common)) >= 0) return status;
  if (thumbnail != 0) {
    if (out->decoding.downscale != 0 || out->decoding.region_width != 0) {
      return complain(EXIT_USAGE, "--thumbnail goes neither with --downscale nor with --region");
    }
    out->thumbnail = (uint32_t)thumbnail;
    out->reading.downscale = MAX_DOWNSCALE; /* decoding judges the size that it takes */
  }
  out->limits.max_side = (uint32_t)side;
  return read_words(argc, argv, out);
}

// The part of dlf._core that codes pixels. The interface is described in python/dlf/_core.pyi.
#include "codec/codec.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/constants.h"
#include "base/pages.h"
#include "call.h"
#include "codec/decoder.h"
#include "codec/transforms.h"
#include "common.h"
#include "file.h"
#include "image.h"
#include "interpreter.h"
#include "keywords.h"
#include "package.h"
#include "torch_capsule.h"

namespace dlf::python {
namespace {

using ChunkPair = std::pair<uint32_t, py::bytes>;

std::vector<Chunk> chunks_of(const std::vector<ChunkPair>& pairs) {
  std::vector<Chunk> chunks;
  for (const auto& [type, content] : pairs) {
    if (type == kChunkAlpha) throw py::value_error("the alpha chunk comes from the pixels");
    Chunk chunk;
    chunk.type = type;
    const std::string_view bytes(content);
    chunk.content.assign(bytes.begin(), bytes.end());
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

EncodeOptions encode_options(int orientation, const std::string& color_space,
                             const std::vector<ChunkPair>& chunks) {
  if (orientation < 1 || orientation > 8) throw py::value_error("orientation must be 1 to 8");
  EncodeOptions options;
  options.orientation = static_cast<uint8_t>(orientation);
  options.color_space = color_space_of(color_space);
  options.chunks = chunks_of(chunks);
  return options;
}

uint8_t rate_of(int rate) {
  if (rate < 0 || rate > UINT8_MAX) throw py::value_error("rate must be 0 to 255");
  return static_cast<uint8_t>(rate);
}

using Size = std::tuple<uint32_t, uint32_t>;
using CallPointer = std::unique_ptr<Call>;

// One picture on its way to a file.
struct Encoding {
  Image image;
  Importance importance;
  EncodeOptions options;
  std::vector<uint8_t> file;
  py::object progress;

  Encoding(const py::array& pixels, const py::kwargs& given) : Encoding(pixels, Keywords(given)) {}

  static py::object result(const Encoding& encoding) { return to_bytes(encoding.file); }

 private:
  Encoding(const py::array& pixels, Keywords given)
      : image(pixels), importance(given.take<py::object>("importance", py::none())) {
    options =
        encode_options(given.take("orientation", 1), given.take<std::string>("color_space", "srgb"),
                       given.take("chunks", std::vector<ChunkPair>()));
    if (const auto size = given.take<std::optional<Size>>("display_size", std::nullopt)) {
      std::tie(options.display_width, options.display_height) = *size;
    }
    options.force_trailer = given.take("trailer", false);
    options.limits = limits_of(given.take<py::object>("limits", py::none()));
    progress = given.take<py::object>("progress", py::none());
    given.end();
  }
};

CallPointer encode(const Codec& codec, const py::array& pixels, int rate, const py::kwargs& given) {
  Encoding encoding(pixels, given);
  encoding.options.rate = rate_of(rate);
  const py::object progress = encoding.progress;
  const auto work = [&codec](Encoding& state, Call& call) {
    state.importance.put(&state.options);
    state.options.progress = call.progress();
    state.file = codec.encode(state.image.pixels(), state.options);
  };
  return Call::start(progress, std::move(encoding), work, &Encoding::result);
}

CallPointer encode_to_size(const Codec& codec, const py::array& pixels, uint64_t max_bytes,
                           const py::kwargs& given) {
  Encoding encoding(pixels, given);
  const py::object progress = encoding.progress;
  const auto work = [&codec, max_bytes](Encoding& state, Call& call) {
    state.importance.put(&state.options);
    state.options.progress = call.progress();
    state.file = codec.encode_to_size(state.image.pixels(), max_bytes, state.options);
  };
  return Call::start(progress, std::move(encoding), work, &Encoding::result);
}

Layers layers_of(const std::string& name) {
  if (name == "all") return Layers::kAll;
  if (name == "semantic") return Layers::kSemantic;
  throw py::value_error("layers must be \"all\" or \"semantic\", not \"" + name + "\"");
}

Noise noise_of(const std::string& name) {
  if (name == "vivid") return Noise::kVivid;
  if (name == "faithful") return Noise::kFaithful;
  throw py::value_error("noise must be \"vivid\" or \"faithful\", not \"" + name + "\"");
}

using Rectangle = std::tuple<uint32_t, uint32_t, uint32_t, uint32_t>;

py::array_t<uint8_t> new_pixels(uint32_t height, uint32_t width, int channels) {
  std::vector<py::ssize_t> shape{height, width};
  if (channels > 1) shape.push_back(channels);
  py::array_t<uint8_t> pixels(std::move(shape));
  // NumPy asks for huge pages, which a band of a wide picture would touch all of at once.
  fill_by_small_pages(pixels.mutable_data(), static_cast<size_t>(pixels.nbytes()));
  return pixels;
}

// Null, which means out of memory, for an array of another size than was asked for.
uint8_t* memory_of(py::array_t<uint8_t>* pixels, size_t bytes) {
  return static_cast<size_t>(pixels->nbytes()) == bytes ? pixels->mutable_data() : nullptr;
}

// What decoding one file and several have in common.
DecodeOptions decode_options(Keywords* given) {
  DecodeOptions options;
  options.layers = layers_of(given->take<std::string>("layers", "all"));
  options.allow_truncated = given->take("allow_truncated", false);
  options.downscale = given->take("downscale", 1);
  options.noise = noise_of(given->take<std::string>("noise", "vivid"));
  options.limits = limits_of(given->take<py::object>("limits", py::none()));
  return options;
}

// Decoded samples as an array.
struct AsArray {
  py::array_t<uint8_t> pixels;

  uint8_t* allocate(const Region& area, int channels, size_t bytes) {
    pixels = new_pixels(area.height, area.width, channels);
    return memory_of(&pixels, bytes);
  }
  py::object result(const Region&, int) const { return pixels; }
};

// Decoded samples as a bytearray: NumPy is not imported, which takes longer than a small picture.
struct AsBytes {
  py::object samples;

  uint8_t* allocate(const Region&, int, size_t bytes) {
    samples = py::reinterpret_steal<py::object>(
        PyByteArray_FromStringAndSize(nullptr, static_cast<py::ssize_t>(bytes)));
    if (!samples) throw py::error_already_set();
    return reinterpret_cast<uint8_t*>(PyByteArray_AsString(samples.ptr()));
  }
  py::object result(const Region& area, int channels) const {
    return py::make_tuple(samples, area.height, area.width, channels);
  }
};

template <typename Out>
CallPointer decode(const Codec& codec, const py::object& data, const py::kwargs& named) {
  struct State {
    FilePointer file;
    FileView view;
    DecodeOptions options;
    std::vector<Chunk> chunks;
    Region area;
    int channels;
    Out out;
  };
  Keywords given(named);
  const FilePointer file = file_of(data);
  State state{file, file->view(), decode_options(&given), {}, {}, 1, {}};
  DecodeOptions& options = state.options;
  if (const auto region = given.take<std::optional<Rectangle>>("region", std::nullopt)) {
    options.region.emplace();
    std::tie(options.region->x, options.region->y, options.region->width, options.region->height) =
        *region;
  }
  const py::object progress = given.take<py::object>("progress", py::none());
  given.end();
  const Header& header = state.file->header();
  state.area = output_region(header, options);
  state.channels = header.picture.channels();

  const auto work = [&codec](State& own, Call& call) {
    own.options.progress = call.progress();
    DecodedPicture picture = codec.decode(own.view, own.options, [&](size_t bytes) {
      return call.allocate([&] { return own.out.allocate(own.area, own.channels, bytes); });
    });
    own.chunks = std::move(picture.chunks);
  };
  return Call::start(progress, std::move(state), work, [](State& own) -> py::object {
    own.file->keep_all(own.chunks);
    return own.out.result(own.area, own.channels);
  });
}

CallPointer encode_batch(const Codec& codec, const std::vector<py::array>& pictures, int rate,
                         const py::kwargs& named) {
  Keywords given(named);
  const auto orientations = given.take<std::vector<int>>("orientations");
  const auto color_spaces = given.take<std::vector<std::string>>("color_spaces");
  const auto chunks = given.take<std::vector<std::vector<ChunkPair>>>("chunks");
  const auto importance = given.take<std::vector<py::object>>("importance");
  const Limits limits = limits_of(given.take<py::object>("limits", py::none()));
  const py::object progress = given.take<py::object>("progress", py::none());
  given.end();
  const size_t count = pictures.size();
  if (orientations.size() != count || color_spaces.size() != count || chunks.size() != count ||
      importance.size() != count) {
    throw py::value_error(
        "every picture has one orientation, color_space, list of chunks, importance");
  }
  struct State {
    std::vector<Image> images;
    std::vector<Importance> importance;
    std::vector<EncodeOptions> options;
    std::vector<std::vector<uint8_t>> files;
  };
  State state;
  const uint8_t checked_rate = rate_of(rate);
  for (size_t i = 0; i < count; ++i) {
    state.images.emplace_back(pictures[i]);
    state.options.push_back(encode_options(orientations[i], color_spaces[i], chunks[i]));
    state.options.back().rate = checked_rate;
    state.options.back().limits = limits;
    state.importance.emplace_back(importance[i]);
    state.importance.back().put(&state.options.back());
  }
  const auto work = [&codec](State& own, Call& call) {
    std::vector<EncodeItem> items;
    for (size_t i = 0; i < own.images.size(); ++i) {
      items.push_back({own.images[i].pixels(), &own.options[i]});
    }
    own.files = codec.encode_batch(items, call.progress());
  };
  return Call::start(progress, std::move(state), work, [](const State& own) -> py::object {
    py::list out;
    for (const std::vector<uint8_t>& file : own.files) out.append(to_bytes(file));
    return out;
  });
}

CallPointer decode_batch(const Codec& codec, const std::vector<py::object>& files,
                         const py::kwargs& named) {
  struct State {
    std::vector<FilePointer> files;
    std::vector<FileView> views;
    DecodeOptions options;
    std::vector<DecodedPicture> pictures;
    py::list pixels;
  };
  Keywords given(named);
  State state;
  state.options = decode_options(&given);
  const py::object progress = given.take<py::object>("progress", py::none());
  given.end();
  for (size_t i = 0; i < files.size(); ++i) {
    naming("file", i, files.size(), [&] { state.files.push_back(file_of(files[i])); });
    state.views.push_back(state.files[i]->view());
  }

  const auto work = [&codec](State& own, Call& call) {
    own.options.progress = call.progress();
    const auto allocate = [&](size_t, const DecodedPicture& picture, size_t bytes) {
      return call.allocate([&] {
        const Region& area = picture.region;
        py::array_t<uint8_t> pixels = new_pixels(area.height, area.width, picture.channels);
        own.pixels.append(pixels);  // called in the files' order
        return memory_of(&pixels, bytes);
      });
    };
    own.pictures = codec.decode_batch(own.views, own.options, allocate);
  };
  return Call::start(progress, std::move(state), work, [](State& own) -> py::object {
    for (size_t i = 0; i < own.files.size(); ++i) {
      own.files[i]->keep_all(own.pictures[i].chunks);
    }
    return own.pixels;
  });
}

Precision precision_of(const std::string& name) {
  if (name == "fp32") return Precision::kFloat32;
  if (name == "bf16") return Precision::kBFloat16;
  throw py::value_error("precision must be \"fp32\" or \"bf16\", not \"" + name + "\"");
}

Backend backend_of(const std::string& name) {
  if (name == "auto") return Backend::kAuto;
  if (name == "integer") return Backend::kInteger;
  if (name == "torch") return Backend::kTorch;
  throw py::value_error("backend must be \"auto\", \"integer\" or \"torch\", not \"" + name + "\"");
}

// Asks Python for the torch backend; what it raises says how to get it.
TorchBackend torch_backend(const ModelPackage& model) {
  const py::object capsule =
      py::module_::import("dlf.torchscript")
          .attr("backend")(path_text(model.path()), model.normative().synthesis.has_value());
  void* const backend = PyCapsule_GetPointer(capsule.ptr(), kTorchCapsule);
  if (backend == nullptr) throw py::error_already_set();
  return *static_cast<const TorchBackend*>(backend);
}

std::unique_ptr<Codec> open(const std::string& path, const std::string& device, int threads,
                            const std::string& precision,
                            const std::optional<uint64_t>& pixels_per_call,
                            const std::string& backend, const PackageHandle* package) {
  if (threads < 1) throw py::value_error("threads must be at least 1");
  const NetworkOptions options{device, precision_of(precision), pixels_per_call,
                               backend_of(backend)};
  Unlocked unlocked;
  std::vector<uint8_t> archive;  // what TorchScript networks are loaded from
  const bool is_loaded = package != nullptr && package->package->normative().synthesis;
  auto model = is_loaded ? package->package : ModelPackage::load(path, &archive);
  Networks networks = load_networks(archive, *model, options, [&](const ModelPackage& needing) {
    const Unlocked::Interrupted interrupted(&unlocked);
    return torch_backend(needing);
  });
  return std::make_unique<Codec>(std::move(model), std::move(networks), threads);
}

}  // namespace

void add_codec(py::module_& m) {
  using py::arg;
  const py::none none;
  py::class_<Call>(m, "Call")
      .def_property_readonly("progress", &Call::callback)
      .def("wait", &Call::wait)
      .def_property_readonly("done", &Call::done)
      .def_property_readonly("total", &Call::total)
      .def("result", &Call::result)
      .def("end", &Call::end);

  py::class_<Codec>(m, "Codec")
      .def(py::init(&open), arg("path"), arg("device") = "cpu", arg("threads") = 1,
           arg("precision") = "fp32", arg("pixels_per_call") = none, arg("backend") = "auto",
           arg("package") = none)
      .def_property_readonly("model_id", [](const Codec& codec) { return codec.model().id(); })
      .def_property_readonly("sha256",
                             [](const Codec& codec) { return codec.model().sha256_hex(); })
      .def_property_readonly(
          "rate_points", [](const Codec& codec) { return codec.model().normative().rate_points; })
      .def("start_encode", &encode, py::keep_alive<0, 1>(), arg("pixels"), arg("rate"))
      .def("start_encode_batch", &encode_batch, py::keep_alive<0, 1>(), arg("pictures"),
           arg("rate"))
      .def("start_encode_to_size", &encode_to_size, py::keep_alive<0, 1>(), arg("pixels"),
           arg("max_bytes"))
      .def("start_decode", &decode<AsArray>, py::keep_alive<0, 1>(), arg("data"))
      .def("start_decode_samples", &decode<AsBytes>, py::keep_alive<0, 1>(), arg("data"))
      .def("start_decode_batch", &decode_batch, py::keep_alive<0, 1>(), arg("files"));
}
}  // namespace dlf::python

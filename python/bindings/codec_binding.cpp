// The part of dlf._core that codes pixels. The interface is described in python/dlf/_core.pyi.
#include "codec.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "common.h"
#include "constants.h"
#include "torchscript_capsule.h"
#include "transforms.h"

namespace dlf::python {
namespace {

// A borrowed image, in lines without gaps; copied only if it is not so.
class Image {
 public:
  explicit Image(const py::array& input) {
    if (!py::isinstance<py::array_t<uint8_t>>(input)) throw py::type_error("pixels must be uint8");
    if (input.ndim() != 2 && input.ndim() != 3) {
      throw py::value_error("pixels must be H x W or H x W x channels");
    }
    array_ = py::array_t<uint8_t, py::array::c_style>::ensure(input);
    if (!array_) throw py::error_already_set();
    const py::ssize_t channels = array_.ndim() == 3 ? array_.shape(2) : 1;
    for (const py::ssize_t side : {array_.shape(0), array_.shape(1)}) {
      if (side > static_cast<py::ssize_t>(UINT32_MAX)) throw py::value_error("too large an image");
    }
    if (channels < 1 || channels > 4) throw py::value_error("an image has 1, 2, 3 or 4 channels");
    pixels_.data = array_.data();
    pixels_.height = static_cast<uint32_t>(array_.shape(0));
    pixels_.width = static_cast<uint32_t>(array_.shape(1));
    pixels_.channels = static_cast<int>(channels);
    pixels_.stride = static_cast<size_t>(array_.shape(1) * channels);
  }

  const ConstPixels& pixels() const { return pixels_; }

 private:
  py::array_t<uint8_t, py::array::c_style> array_;
  ConstPixels pixels_;
};

// Asks Python between tiles, so that Ctrl-C ends a long call even without a callback.
Progress progress_of(const py::object& callback) {
  return [callback](uint32_t done, uint32_t total) {
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (callback.is_none()) return true;
    const py::object answer = callback(done, total);
    return answer.is_none() || answer.cast<bool>();
  };
}

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

EncodeOptions encode_options(int orientation, const std::string& colour,
                             const std::vector<ChunkPair>& chunks, bool trailer,
                             const py::object& limits, const py::object& progress) {
  if (orientation < 1 || orientation > 8) throw py::value_error("orientation must be 1 to 8");
  EncodeOptions options;
  options.orientation = static_cast<uint8_t>(orientation);
  options.colour = colour_of(colour);
  options.chunks = chunks_of(chunks);
  options.force_trailer = trailer;
  options.limits = limits_of(limits);
  options.progress = progress_of(progress);
  return options;
}

uint8_t rate_of(int rate) {
  if (rate < 0 || rate > UINT8_MAX) throw py::value_error("rate must be 0 to 255");
  return static_cast<uint8_t>(rate);
}

py::bytes encode(const Codec& codec, const py::array& pixels, int rate, int orientation,
                 const std::string& colour, const std::vector<ChunkPair>& chunks, bool trailer,
                 const py::object& limits, const py::object& progress) {
  const Image image(pixels);
  EncodeOptions options = encode_options(orientation, colour, chunks, trailer, limits, progress);
  options.rate = rate_of(rate);
  std::vector<uint8_t> file;
  {
    const py::gil_scoped_release release;
    file = codec.encode(image.pixels(), options);
  }
  return to_bytes(file);
}

py::bytes encode_to_size(const Codec& codec, const py::array& pixels, uint64_t max_bytes,
                         int orientation, const std::string& colour,
                         const std::vector<ChunkPair>& chunks, bool trailer,
                         const py::object& limits, const py::object& progress) {
  const Image image(pixels);
  const EncodeOptions options =
      encode_options(orientation, colour, chunks, trailer, limits, progress);
  std::vector<uint8_t> file;
  {
    const py::gil_scoped_release release;
    file = codec.encode_to_size(image.pixels(), max_bytes, options);
  }
  return to_bytes(file);
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

py::array_t<uint8_t> decode(const Codec& codec, const py::object& data, const std::string& layers,
                            bool allow_truncated, const std::optional<Rectangle>& region,
                            int downscale, const std::string& noise, const py::object& limits,
                            const py::object& progress) {
  const Buffer buffer(data);
  DecodeOptions options;
  options.layers = layers_of(layers);
  options.allow_truncated = allow_truncated;
  options.limits = limits_of(limits);
  options.progress = progress_of(progress);

  options.downscale = downscale;
  options.noise = noise_of(noise);
  if (region) {
    options.region.emplace();
    std::tie(options.region->x, options.region->y, options.region->width, options.region->height) =
        *region;
  }
  const Header header = parse_header(buffer.view());
  const Region area = output_region(header, options);
  std::vector<py::ssize_t> shape{area.height, area.width};
  if (header.picture.channels() > 1) shape.push_back(header.picture.channels());

  py::array_t<uint8_t> pixels;
  const Allocate allocate = [&](size_t bytes) {
    const py::gil_scoped_acquire acquire;
    pixels = py::array_t<uint8_t>(shape);
    return static_cast<size_t>(pixels.nbytes()) == bytes ? pixels.mutable_data() : nullptr;
  };
  {
    const py::gil_scoped_release release;
    codec.decode(buffer.view(), options, allocate);
  }
  return pixels;
}

py::list encode_batch(const Codec& codec, const std::vector<py::array>& pictures, int rate,
                      const std::vector<int>& orientations, const std::vector<std::string>& colours,
                      const std::vector<std::vector<ChunkPair>>& chunks, const py::object& limits,
                      const py::object& progress) {
  const size_t count = pictures.size();
  if (orientations.size() != count || colours.size() != count || chunks.size() != count) {
    throw py::value_error("every picture has one orientation, colour and list of chunks");
  }
  const uint8_t checked_rate = rate_of(rate);
  std::vector<Image> images;
  std::vector<EncodeOptions> options;
  for (size_t i = 0; i < count; ++i) {
    images.emplace_back(pictures[i]);
    options.push_back(
        encode_options(orientations[i], colours[i], chunks[i], false, limits, py::none()));
    options.back().rate = checked_rate;
  }
  std::vector<EncodeItem> items;
  for (size_t i = 0; i < count; ++i) items.push_back({images[i].pixels(), &options[i]});
  const Progress report = progress_of(progress);
  std::vector<std::vector<uint8_t>> files;
  {
    const py::gil_scoped_release release;
    files = codec.encode_batch(items, report);
  }
  py::list out;
  for (const std::vector<uint8_t>& file : files) out.append(to_bytes(file));
  return out;
}

py::list decode_batch(const Codec& codec, const std::vector<py::object>& files,
                      const std::string& layers, bool allow_truncated, int downscale,
                      const std::string& noise, const py::object& limits,
                      const py::object& progress) {
  DecodeOptions options;
  options.layers = layers_of(layers);
  options.allow_truncated = allow_truncated;
  options.downscale = downscale;
  options.noise = noise_of(noise);
  options.limits = limits_of(limits);
  options.progress = progress_of(progress);
  std::vector<std::unique_ptr<Buffer>> buffers;
  std::vector<ByteView> views;
  for (const py::object& file : files) {
    buffers.push_back(std::make_unique<Buffer>(file));
    views.push_back(buffers.back()->view());
  }
  py::list out;
  const AllocateEach allocate = [&](size_t, const DecodedPicture& picture, size_t bytes) {
    const py::gil_scoped_acquire acquire;
    std::vector<py::ssize_t> shape{picture.region.height, picture.region.width};
    if (picture.channels > 1) shape.push_back(picture.channels);
    py::array_t<uint8_t> pixels(shape);
    out.append(pixels);  // called in the files' order
    return static_cast<size_t>(pixels.nbytes()) == bytes ? pixels.mutable_data() : nullptr;
  };
  {
    const py::gil_scoped_release release;
    codec.decode_batch(views, options, allocate);
  }
  return out;
}

Precision precision_of(const std::string& name) {
  if (name == "fp32") return Precision::kFloat32;
  if (name == "bf16") return Precision::kBFloat16;
  throw py::value_error("precision must be \"fp32\" or \"bf16\", not \"" + name + "\"");
}

// Asks Python for the TorchScript backend; what it raises says how to get it.
TransformLoader torchscript_loader(const ModelPackage& model) {
  const py::gil_scoped_acquire acquire;
  const py::object capsule = py::module_::import("dlf.torchscript").attr("backend")(model.path());
  void* const backend = PyCapsule_GetPointer(capsule.ptr(), kTorchScriptCapsule);
  if (backend == nullptr) throw py::error_already_set();
  return static_cast<const TorchScriptBackend*>(backend)->load;
}

std::unique_ptr<Codec> open(const std::string& path, const std::string& device, int threads,
                            const std::string& precision,
                            const std::optional<uint64_t>& pixels_per_call) {
  if (threads < 1) throw py::value_error("threads must be at least 1");
  const TransformOptions options{device, precision_of(precision), pixels_per_call};
  const py::gil_scoped_release release;
  std::vector<uint8_t> archive;
  auto model = ModelPackage::load(path, &archive);
  auto transform = load_transform(archive, *model, options, &torchscript_loader);
  return std::make_unique<Codec>(std::move(model), std::move(transform), threads);
}

}  // namespace

void add_codec(py::module_& m) {
  using py::arg;
  const py::none none;
  py::class_<Codec>(m, "Codec")
      .def(py::init(&open), arg("path"), arg("device") = "cpu", arg("threads") = 1,
           arg("precision") = "fp32", arg("pixels_per_call") = none)
      .def_property_readonly("model_id", [](const Codec& codec) { return codec.model().id(); })
      .def_property_readonly("sha256",
                             [](const Codec& codec) { return codec.model().sha256_hex(); })
      .def_property_readonly(
          "rate_points", [](const Codec& codec) { return codec.model().normative().rate_points; })
      .def("encode", &encode, arg("pixels"), arg("rate"), py::kw_only(), arg("orientation") = 1,
           arg("colour") = "srgb", arg("chunks") = py::tuple(), arg("trailer") = false,
           arg("limits") = none, arg("progress") = none)
      .def("encode_batch", &encode_batch, arg("pictures"), arg("rate"), py::kw_only(),
           arg("orientations"), arg("colours"), arg("chunks"), arg("limits") = none,
           arg("progress") = none)
      .def("decode_batch", &decode_batch, arg("files"), py::kw_only(), arg("layers") = "all",
           arg("allow_truncated") = false, arg("downscale") = 1, arg("noise") = "vivid",
           arg("limits") = none, arg("progress") = none)
      .def("encode_to_size", &encode_to_size, arg("pixels"), arg("max_bytes"), py::kw_only(),
           arg("orientation") = 1, arg("colour") = "srgb", arg("chunks") = py::tuple(),
           arg("trailer") = false, arg("limits") = none, arg("progress") = none)
      .def("decode", &decode, arg("data"), py::kw_only(), arg("layers") = "all",
           arg("allow_truncated") = false, arg("region") = none, arg("downscale") = 1,
           arg("noise") = "vivid", arg("limits") = none, arg("progress") = none);
}

}  // namespace dlf::python

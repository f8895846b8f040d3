// The part of dlf._core that stops at symbols: packages and entropy coding.
// The interface is described in python/dlf/_core.pyi.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include <pybind11/stl.h>

#include "base/constants.h"
#include "codec/downscale.h"
#include "codec/file_reader.h"
#include "codec/latent_replacement.h"
#include "common.h"
#include "entropy/payload_lengths.h"
#include "entropy/symbol_codec.h"
#include "file.h"
#include "interpreter.h"
#include "model/model_registry.h"
#include "package.h"

namespace dlf::python {
namespace {

py::dict default_limits() {
  py::dict out;
  visit_limits(Limits(), [&](const char* name, const auto& value) { out[name] = value; });
  return out;
}

template <typename T>
py::array_t<T> array(const std::vector<T>& values, std::vector<py::ssize_t> shape) {
  py::array_t<T> out(std::move(shape));
  if (static_cast<size_t>(out.size()) != values.size()) {
    fail(DLF_INTERNAL, "a tensor has not the size that its shape says");
  }
  std::copy(values.begin(), values.end(), out.mutable_data());
  return out;
}

py::array_t<int16_t> array(const Tensor& tensor) {
  return array(tensor.data, {tensor.channels, tensor.height, tensor.width});
}

ReadOptions read_options(bool allow_truncated, int threads, const py::object& limits) {
  ReadOptions options;
  options.limits = limits_of(limits);
  options.allow_truncated = allow_truncated;
  options.threads = threads;
  return options;
}

// The symbols of a file, without the lock of the interpreter; the file keeps what was inflated.
SymbolSet read(const py::object& data, const ModelPackage& model, const ReadOptions& options) {
  const FilePointer file = file_of(data);
  const FileView view = file->view();
  OpenedFile opened;
  SymbolSet symbols;
  {
    const Unlocked unlocked;
    opened = open_file(view, model, options);
    symbols = read_symbols(opened, model, options);
  }
  file->keep_all(opened.file.chunks);
  return symbols;
}

py::dict decode_symbols(const py::object& data, const PackageHandle& handle, bool allow_truncated,
                        int threads, const py::object& limits) {
  const ModelPackage& model = *handle.package;
  const SymbolSet symbols = read(data, model, read_options(allow_truncated, threads, limits));
  const ImageGeometry& geometry = symbols.geometry;
  py::dict out;
  out["tokens"] = array(symbols.tokens, {static_cast<py::ssize_t>(geometry.windows()),
                                         model.normative().tokens_stride()});
  out["bank"] = array(symbols.banks, {static_cast<py::ssize_t>(geometry.windows())});
  out["symbols"] = array(symbols.symbols);
  out["scale_index"] = array(symbols.scale_index);
  out["mean"] = array(symbols.mean);
  out["step"] = array(symbols.step);
  out["y_hat"] = array(symbols.y_hat);
  out["latent"] = array(symbols.latent,
                        {model.normative().latent_channels, geometry.latent_h, geometry.latent_w});
  if (symbols.map) {
    out["rate_index"] = array(symbols.rates.rates(), {geometry.latent_h, geometry.latent_w});
  }
  out["rate"] = symbols.rate;
  out["final_state"] = symbols.final_state;
  out["complete"] = symbols.complete;
  out["token_bytes"] = symbols.token_bytes;
  return out;
}

py::dict code_lengths(const py::object& data, const PackageHandle& handle, bool allow_truncated,
                      int threads, const py::object& limits) {
  const ModelPackage& model = *handle.package;
  const SymbolSet symbols = read(data, model, read_options(allow_truncated, threads, limits));
  const ImageGeometry& geometry = symbols.geometry;
  CodeLengths lengths;
  {
    const Unlocked unlocked;
    lengths = code_lengths(model.normative(), symbols);
  }
  py::dict out;
  out["windows"] = array(lengths.windows, {geometry.windows_y, geometry.windows_x});
  out["positions"] = array(lengths.positions, {geometry.latent_h, geometry.latent_w});
  out["map"] = lengths.map;
  return out;
}

py::dict estimate(const py::object& data, const PackageHandle& handle, int threads, int downscale) {
  const FilePointer file = file_of(data);
  ReadOptions options;
  options.threads = threads;
  options.limits = Limits::none();
  check_downscale(downscale);
  options.downscale = downscale;
  const Estimate estimate = checked_estimate(file->header(), *handle.package, options);
  py::dict out;
  out["output_bytes"] = estimate.output_bytes;
  out["memory_bytes"] = estimate.memory_bytes;
  out["macs"] = estimate.macs;
  out["parts"] = estimate.parts;
  return out;
}

void verify(const py::object& data, const PackageHandle& handle, int threads,
            const py::object& limits) {
  const FilePointer file = file_of(data);
  const FileView view = file->view();
  const ReadOptions options = read_options(false, threads, limits);
  std::vector<Chunk> chunks;
  {
    const Unlocked unlocked;
    chunks = verify_file(view, *handle.package, options);
  }
  file->keep_all(chunks);
}

template <typename T>
std::vector<T> values_of(const py::array& input, const char* name) {
  if (!py::isinstance<py::array_t<T>>(input)) {
    throw py::type_error(std::string(name) + " has the wrong type of numbers");
  }
  const auto contiguous = py::array_t<T, py::array::c_style>::ensure(input);
  if (!contiguous) throw py::error_already_set();
  return {contiguous.data(), contiguous.data() + contiguous.size()};
}

py::bytes encode_symbols(const py::array& tokens, const py::array& latents,
                         const PackageHandle& handle, uint32_t width, uint32_t height, uint8_t rate,
                         int threads) {
  const std::vector<int16_t> digits = values_of<int16_t>(tokens, "tokens");
  const std::vector<float> y = values_of<float>(latents, "latents");
  std::vector<uint8_t> file;
  {
    const Unlocked unlocked;
    const ModelPackage& model = *handle.package;
    EntropyOptions options;
    options.threads = threads;
    Header header;
    header.model_id = model.id();
    header.width = width;
    header.height = height;
    header.rate = rate;
    const ImageGeometry geometry = ImageGeometry::of(model.normative(), width, height);
    const EncodedPayload coded = encode_payload(model, geometry, rate, digits, y, options);
    file = write_file(header, coded.payload, {});
  }
  return to_bytes(file);
}

py::bytes replace_latents(const py::object& data, const py::array& latents,
                          const PackageHandle& handle, double bit_price,
                          std::optional<uint64_t> max_bytes, int threads,
                          const py::object& limits) {
  const FilePointer file = file_of(data);
  const FileView view = file->view();
  const std::vector<float> y = values_of<float>(latents, "latents");
  const ReadOptions options = read_options(false, threads, limits);
  std::vector<uint8_t> replaced;
  {
    const Unlocked unlocked;
    const ModelPackage& model = *handle.package;
    replaced = max_bytes ? replace_latents_to_size(view, model, y, *max_bytes, options)
                         : dlf::replace_latents(view, model, y, bit_price, options);
  }
  return to_bytes(replaced);
}

py::list registered_models() {
  py::list out;
  for (const RegisteredModel& model : kRegisteredModels) {
    out.append(py::make_tuple(model.id, model.name, model.sha256));
  }
  return out;
}

template <typename Get>
auto property(Get get) {
  return [get](const PackageHandle& handle) { return get(*handle.package); };
}

}  // namespace

void add_bitstream(py::module_& m) {
  using py::arg;
  const py::none none;
  py::class_<PackageHandle>(m, "Package")
      .def(py::init([](const std::string& path) {
             const Unlocked unlocked;
             return PackageHandle{ModelPackage::load(path)};
           }),
           arg("path"))
      .def_property_readonly("path", property([](const auto& p) { return path_text(p.path()); }))
      .def_property_readonly("id", property([](const auto& p) { return p.id(); }))
      .def_property_readonly("sha256", property([](const auto& p) { return p.sha256_hex(); }))
      .def_property_readonly("registered_name",
                             property([](const auto& p) { return p.registered_name(); }))
      .def_property_readonly("model_json", property([](const auto& p) { return p.model_json(); }))
      .def_property_readonly("rate_points",
                             property([](const auto& p) { return p.normative().rate_points; }))
      .def_property_readonly("window", property([](const auto& p) { return p.normative().window; }))
      .def_property_readonly("tokens_per_window", property([](const auto& p) {
                               return p.normative().tokens_per_window;
                             }))
      .def_property_readonly("levels", property([](const auto& p) {
                               const auto& levels = p.normative().levels;
                               py::tuple out(levels.size());
                               for (size_t i = 0; i < levels.size(); ++i) out[i] = levels[i];
                               return out;
                             }))
      .def_property_readonly("latent_channels",
                             property([](const auto& p) { return p.normative().latent_channels; }))
      .def_property_readonly("latent_stride",
                             property([](const auto& p) { return p.normative().latent_stride; }))
      .def_property_readonly("has_maps",
                             property([](const auto& p) { return p.normative().map_unit > 0; }));

  m.def("default_limits", &default_limits);
  m.def(
      "check_size",
      [](uint32_t width, uint32_t height, const py::object& limits) {
        check_size(width, height, limits_of(limits));
      },
      arg("width"), arg("height"), arg("limits"));
  m.def("decode_symbols", &decode_symbols, arg("data"), arg("package"), py::kw_only(),
        arg("allow_truncated") = false, arg("threads") = 1, arg("limits") = none);
  m.def("code_lengths", &code_lengths, arg("data"), arg("package"), py::kw_only(),
        arg("allow_truncated") = false, arg("threads") = 1, arg("limits") = none);
  m.def("estimate", &estimate, arg("data"), arg("package"), py::kw_only(), arg("threads") = 1,
        arg("downscale") = 1);
  m.def("verify", &verify, arg("data"), arg("package"), py::kw_only(), arg("threads") = 1,
        arg("limits") = none);
  m.def("encode_symbols", &encode_symbols, arg("tokens"), arg("latents"), arg("package"),
        py::kw_only(), arg("width"), arg("height"), arg("rate"), arg("threads") = 1);
  m.def("replace_latents", &replace_latents, arg("data"), arg("latents"), arg("package"),
        py::kw_only(), arg("bit_price") = 0.0, arg("max_bytes") = none, arg("threads") = 1,
        arg("limits") = none);
  m.def("registered_models", &registered_models);
}
}  // namespace dlf::python

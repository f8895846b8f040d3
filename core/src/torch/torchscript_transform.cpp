#include "torch/torchscript_transform.h"

// Only what is used of libtorch: <torch/script.h> would add a third to the time of compilation.
#include <ATen/core/ivalue.h>
#include <ATen/ops/empty.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/version.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/apart.h"
#include "base/status.h"
#include "torch/torch_device.h"
#include "torch/torch_host.h"
#include "torch/torch_module.h"

namespace dlf {
namespace {

constexpr char kAnalysis[] = "analysis", kBottleneck[] = "bottleneck", kSynthesis[] = "synthesis",
               kSynthesisReduced[] = "synthesis_reduced";

// On a GPU: enough to keep it busy, at half a gigabyte a million pixels (budget.cpp).
constexpr uint64_t kCudaPixels = uint64_t{1} << 22;

// Reads an archive that lies in memory, without a copy of it.
class MemoryReader : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit MemoryReader(const std::vector<uint8_t>& bytes) : bytes_(bytes) {}
  size_t size() const override { return bytes_.size(); }
  size_t read(uint64_t position, void* buffer, size_t count, const char*) const override {
    if (position >= bytes_.size()) return 0;
    const size_t available = std::min(count, bytes_.size() - static_cast<size_t>(position));
    std::memcpy(buffer, bytes_.data() + position, available);
    return available;
  }

 private:
  const std::vector<uint8_t>& bytes_;
};

class TorchFeatures : public Features {
 public:
  explicit TorchFeatures(at::Tensor value) : tensor(std::move(value)) {}
  const at::Tensor tensor;
};

template <typename T>
std::vector<T> to_vector(const at::Tensor& tensor, at::ScalarType type) {
  const at::Tensor host = tensor.to(at::kCPU, type).contiguous();
  const T* data = host.const_data_ptr<T>();
  return std::vector<T>(data, data + host.numel());
}

class TorchScriptTransform : public Transform {
 public:
  TorchScriptTransform(const std::vector<uint8_t>& archive, const ModelPackage& model,
                       const NetworkOptions& options)
      : device_(options.device),
        precision_(options.precision),
        pixels_per_call_(options.pixels_per_call.value_or(device_.is_cpu() ? 0 : kCudaPixels)),
        window_(model.normative().window),
        stride_(model.normative().latent_stride),
        channels_(model.normative().latent_channels) {
    std::vector<const char*> methods = {kAnalysis, kBottleneck, kSynthesis};
    if (model.reduced_macs()) methods.push_back(kSynthesisReduced);
    guarded("loading the networks", [&] {
      const Inference inference(device_, precision_);
      module_ = torch::jit::load(std::make_shared<MemoryReader>(archive), device_);
      for (const char* name : methods) {
        if (!module_.find_method(name)) {
          fail(DLF_MODEL_ERROR, std::string("the model package has no network \"") + name + "\"");
        }
      }
      prepare_module(module_, precision_, device_);
      // Networks so large are written for one picture at a time, and fill a GPU with it.
      if (module_.hasattr(kWidensItself)) pixels_per_call_ = 0;
    });
  }

  uint64_t pixels_per_call() const override { return pixels_per_call_; }

  Analysis analysis(const std::vector<float>& image, WindowGrid grid) const override {
    return infer("the analysis transform", [&] {
      const int64_t height = grid.rows * window_, width = grid.columns * window_;
      const int64_t pictures = static_cast<int64_t>(image.size()) / (3 * height * width);
      const at::Tensor input = tensor_of(image, {pictures, 3, height, width}, at::kFloat);
      const auto outputs = call(kAnalysis, {input}).toTuple();
      Analysis result;
      result.tokens = to_vector<int64_t>(outputs->elements().at(0).toTensor(), at::kLong);
      result.features = std::make_unique<TorchFeatures>(outputs->elements().at(1).toTensor());
      return result;
    });
  }

  std::vector<float> bottleneck(const Features& features, int rate) const override {
    return infer("the bottleneck", [&] {
      const auto& tensor = dynamic_cast<const TorchFeatures&>(features).tensor;
      return to_vector<float>(call(kBottleneck, {tensor, int64_t{rate}}).toTensor(), at::kFloat);
    });
  }

  std::vector<float> synthesis(const std::vector<int64_t>& tokens,
                               const std::vector<float>& latents, int rate,
                               WindowGrid grid) const override {
    return infer("the synthesis transform", [&] {
      return to_vector<float>(
          call(kSynthesis, synthesis_inputs(tokens, latents, rate, grid)).toTensor(), at::kFloat);
    });
  }

  std::vector<float> synthesis_reduced(const std::vector<int64_t>& tokens,
                                       const std::vector<float>& latents, int rate, WindowGrid grid,
                                       int downscale) const override {
    return infer("the reduced synthesis transform", [&] {
      std::vector<torch::jit::IValue> inputs = synthesis_inputs(tokens, latents, rate, grid);
      inputs.emplace_back(int64_t{downscale});
      return to_vector<float>(call(kSynthesisReduced, std::move(inputs)).toTensor(), at::kFloat);
    });
  }

 private:
  template <typename Action>
  auto infer(const char* what, Action action) const -> decltype(action()) {
    std::optional<decltype(action())> result;
    infer_apart(what, device_, precision_, [&] { result = action(); });
    return std::move(*result);
  }

  std::vector<torch::jit::IValue> synthesis_inputs(const std::vector<int64_t>& tokens,
                                                   const std::vector<float>& latents, int rate,
                                                   WindowGrid grid) const {
    const int64_t side = window_ / stride_;
    const int64_t height = grid.rows * side, width = grid.columns * side;
    const int64_t pictures = static_cast<int64_t>(latents.size()) / (channels_ * height * width);
    // The networks use the rows and columns only to count windows: those of all pictures.
    const int64_t rows = pictures * grid.rows;
    const int64_t windows = rows * grid.columns;
    const int64_t digits = static_cast<int64_t>(tokens.size()) / std::max<int64_t>(windows, 1);
    return {tensor_of(tokens, {windows, digits}, at::kLong),
            tensor_of(latents, {pictures, channels_, height, width}, at::kFloat), int64_t{rate},
            rows, int64_t{grid.columns}};
  }

  // A copy, in memory aligned as libtorch does it: the kernels' results can depend on that.
  template <typename T>
  at::Tensor tensor_of(const std::vector<T>& values, std::vector<int64_t> shape,
                       at::ScalarType type) const {
    at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type));
    TORCH_CHECK(static_cast<size_t>(tensor.numel()) == values.size(), "wrong number of inputs");
    std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<T>());
    tensor = tensor.to(device_);
    // As the weights of convolutions are (prepare_module).
    return shape.size() == 4 ? tensor.contiguous(at::MemoryFormat::ChannelsLast) : tensor;
  }

  torch::jit::IValue call(const char* name, std::vector<torch::jit::IValue> inputs) const {
    return module_.get_method(name)(std::move(inputs));
  }

  torch::jit::Module module_;
  c10::Device device_;
  Precision precision_;
  uint64_t pixels_per_call_;
  int64_t window_, stride_, channels_;
};

}  // namespace

std::unique_ptr<const Transform> load_torchscript_transform(const std::vector<uint8_t>& archive,
                                                            const ModelPackage& model,
                                                            const NetworkOptions& options) {
  check_torch_device(options.device);
  const auto loaded = std::make_shared<std::unique_ptr<const Transform>>();
  run_apart([&archive, &model, &options, loaded](Caller&) {
    *loaded = std::make_unique<TorchScriptTransform>(archive, model, options);
  });
  return std::move(*loaded);
}

std::string torch_version() { return TORCH_VERSION; }

}  // namespace dlf

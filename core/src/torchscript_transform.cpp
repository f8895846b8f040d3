#include "torchscript_transform.h"

// Only what is used of libtorch: <torch/script.h> would add a third to the time of compilation.
#include <ATen/Parallel.h>
#include <ATen/core/ivalue.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/Exception.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/version.h>

#include <algorithm>
#include <cfenv>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "status.h"

namespace dlf {
namespace {

constexpr char kAnalysis[] = "analysis", kBottleneck[] = "bottleneck", kSynthesis[] = "synthesis",
               kSynthesisReduced[] = "synthesis_reduced";

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

// Makes libtorch compute with the calling thread alone, and puts the host's number back. Its
// kernels sum in another order for another number of threads, which would make pixels depend on it;
// codec.cpp works on several tiles at once instead. libtorch keeps two numbers: one per thread,
// which decides, and one for the process, from which new threads take theirs. The second is put
// back at once, by a thread of its own, so that threads which the host starts meanwhile see nothing
// of ours. Only with several codec threads, a thread that the host starts in the microseconds
// between the two calls can see 1.
class OneThread {
 public:
  OneThread() {
    // Read under the lock too: a new worker must not take another worker's 1 for the host's number.
    const std::lock_guard<std::mutex> lock(mutex());
    host_ = at::get_num_threads();
    if (host_ == 1) return;
    at::set_num_threads(1);
    std::thread([host = host_] { at::set_num_threads(host); }).join();
  }
  ~OneThread() {
    if (host_ == 1) return;
    const std::lock_guard<std::mutex> lock(mutex());
    at::set_num_threads(host_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }

  int host_ = 1;
};

// The default rounding and denormal handling, whatever the host has chosen for its own arithmetic.
class DefaultFloatingPoint {
 public:
  DefaultFloatingPoint() {
    std::fegetenv(&host_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultFloatingPoint() { std::fesetenv(&host_); }
  DefaultFloatingPoint(const DefaultFloatingPoint&) = delete;
  DefaultFloatingPoint& operator=(const DefaultFloatingPoint&) = delete;

 private:
  std::fenv_t host_;
};

// Everything that a call into libtorch needs set for this thread, put back at its end.
struct Inference {
  OneThread one_thread;
  DefaultFloatingPoint floating_point;
  c10::InferenceMode mode;
  // A host that runs us under torch.autocast would otherwise get pixels computed in bfloat16.
  c10::impl::ExcludeDispatchKeyGuard no_autocast{c10::autocast_dispatch_keyset};
  // The optimising executor would profile and compile the graph again for every new image size.
  torch::jit::GraphOptimizerEnabledGuard no_profiling{false};
};

// Runs `action`, turning libtorch's exceptions into ours.
template <typename Action>
auto guarded(const char* what, Action action) -> decltype(action()) {
  try {
    return action();
  } catch (const Error&) {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    fail(DLF_OUT_OF_MEMORY, std::string(what) + ": " + error.what_without_backtrace());
  } catch (const c10::Error& error) {
    fail(DLF_MODEL_ERROR, std::string(what) + " failed: " + error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    fail(DLF_MODEL_ERROR, std::string(what) + " failed: " + error.what());
  }
}

c10::Device checked_device(const std::string& name) {
  try {
    const c10::Device device(name);
    if (device.is_cpu() || (device.is_cuda() && at::detail::getCUDAHooks().hasCUDA())) {
      return device;
    }
  } catch (const c10::Error&) {
    fail(DLF_INVALID_ARGUMENT, "unknown device \"" + name + "\"");
  }
  fail(DLF_INVALID_ARGUMENT, "device \"" + name + "\" is not available in this installation");
}

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
                       const std::string& device)
      : device_(checked_device(device)),
        window_(model.normative().window),
        stride_(model.normative().latent_stride),
        channels_(model.normative().latent_channels) {
    std::vector<const char*> methods = {kAnalysis, kBottleneck, kSynthesis};
    if (model.reduced_macs()) methods.push_back(kSynthesisReduced);
    guarded("loading the networks", [&] {
      const Inference inference;
      module_ = torch::jit::load(std::make_shared<MemoryReader>(archive), device_);
      for (const char* name : methods) {
        if (!module_.find_method(name)) {
          fail(DLF_MODEL_ERROR, std::string("the model package has no network \"") + name + "\"");
        }
      }
      module_.eval();
      // Packages may hold the weights as float16. Very large networks widen them layer by layer
      // themselves, so that no second, twice as large copy exists.
      if (!module_.hasattr("widens_weights_itself")) module_.to(at::kFloat);
    });
  }

  Analysis analysis(const std::vector<float>& image, WindowGrid grid) const override {
    return guarded("the analysis transform", [&] {
      const Inference inference;
      const at::Tensor input =
          tensor_of(image, {1, 3, grid.rows * window_, grid.columns * window_}, at::kFloat);
      const auto outputs = call(kAnalysis, {input}).toTuple();
      Analysis result;
      result.tokens = to_vector<int64_t>(outputs->elements().at(0).toTensor(), at::kLong);
      result.features = std::make_unique<TorchFeatures>(outputs->elements().at(1).toTensor());
      return result;
    });
  }

  std::vector<float> bottleneck(const Features& features, int rate) const override {
    return guarded("the bottleneck", [&] {
      const Inference inference;
      const auto& tensor = dynamic_cast<const TorchFeatures&>(features).tensor;
      return to_vector<float>(call(kBottleneck, {tensor, int64_t{rate}}).toTensor(), at::kFloat);
    });
  }

  std::vector<float> synthesis(const std::vector<int64_t>& tokens,
                               const std::vector<float>& latents, int rate,
                               WindowGrid grid) const override {
    return guarded("the synthesis transform", [&] {
      const Inference inference;
      return to_vector<float>(
          call(kSynthesis, synthesis_inputs(tokens, latents, rate, grid)).toTensor(), at::kFloat);
    });
  }

  std::vector<float> synthesis_reduced(const std::vector<int64_t>& tokens,
                                       const std::vector<float>& latents, int rate, WindowGrid grid,
                                       int downscale) const override {
    return guarded("the reduced synthesis transform", [&] {
      const Inference inference;
      std::vector<torch::jit::IValue> inputs = synthesis_inputs(tokens, latents, rate, grid);
      inputs.emplace_back(int64_t{downscale});
      return to_vector<float>(call(kSynthesisReduced, std::move(inputs)).toTensor(), at::kFloat);
    });
  }

 private:
  std::vector<torch::jit::IValue> synthesis_inputs(const std::vector<int64_t>& tokens,
                                                   const std::vector<float>& latents, int rate,
                                                   WindowGrid grid) const {
    const int64_t windows = static_cast<int64_t>(grid.count());
    const int64_t digits = static_cast<int64_t>(tokens.size()) / windows;
    const int64_t side = window_ / stride_;
    return {tensor_of(tokens, {windows, digits}, at::kLong),
            tensor_of(latents, {1, channels_, grid.rows * side, grid.columns * side}, at::kFloat),
            int64_t{rate}, int64_t{grid.rows}, int64_t{grid.columns}};
  }

  // A copy, in memory aligned as libtorch does it: the kernels' results can depend on that.
  template <typename T>
  at::Tensor tensor_of(const std::vector<T>& values, std::vector<int64_t> shape,
                       at::ScalarType type) const {
    at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type));
    TORCH_CHECK(static_cast<size_t>(tensor.numel()) == values.size(), "wrong number of inputs");
    std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<T>());
    return tensor.to(device_);
  }

  torch::jit::IValue call(const char* name, std::vector<torch::jit::IValue> inputs) const {
    return module_.get_method(name)(std::move(inputs));
  }

  torch::jit::Module module_;
  c10::Device device_;
  int64_t window_, stride_, channels_;
};

}  // namespace

std::unique_ptr<const Transform> load_torchscript_transform(const std::vector<uint8_t>& archive,
                                                            const ModelPackage& model,
                                                            const std::string& device) {
  return std::make_unique<TorchScriptTransform>(archive, model, device);
}

std::string torch_version() { return TORCH_VERSION; }

}  // namespace dlf

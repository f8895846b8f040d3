#include "torch/torch_host.h"

#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <memory>

#include "base/apart.h"

namespace dlf {
namespace {

// What runs on this thread.
thread_local Inference* running = nullptr;

std::unique_ptr<at::ObserverContext> before_operator(const at::RecordFunction&) {
  if (running != nullptr && Inside::is_awaited()) running->pause();
  return nullptr;
}

void watch_operators() {
  thread_local bool watched = false;
  if (watched) return;
  at::addThreadLocalCallback(
      at::RecordFunctionCallback(&before_operator).scopes({at::RecordScope::FUNCTION}));
  watched = true;
}

// At most so many bytes, so that an error stays one line that can be read.
constexpr size_t kLongestText = 200;

std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of(" \r\n");
  if (end == std::string::npos) return "libtorch gives no reason";
  const size_t before = text.find_last_of('\n', end);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  const size_t length = end + 1 - begin;
  return text.substr(begin, std::min(length, kLongestText)) + (length > kLongestText ? "..." : "");
}

}  // namespace

OwnAutocast::OwnAutocast(c10::Device device, Precision precision)
    : kind_(device.type()), on_(precision == Precision::kBFloat16) {
  if (!on_) return;
  at::autocast::set_autocast_dtype(kind_, at::kBFloat16);
  at::autocast::set_autocast_cache_enabled(false);  // weights are narrow already
  at::autocast::set_autocast_enabled(kind_, true);
}

OwnAutocast::~OwnAutocast() {
  if (on_) at::autocast::set_autocast_enabled(kind_, false);
}

Inference::Inference(c10::Device device, Precision precision) : autocast_(device, precision) {
  compute_alone();
  watch_operators();
  running = this;
}

Inference::~Inference() { running = nullptr; }

void Inference::pause() {
  settings_.put_back();
  inside_.pause();
  settings_.pin();
}

void infer_apart(const char* what, c10::Device device, Precision precision,
                 const std::function<void()>& action) {
  run_apart([&](Caller&) {
    guarded(what, [&] {
      const Inference inference(device, precision);
      action();
    });
  });
}

void fail_as_libtorch(const char* what, const std::string& text) {
  // TorchScript wraps errors of its operators, so that only their words are left; before them
  // stands the trace. oneDNN says no more than that it could not when it has no memory for code.
  for (const char* words : {"can't allocate memory", "annot allocate memory", "out of memory",
                            "ot enough memory", "bad_alloc", "could not create a primitive"}) {
    if (text.find(words) != std::string::npos) {
      fail(DLF_OUT_OF_MEMORY, std::string(what) + ": out of memory");
    }
  }
  fail(DLF_MODEL_ERROR, std::string(what) + " failed: " + last_line(text));
}

}  // namespace dlf

// A call of the codec that Python drives, from one report of progress to the next. Native code
// never calls back into Python: a progress function may switch greenlets, fork or end the
// interpreter, and no frame of C++ lies below it then.
//
// Thread safety: call with the interpreter's lock held, from the thread that has made it.
#ifndef DLF_PYTHON_BINDINGS_CALL_H_
#define DLF_PYTHON_BINDINGS_CALL_H_

#include <pybind11/pybind11.h>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/apart.h"
#include "base/status.h"
#include "codec/codec_options.h"
#include "interpreter.h"

namespace dlf::python {

namespace py = pybind11;

class Call {
 public:
  // `work(state, call)` runs apart and without the lock; `result(state)` at its end, with it. Both
  // keep what they need in the state.
  template <typename State, typename Work, typename Result>
  static std::unique_ptr<Call> start(py::object progress, State state, Work work, Result result) {
    const auto kept = std::make_shared<State>(std::move(state));
    return std::make_unique<Call>(
        std::move(progress), [kept = kept.get(), work](Call& call) { work(*kept, call); },
        [kept, result]() -> py::object { return result(*kept); });
  }

  Call(py::object progress, std::function<void(Call&)> work, std::function<py::object()> result)
      : progress_(std::move(progress)), result_(std::move(result)) {
    try {
      apart_ = std::make_unique<Apart>([this, work = std::move(work)](Caller& caller) {
        caller_ = &caller;
        work(*this);
      });
    } catch (const std::exception&) {  // of start_thread
      fail(DLF_OUT_OF_MEMORY, "no thread could be started for this call");
    }
  }
  ~Call() { end(); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // --- for `work`

  Progress progress() {
    return [this](uint32_t done, uint32_t total) {
      caller_->run([&] { told_.emplace(done, total); });
      return true;
    };
  }

  // Has `make` give memory, with the lock; null, when it raises.
  template <typename Make>
  uint8_t* allocate(Make make) {
    uint8_t* memory = nullptr;
    caller_->run([&] {
      try {
        memory = make();
      } catch (const py::error_already_set& error) {
        error_ = error;  // leaves on this thread, when the work has ended
      }
    });
    return memory;
  }

  // --- for Python

  const py::object& callback() const { return progress_; }

  // Goes on with the work, up to the next report of progress (true: see `done` and `total`) or its
  // end. Raises what has gone wrong.
  bool wait() {
    if (std::exchange(told_, std::nullopt)) apart_->done();
    try {
      while (const Errand* errand = next()) {
        (*errand)();  // throws nothing
        if (told_) return true;
        apart_->done();
      }
    } catch (...) {
      if (error_) throw py::error_already_set(*error_);
      throw;
    }
    end();
    return false;
  }

  uint32_t done() const { return told_ ? told_->first : 0; }
  uint32_t total() const { return told_ ? told_->second : 0; }

  py::object result() { return std::exchange(result_, nullptr)(); }

  // Ends the work, if it has not ended yet.
  void end() {
    const Unlocked unlocked;
    apart_.reset();
  }

 private:
  const Errand* next() {
    const Unlocked unlocked;
    return apart_->next();
  }

  py::object progress_;
  std::function<py::object()> result_;
  Caller* caller_ = nullptr;
  std::optional<std::pair<uint32_t, uint32_t>> told_;  // done and total
  std::optional<py::error_already_set> error_;
  std::unique_ptr<Apart> apart_;
};

}  // namespace dlf::python

#endif  // DLF_PYTHON_BINDINGS_CALL_H_

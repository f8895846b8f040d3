// What both extension modules do about the interpreter around them: giving up its lock, its end,
// and other interpreters of the process.
#ifndef DLF_PYTHON_BINDINGS_INTERPRETER_H_
#define DLF_PYTHON_BINDINGS_INTERPRETER_H_

#include <Python.h>

#include <chrono>
#include <thread>

namespace dlf::python {

// The thread does without the interpreter's lock as long as this lives. In place of pybind11's
// class. A daemon thread that takes the lock after the interpreter has ended is ended by an
// unwinding of its stack, which must not leave a destructor. It sleeps here until the process is
// gone.
class Unlocked {
 public:
  Unlocked() : state_(PyEval_SaveThread()) {}
  ~Unlocked() { lock(); }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

  // Has the lock again as long as this lives.
  class Interrupted {
   public:
    explicit Interrupted(Unlocked* unlocked) : unlocked_(unlocked) { unlocked_->lock(); }
    ~Interrupted() { unlocked_->state_ = PyEval_SaveThread(); }
    Interrupted(const Interrupted&) = delete;
    Interrupted& operator=(const Interrupted&) = delete;

   private:
    Unlocked* unlocked_;
  };

 private:
  // Its destructor is the first that the unwinding meets, whichever C++ library is used.
  struct Sleep {
    bool is_needed = true;
    ~Sleep() {
      while (is_needed) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  };

#if defined(__GNUC__)
  __attribute__((noinline))  // within a destructor the compiler may leave Sleep's out
#endif
  void
  lock() {
    Sleep sleep;
    PyEval_RestoreThread(state_);
    sleep.is_needed = false;
  }

  PyThreadState* state_;
};

// The module that `init` makes, or ImportError in any but the main interpreter. Types and caches of
// our modules and of NumPy's are those of the process. pybind11 hangs when it is made ready in
// another interpreter first.
inline PyObject* only_in_the_main_interpreter(PyObject* (*init)()) {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return init();
  PyErr_SetString(PyExc_ImportError, "dlf can be imported in the main interpreter only");
  return nullptr;
}

}  // namespace dlf::python

#endif  // DLF_PYTHON_BINDINGS_INTERPRETER_H_

// What runs the programs of an integer package: the machine (machine/executor.h), or a backend that
// runs the very same programs on something else.
//
// Thread safety: an object never changes; call it from many threads at once.
#ifndef DLF_SRC_MACHINE_PROGRAM_RUNNER_H_
#define DLF_SRC_MACHINE_PROGRAM_RUNNER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "machine/canvas.h"
#include "machine/executor.h"
#include "machine/program.h"

namespace dlf {

// A checked program over a picture, or a part of it.
struct ProgramWork {
  const std::vector<ConvLayer>& layers;  // packed, for the machine to run them
  const Program& program;
  Canvas canvas;
  PixelArea area;  // what is wanted of the outputs, in pixels; not empty
  uint32_t block;  // pixels that the machine moves on at a time
  int threads;
};

class ProgramRunner {
 public:
  ProgramRunner() = default;
  ProgramRunner(const ProgramRunner&) = delete;
  ProgramRunner& operator=(const ProgramRunner&) = delete;
  virtual ~ProgramRunner() = default;

  // Told how far a call is, on the caller's thread; it ends the call by throwing. May be null.
  using Report = std::function<void(uint64_t done, uint64_t total)>;

  // `inputs` and `outputs` are those of the program, in order. They are called for every row of
  // the grid that is needed, whole or in pieces, from any thread.
  virtual void run(const ProgramWork& work, const std::vector<FillRow>& inputs,
                   const std::vector<TakeRow>& outputs, const Report& report) const = 0;

  // Whether `run` reads packed weights, else those of the package.
  virtual bool reads_packed() const = 0;
  // Whether `run` asks for every row of an input just once, and for those above a row of the output
  // before that row is done. `done` then counts blocks, of which the last ends at the last row.
  virtual bool reads_in_order() const = 0;

  // Bytes that `run` allocates.
  virtual uint64_t bytes(const ProgramWork& work) const = 0;
};

// The machine, in strips: what the format defines.
const ProgramRunner& integer_machine();

}  // namespace dlf

#endif  // DLF_SRC_MACHINE_PROGRAM_RUNNER_H_

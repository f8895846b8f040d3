#include "machine/program_runner.h"

namespace dlf {
namespace {

Plan plan_of(const ProgramWork& work) {
  return Plan(work.layers, work.program, work.canvas, work.area, work.block);
}

class IntegerMachine : public ProgramRunner {
 public:
  void run(const ProgramWork& work, const std::vector<FillRow>& inputs,
           const std::vector<TakeRow>& outputs, const Report& report) const override {
    MachineOptions options;
    options.threads = work.threads;
    if (report) {
      options.progress = [&report](uint64_t done, uint64_t total) {
        report(done, total);
        return true;
      };
    }
    execute(plan_of(work), inputs, outputs, options);
  }

  bool reads_packed() const override { return true; }
  bool reads_in_order() const override { return true; }

  uint64_t bytes(const ProgramWork& work) const override { return execution_bytes(plan_of(work)); }
};

}  // namespace

const ProgramRunner& integer_machine() {
  static const IntegerMachine machine;
  return machine;
}

}  // namespace dlf

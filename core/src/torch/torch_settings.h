// The settings that libtorch keeps for the whole process and that change what our networks compute.
// Part of the only set of files that includes libtorch (torchscript_transform.h).
//
// Thread safety: may be used on any number of threads at once, Inside (fork_gate.h).
#ifndef DLF_SRC_TORCH_TORCH_SETTINGS_H_
#define DLF_SRC_TORCH_TORCH_SETTINGS_H_

namespace dlf {

// Holds them at what they are when nobody touches them. Those that the host has changed are set for
// the process, because libtorch offers nothing less, and put back when the last of these ends. One
// that the host changes meanwhile is left as the host wants it.
class PinnedSettings {
 public:
  PinnedSettings() { pin(); }
  ~PinnedSettings() { put_back(); }
  PinnedSettings(const PinnedSettings&) = delete;
  PinnedSettings& operator=(const PinnedSettings&) = delete;

  void put_back();
  void pin();
};

}  // namespace dlf

#endif  // DLF_SRC_TORCH_TORCH_SETTINGS_H_

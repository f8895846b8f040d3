// The analysis transform, the bottleneck and the synthesis transform behind one interface, so that
// everything else in the core stays free of libtorch.
//
// All arrays are float32 or int64, row-major and contiguous. `WindowGrid` counts windows; an image
// has rows*window lines of columns*window samples per channel; latents have one sample per
// latent_stride x latent_stride pixels.
//
// A call may work on several pictures of one grid together: each array then holds theirs one after
// the other, and its length tells how many there are.
//
// Thread safety: implementations must allow concurrent calls on one object.
#ifndef DLF_SRC_CODEC_TRANSFORM_H_
#define DLF_SRC_CODEC_TRANSFORM_H_

#include <cstdint>
#include <memory>
#include <vector>

namespace dlf {

struct WindowGrid {
  uint32_t rows = 0;
  uint32_t columns = 0;

  size_t count() const { return size_t{rows} * columns; }
};

// What the analysis transform leaves for the bottleneck; independent of the rate point.
class Features {
 public:
  Features() = default;
  Features(const Features&) = delete;
  Features& operator=(const Features&) = delete;
  virtual ~Features() = default;
};

struct Analysis {
  std::vector<int64_t> tokens;  // digits, [windows][tokens per window * digits]
  std::unique_ptr<Features> features;
};

class Transform {
 public:
  Transform() = default;
  Transform(const Transform&) = delete;
  Transform& operator=(const Transform&) = delete;
  virtual ~Transform() = default;

  // How many pixels of pictures of one grid should go into one call; 0: a single picture.
  virtual uint64_t pixels_per_call() const { return 0; }

  // image: [3][rows*window][columns*window], sRGB samples in [0, 1].
  virtual Analysis analysis(const std::vector<float>& image, WindowGrid grid) const = 0;

  // Returns the latents y, [channels][rows*window/stride][columns*window/stride].
  virtual std::vector<float> bottleneck(const Features& features, int rate) const = 0;

  // tokens as `analysis` returns them, latents as `bottleneck` does, after quantisation. Returns
  // [3][rows*window][columns*window]; not clamped.
  virtual std::vector<float> synthesis(const std::vector<int64_t>& tokens,
                                       const std::vector<float>& latents, int rate,
                                       WindowGrid grid) const = 0;

  // The picture at 1/downscale of its size (2, 4 or 8), from less work than `synthesis` takes:
  // [3][rows*window/downscale][columns*window/downscale]; not clamped. To be called only when the
  // package offers it (ModelPackage::reduced_macs).
  virtual std::vector<float> synthesis_reduced(const std::vector<int64_t>& tokens,
                                               const std::vector<float>& latents, int rate,
                                               WindowGrid grid, int downscale) const = 0;
};

}  // namespace dlf

#endif  // DLF_SRC_CODEC_TRANSFORM_H_

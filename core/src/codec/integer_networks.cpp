#include "codec/integer_networks.h"

#include <algorithm>
#include <utility>

#include "base/constants.h"
#include "codec/latent_rows.h"
#include "codec/samples.h"
#include "entropy/prior.h"
#include "machine/check.h"
#include "machine/noise.h"
#include "machine/tensors.h"

namespace dlf {
namespace {

// The digit of a token value (A.3): how many thresholds it reaches.
int16_t digit_of(const std::vector<int16_t>& thresholds, int16_t value) {
  const auto after = std::upper_bound(thresholds.begin(), thresholds.end(), value);
  return static_cast<int16_t>(after - thresholds.begin());
}

// Takes the rows of token values: [windows][T*D].
TakeRow token_rows(const NormativePart& model, const EncoderPart& encoder, uint32_t windows_x,
                   std::vector<int16_t>* tokens) {
  const size_t stride = model.tokens_stride(), digits = model.digits();
  return [&encoder, windows_x, stride, digits, tokens](const ConstRow& row) {
    for (uint32_t x = row.columns.begin; x < row.columns.end; ++x) {
      int16_t* to = tokens->data() + (size_t{row.row} * windows_x + x) * stride;
      for (uint32_t c = 0; c < row.channels; ++c) {
        to[c] = digit_of(encoder.thresholds[c % digits], row.at(c, x));
      }
    }
  };
}

// The program followed by SPACE_TO_DEPTH: for reduced sizes that the package has no program for.
Program with_space_to_depth(const Program& program, uint32_t factor) {
  Program out = program;
  Instruction instruction;
  instruction.op = Op::kSpaceToDepth;
  instruction.target = program.registers;
  instruction.sources = {program.outputs[0]};
  instruction.arg0 = static_cast<int32_t>(factor);
  RegisterShape shape = program.shapes[program.outputs[0]];
  shape.cell *= factor;
  shape.channels *= factor * factor;
  out.instructions.push_back(std::move(instruction));
  out.outputs = {out.registers++};
  out.shapes.push_back(shape);
  out.leads_to_output.push_back(true);
  return out;
}

// Which program draws a reduced size, and how large the squares are that it still has to average.
struct Drawing {
  Program averaging;  // only if there is something to average
  const Program* program;
  uint32_t side = 1;

  Drawing(const IntegerSynthesis& part, int downscale) : program(part.at(downscale)) {
    if (program != nullptr) return;
    side = static_cast<uint32_t>(downscale);
    averaging = with_space_to_depth(part.whole.program, side);
    program = &averaging;
  }
  Drawing(const Drawing&) = delete;
  Drawing& operator=(const Drawing&) = delete;
};

ProgramWork whole_work(const std::vector<ConvLayer>& layers, const Program& program,
                       const ImageGeometry& geometry, uint32_t block, int threads) {
  return {layers, program, geometry.canvas, whole(geometry.canvas), block, threads};
}

// Pictures of more columns than the first are drawn in bands of about the second: their strips
// would take much memory. Beside each border of two bands a receptive field is computed twice.
constexpr uint32_t kWideColumns = 8192, kBandColumns = 2048;

// `whole`, in bands of nearly equal width whose borders are those of windows.
std::vector<Span> bands_of(Span whole, uint32_t window) {
  const uint32_t count = whole.size() > kWideColumns ? divide_up(whole.size(), kBandColumns) : 1;
  std::vector<Span> bands;
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t border = whole.begin + uint64_t{whole.size()} * (i + 1) / count;
    const uint32_t end =
        i + 1 == count ? whole.end : static_cast<uint32_t>(border / window) * window;
    bands.push_back({bands.empty() ? whole.begin : bands.back().end, end});
  }
  return bands;
}

Span pixels_of(uint32_t begin, uint32_t count, int downscale, uint32_t limit) {
  const uint64_t factor = static_cast<uint64_t>(downscale);
  const uint64_t end = (uint64_t{begin} + count) * factor;
  return {static_cast<uint32_t>(begin * factor),
          static_cast<uint32_t>(std::min<uint64_t>(end, limit))};
}

}  // namespace

IntegerNetworks::IntegerNetworks(std::shared_ptr<const ModelPackage> model,
                                 const ProgramRunner& runner, int threads)
    : model_(std::move(model)), runner_(runner), threads_(threads) {}

const EncoderPart& IntegerNetworks::encoder() const {
  if (!model_->encoder()) fail(DLF_MODEL_ERROR, "the model package has no encoder");
  return *model_->encoder();
}

ProgramWork IntegerNetworks::encoding(const Program& program, const ImageGeometry& geometry) const {
  const EncoderPart& part = encoder();
  const std::vector<ConvLayer>& layers =
      runner_.reads_packed() ? model_->encoder_layers() : part.layers;
  return whole_work(layers, program, geometry, model_->normative().latent_stride, threads_);
}

Tensor IntegerNetworks::run_to_tensor(const Program& program, const ImageGeometry& geometry,
                                      const std::vector<FillRow>& inputs) const {
  const RegisterShape& shape = program.shapes[program.outputs[0]];
  Tensor out(shape.channels, geometry.canvas.rows(shape.cell), geometry.canvas.columns(shape.cell));
  runner_.run(encoding(program, geometry), inputs, {to_tensor(&out)}, {});
  return out;
}

IntegerAnalysis IntegerNetworks::analyse(const ConstPixels& pixels, const ImageGeometry& geometry,
                                         const Report& report) const {
  const NormativePart& model = model_->normative();
  const EncoderPart& part = encoder();
  IntegerAnalysis out;
  out.tokens.resize(
      checked_multiply(static_cast<size_t>(geometry.windows()), model.tokens_stride(), "tokens"));
  const RegisterShape& features = part.analysis.shapes[part.analysis.outputs[1]];
  out.features = Tensor(features.channels, geometry.latent_h, geometry.latent_w);
  std::vector<TakeRow> take = {token_rows(model, part, geometry.windows_x, &out.tokens),
                               to_tensor(&out.features)};
  if (part.importance) {
    const RegisterShape& shape = part.analysis.shapes[part.analysis.outputs[2]];
    out.importance_features = Tensor(shape.channels, geometry.latent_h, geometry.latent_w);
    take.push_back(to_tensor(&out.importance_features));
  }
  runner_.run(encoding(part.analysis, geometry), {sample_rows(pixels)}, take, report);
  return out;
}

void IntegerNetworks::check_importance() const {
  if (!encoder().importance) {
    fail(DLF_INVALID_ARGUMENT, "importance: the model has no importance program");
  }
}

Tensor IntegerNetworks::importance(const Tensor& features, const ImageGeometry& geometry) const {
  return run_to_tensor(*encoder().importance, geometry, {from_tensor(features)});
}

std::vector<float> IntegerNetworks::latents(const Tensor& features, const RateMap& rates,
                                            const ImageGeometry& geometry) const {
  const EncoderPart& part = encoder();
  std::vector<FillRow> inputs = {from_tensor(features)};
  if (part.bottleneck.inputs > 1) inputs.push_back(rate_rows(part.rate_vectors, rates));
  const Tensor values = run_to_tensor(part.bottleneck, geometry, inputs);
  const float unit = 1.0F / static_cast<float>(1 << part.y_fraction);
  std::vector<float> latents(values.data.size());
  std::transform(values.data.begin(), values.data.end(), latents.begin(),
                 [unit](int16_t value) { return static_cast<float>(value) * unit; });
  return latents;
}

void IntegerNetworks::draw(SymbolSet* symbols, const Region& region, int downscale, Noise noise,
                           const Pixels& out, const Report& report) const {
  const NormativePart& model = model_->normative();
  const IntegerSynthesis& part = *model.synthesis;
  const ImageGeometry& geometry = symbols->geometry;
  const Tensor tokens = token_values(model, geometry, symbols->tokens);
  const Span rows = pixels_of(region.y, region.height, downscale, geometry.canvas.height);
  const Span columns = pixels_of(region.x, region.width, downscale, geometry.canvas.width);
  const std::vector<Span> bands = bands_of(columns, model.window);
  std::vector<uint32_t> borders;
  for (size_t i = 1; i < bands.size(); ++i) {
    borders.push_back(bands[i].begin / model.latent_stride);
  }
  LatentRows latents(part, symbols, borders);
  std::vector<FillRow> inputs = {latents.fill(), from_tensor(tokens)};
  if (!part.rate_vectors[0].empty()) {
    inputs.push_back(rate_rows(part.rate_vectors, symbols->rates));
  }
  for (const uint32_t cell : part.noise()) {
    inputs.push_back(noise_rows(cell, noise == Noise::kVivid));
  }
  const Drawing drawing(part, downscale);
  // A band reads beyond its borders, but not beyond a whole band.
  const uint32_t reach = reach_of(*drawing.program, model.latent_stride) * model.latent_stride;
  const bool drops = runner_.reads_in_order() && reach + model.window <= kBandColumns / 2;
  for (size_t i = 0; i < bands.size(); ++i) {
    const auto drop_drawn = [&](uint32_t end) {
      if (!drops) return;
      if (i > 0) latents.drop_before(i - 1, end);
      if (i + 1 == bands.size()) latents.drop_before(i, end);
    };
    const Report tell = [&](uint64_t done, uint64_t total) {
      // The last block ends at or below the last row that is wanted.
      const uint64_t left = std::min<uint64_t>((total - done) * model.latent_stride, rows.end);
      drop_drawn(static_cast<uint32_t>((rows.end - left) / model.latent_stride));
      if (report) report(i * total + done, bands.size() * total);
    };
    runner_.run({model.layers,
                 *drawing.program,
                 geometry.canvas,
                 {rows, bands[i]},
                 model.latent_stride,
                 threads_},
                inputs, {picture_rows(out, region, part.sample_bits, drawing.side)}, tell);
    drop_drawn(geometry.latent_h);
  }
}

IntegerEstimate estimate_analysis(const ModelPackage& model, const ImageGeometry& geometry,
                                  const ProgramRunner& runner, int threads) {
  if (!model.encoder()) return {};
  const EncoderPart& part = *model.encoder();
  const Canvas& canvas = geometry.canvas;
  const uint32_t block = model.normative().latent_stride;
  const uint64_t positions = uint64_t{geometry.latent_h} * geometry.latent_w;
  const uint64_t features = part.analysis.shapes[part.analysis.outputs[1]].channels;
  std::vector<const Program*> programs = {&part.analysis, &part.bottleneck};
  uint64_t found = 0;  // channels of importance features
  if (part.importance) {
    programs.push_back(&*part.importance);
    found = part.analysis.shapes[part.analysis.outputs[2]].channels;
  }
  IntegerEstimate estimate;
  for (const Program* program : programs) {
    estimate.bytes = std::max(
        estimate.bytes, runner.bytes(whole_work(part.layers, *program, geometry, block, threads)));
    estimate.macs += macs_of(part.layers, *program, canvas.height, canvas.width);
  }
  // Features, latents as integers and as numbers.
  estimate.bytes +=
      positions * (2 * (features + found) + 6 * uint64_t{model.normative().latent_channels});
  return estimate;
}

IntegerEstimate estimate_drawing(const ModelPackage& model, const ImageGeometry& geometry,
                                 int downscale, const ProgramRunner& runner, int threads) {
  const NormativePart& part = model.normative();
  const Drawing drawing(*part.synthesis, downscale);
  const Canvas& canvas = geometry.canvas;
  ProgramWork work =
      whole_work(part.layers, *drawing.program, geometry, part.latent_stride, threads);
  uint64_t bytes = 0;
  for (const Span& band : bands_of(work.area.columns, part.window)) {
    work.area.columns = band;
    bytes = std::max(bytes, runner.bytes(work));
  }
  return {bytes, macs_of(part.layers, *drawing.program, canvas.height, canvas.width)};
}

}  // namespace dlf

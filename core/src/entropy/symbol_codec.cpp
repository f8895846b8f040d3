#include "entropy/symbol_codec.h"

#include <string>

#include "base/constants.h"
#include "entropy/prior.h"
#include "entropy/quantiser.h"
#include "entropy/rans.h"
#include "entropy/token_coder.h"
#include "machine/arithmetic.h"
#include "machine/check.h"
#include "machine/isa.h"

namespace dlf {
namespace {

MachineOptions machine_options(const EntropyOptions& options) {
  MachineOptions machine;
  machine.threads = options.threads;
  if (options.force_plain) machine.kernels = &plain_kernels();
  return machine;
}

int16_t reconstruct(int32_t symbol, int16_t mean, int fraction) {  // §7.6
  return sat16(symbol * (1 << fraction) + mean);
}

// Runs the prior over the four quarters and asks `symbol_at(table, index)` for each symbol in
// coding order (§7.3); the table is null where nothing is coded. Fills all tensors of `out`, or
// with `for_pixels` those that drawing needs.
template <typename SymbolAt>
void code_latents(const NormativePart& model, const EntropyOptions& options, SymbolSet& out,
                  bool for_pixels, const SymbolAt& symbol_at) {
  const ImageGeometry& geometry = out.geometry;
  const uint32_t channels = model.latent_channels, quarter = channels / kQuarters;
  const uint32_t height = geometry.latent_h, width = geometry.latent_w;
  if (!for_pixels) {
    out.symbols = Tensor(channels, height, width);
    out.scale_index = Tensor(channels, height, width);
    out.mean = Tensor(channels, height, width);
  }
  out.y_hat = Tensor(channels, height, width);

  Prior prior(model, geometry, machine_options(options));
  prior.start(out.rates, out.tokens);
  out.step = prior.take_step();
  const size_t plane = out.y_hat.plane();
  for (int s = 0; s < kQuarters; ++s) {
    if (s > 0) {
      prior.advance(s, out.y_hat);
    }
    for (uint32_t c = 0; c < quarter; ++c) {
      for (uint32_t y = 0; y < height; ++y) {
        for (uint32_t x = 0; x < width; ++x) {
          const size_t place = size_t{y} * width + x;
          const size_t expected = c * plane + place;  // in the prior's tensors
          const size_t at = (size_t{group_at(s, y, x)} * quarter + c) * plane + place;
          const int16_t index = scale_index(model.thresholds, prior.scale().data[expected]);
          const FrequencyTable* table =
              index < 0 ? nullptr : &model.scale_tables[static_cast<size_t>(index)];
          const int16_t mean = prior.mean().data[expected];
          const int16_t symbol = symbol_at(table, at, mean);
          out.y_hat.data[at] = reconstruct(symbol, mean, model.mean_fraction);
          if (for_pixels) continue;
          out.scale_index.data[at] = index;
          out.mean.data[at] = mean;
          out.symbols.data[at] = symbol;
        }
      }
    }
  }
  if (for_pixels && model.synthesis) return;
  out.latent.resize(out.y_hat.data.size());
  for (size_t i = 0; i < out.latent.size(); ++i) {  // §7.7
    out.latent[i] = int32_t{out.y_hat.data[i]} * out.step.data[i];
  }
}

void check_tokens(const NormativePart& model, const ImageGeometry& geometry,
                  const std::vector<int16_t>& tokens) {
  if (tokens.size() !=
      checked_multiply(static_cast<size_t>(geometry.windows()), model.tokens_stride(), "tokens")) {
    fail(DLF_INVALID_ARGUMENT, "the number of tokens does not fit the image");
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= model.levels[i % model.digits()]) {
      fail(DLF_INVALID_ARGUMENT, "a token is out of range");
    }
  }
}

void check_maps(const NormativePart& model, dlf_status status) {
  if (model.map_unit == 0) fail(status, "the model has no importance maps");
}

// What it means that bytes ran out (§5.5).
[[noreturn]] void fail_exhausted(const PayloadOptions& options, size_t size, const char* where) {
  fail(options.is_truncated ? DLF_TRUNCATED_FILE : DLF_INVALID_FILE,
       std::string("the payload ends within the ") + where, options.base_offset + size);
}

}  // namespace

MapRates map_rates(const NormativePart& model, uint8_t rate) {
  return {rate, model.rate_points, model.map_unit};
}

EncodedPayload encode_payload(const ModelPackage& package, const ImageGeometry& geometry,
                              uint8_t rate, const std::vector<int16_t>& tokens,
                              const std::vector<float>& y, const EntropyOptions& options,
                              const ImportanceMap* map) {
  const NormativePart& model = package.normative();
  if (rate >= model.rate_points) {
    fail(DLF_INVALID_ARGUMENT, "the model has no rate point " + std::to_string(rate));
  }
  check_tokens(model, geometry, tokens);
  if (y.size() != latent_count(model, geometry)) {
    fail(DLF_INVALID_ARGUMENT, "the number of latents does not fit the image");
  }
  EncodedPayload out;
  out.symbols.geometry = geometry;
  out.symbols.rate = rate;
  out.symbols.rates = RateMap(rate);
  out.symbols.tokens = tokens;
  RansEncoder encoder;
  if (map != nullptr) {
    if (map->rows != geometry.latent_h || map->columns != geometry.latent_w) {
      fail(DLF_INVALID_ARGUMENT, "the importance map does not fit the image");
    }
    check_maps(model, DLF_INVALID_ARGUMENT);
    encode_map(map_rates(model, rate), *map, encoder);
    out.symbols.rates = RateMap(map->rate_indices(map_rates(model, rate)), map->columns);
    out.symbols.map = *map;
  }
  out.symbols.banks = encode_tokens(model, geometry, tokens, encoder);
  const SymbolSet& set = out.symbols;
  const auto choose = [&](const FrequencyTable* table, size_t at, int16_t mean) {
    if (table == nullptr) return int16_t{0};
    const int16_t symbol =
        quantise(model, *table, {y[at], set.step.data[at], mean}, options.bit_price);
    encoder.put_value(*table, symbol);
    return symbol;
  };
  code_latents(model, options, out.symbols, false, choose);
  out.payload = encoder.finish(&out.symbols.final_state);
  return out;
}

SymbolSet decode_payload(const ModelPackage& package, const ImageGeometry& geometry, uint8_t rate,
                         ByteView payload, const PayloadOptions& options) {
  const NormativePart& model = package.normative();
  if (rate >= model.rate_points) {  // §5.1.3
    fail(DLF_INVALID_FILE, "the model has no rate point " + std::to_string(rate));
  }
  SymbolSet out;
  out.geometry = geometry;
  out.rate = rate;
  out.rates = RateMap(rate);
  if (options.has_map) check_maps(model, DLF_INVALID_FILE);  // §5.6
  RansDecoder decoder(payload, options.base_offset);
  if (options.has_map) {
    const MapRates rates = map_rates(model, rate);
    MapReader reader(rates, geometry.latent_h, geometry.latent_w);
    if (!reader.read(decoder)) fail_exhausted(options, payload.size(), "importance map");
    out.map = reader.take_map();
    out.rates = RateMap(out.map->rate_indices(rates), geometry.latent_w);
  }
  if (!decode_tokens(model, geometry, decoder, &out.tokens, &out.banks)) {
    fail_exhausted(options, payload.size(), "tokens");
  }
  out.token_bytes = decoder.position();

  const bool may_end = options.allow_truncated && options.is_truncated;
  const auto read = [&](const FrequencyTable* table, size_t, int16_t) {
    if (table == nullptr || options.semantic_only || decoder.exhausted()) {
      return int16_t{0};
    }
    const int32_t symbol = decoder.get_value(*table);
    if (decoder.exhausted()) {
      if (!may_end) {
        fail_exhausted(options, payload.size(), "detail symbols");
      }
      return int16_t{0};
    }
    if (symbol < INT16_MIN || symbol > INT16_MAX) {  // §5.3.4
      fail(DLF_INVALID_FILE, "a symbol is out of range", options.base_offset + decoder.position());
    }
    return static_cast<int16_t>(symbol);
  };
  code_latents(model, options, out, options.for_pixels, read);

  if (!options.semantic_only) {  // §5.4
    out.complete = decoder.at_end();
    if (!out.complete && !may_end) {
      if (decoder.exhausted()) {
        fail_exhausted(options, payload.size(), "detail symbols");
      }
      fail(DLF_INVALID_FILE, "the entropy coder does not end where it should",
           options.base_offset + decoder.position());
    }
  }
  out.final_state = decoder.state();
  return out;
}

uint64_t estimate_entropy_bytes(const NormativePart& model, const ImageGeometry& geometry,
                                bool for_pixels) {
  const uint64_t positions = uint64_t{geometry.latent_h} * geometry.latent_w;
  const Program& init = model.programs[kProgramInit];
  const uint64_t context = init.shapes[init.outputs[3]].channels;
  // The tensors of a SymbolSet, scales and means of a quarter, and the encoder's queue. For pixels
  // y_hat, step and the latents that follow from them. Then the context, offsets and rate indices
  // of a map with its part of the queue, tokens and banks, and the network at work.
  const uint64_t per_latent = for_pixels && model.synthesis ? 6 : 39;
  const uint64_t map = model.map_unit == 0 ? 0 : 32;
  return positions * (uint64_t{model.latent_channels} * per_latent + context * 2 + map) +
         geometry.windows() * (uint64_t{model.tokens_stride()} * 22 + 1) +
         Prior::network_bytes(model, geometry);
}

uint64_t estimate_entropy_macs(const NormativePart& model, const ImageGeometry& geometry) {
  uint64_t total = 0;
  for (const Program& program : model.programs) {
    total += macs_of(model.layers, program, geometry.canvas.height, geometry.canvas.width);
  }
  return total;
}

}  // namespace dlf

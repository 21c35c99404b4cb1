#include <regrad/engine/internal/decimal.h>
#include <regrad/layers/nets/bcresnet.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {
namespace {

int64_t width_of(const char* net, double base, double times) {
  const double w = base * times;
  if (!(w >= 1) || w != std::floor(w))
    throw ConfigError(std::string(net) + ": tau gives a stage of " + decimal(w) + " channels");
  return static_cast<int64_t>(w);
}
Conv2d pointwise(const Random& r, int64_t in, int64_t out, DType t, bool with_bias = false) {
  return {r, in, out, 1, {}, with_bias, t};
}

constexpr const char* names[] = {"none", "in", "ifn", "ln", "resnorm", "rfn", "bin", "global"};

}  // namespace

BcBlock::BcBlock(const Random& r, int64_t in, int64_t out, const Options& o)
    : over_freq(r / "over_freq", out, out, Pair{3, 1},
                {.stride = {o.freq_stride, 1}, .padding = {1, 0}, .groups = out}, false, o.dtype),
      over_time(r / "over_time", out, out, Pair{1, 3},
                {.padding = {0, o.time_dilation}, .dilation = {1, o.time_dilation}, .groups = out},
                false, o.dtype),
      mix(pointwise(r / "mix", out, out, o.dtype)),
      freq_norm(out, o.bands, o.dtype),
      time_norm(out, 1, o.dtype),
      dropout(o.dropout),
      index(o.index) {
  if (!o.transition && in != out)
    throw ConfigError("BcBlock: " + std::to_string(in) + " to " + std::to_string(out) +
                      " channels needs a transition");
  if (!o.transition) return;
  enter = pointwise(r / "enter", in, out, o.dtype);
  enter_norm = SubSpectralNorm(out, 1, o.dtype);
}
Tensor BcBlock::f1(const Tensor& f2, Context& ctx) const {
  Tensor y = mix(silu(time_norm(over_time(mean_over_rows(f2, ctx), ctx), ctx), ctx), ctx);
  if (!ctx.training || !ctx.random || dropout == 0) return y;
  return dropout2d(y, dropout, *ctx.random / "dropout" / index);
}
Tensor BcBlock::operator()(const Tensor& x, Context& ctx) const {
  const bool transition = enter.weight.defined();
  const Tensor f2 =
      freq_norm(over_freq(transition ? enter_norm(enter(x, ctx), ctx, true) : x, ctx), ctx);
  return broadcast_residual(f2, f1(f2, ctx), transition ? Tensor() : x, ctx);
}

BcResnetOptions fitted(BcResnetOptions o, int64_t rows) {
  const int64_t head = (rows + 1) / 2, second = (head + 1) / 2, third = (second + 1) / 2;
  for (o.bands = 5; head % o.bands || second % o.bands || third % o.bands;) --o.bands;
  o.tail_rows = std::min<int64_t>(5, third);
  return o;
}

BcResnet::BcResnet(const Random& r, const BcResnetOptions& o) {
  const double b = 8 * o.tau;
  const auto width = [&](double times) { return width_of("BcResnet", b, times); };
  int64_t in = width(2);
  head = Conv2d(r / "head", o.in_channels, in, 5, {.stride = {2, 1}, .padding = 2}, false, o.dtype);
  head_norm = SubSpectralNorm(in, 1, o.dtype);
  const int count[] = {2, 2, 4, 4};
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t out = width(1 + 0.5 * stage);
    for (int i = 0; i < count[stage]; ++i) {
      const auto index = static_cast<int64_t>(blocks.size());
      const int64_t stride = i == 0 && (stage == 1 || stage == 2) ? 2 : 1;
      blocks.emplace_back(r / "block" / index, in, out,
                          BcBlock::Options{.bands = o.bands,
                                           .freq_stride = stride,
                                           .time_dilation = int64_t{1} << stage,
                                           .dropout = o.dropout,
                                           .transition = i == 0,
                                           .index = index,
                                           .dtype = o.dtype});
      in = out;
    }
  }
  tail = Conv2d(r / "tail", in, in, Pair{o.tail_rows, 5}, {.padding = {0, 2}, .groups = in}, false,
                o.dtype);
  widen = pointwise(r / "widen", in, width(4), o.dtype);
  widen_norm = SubSpectralNorm(width(4), 1, o.dtype);
  classifier = pointwise(r / "classifier", width(4), o.classes, o.dtype, o.classifier_bias);
}
Tensor BcResnet::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = head_norm(head(x, ctx), ctx, true);
  for (const BcBlock& b : blocks) y = b(y, ctx);
  y = widen_norm(widen(tail(y, ctx), ctx), ctx, true);
  return flatten_pixels(classifier(mean_over_map(y, ctx), ctx), ctx);
}

const char* name(FreqNorm n) { return names[static_cast<int>(n)]; }
FreqNorm freq_norm(const std::string& wanted) {
  std::string choices;
  for (int i = 0; i < 8; ++i) {
    if (wanted == names[i]) return static_cast<FreqNorm>(i);
    choices += (i ? ", " : "") + std::string(names[i]);
  }
  throw ConfigError("no norm is called '" + wanted + "'; there are: " + choices);
}

FreqNormPlace::FreqNormPlace(FreqNorm k, double l, int64_t channels, DType t) : kind(k), lambda(l) {
  if (k == FreqNorm::bin) bin = BatchInstanceNorm(channels, t);
}
Tensor FreqNormPlace::operator()(const Tensor& x, Context& ctx) const {
  switch (kind) {
    case FreqNorm::none: return x;
    case FreqNorm::in: return plain_instance_norm(x);
    case FreqNorm::ifn: return ifn(x);
    case FreqNorm::ln: return clip_norm(x);
    case FreqNorm::resnorm: return res_norm(x, lambda);
    case FreqNorm::rfn: return rfn(x, lambda);
    case FreqNorm::bin: return bin(x, ctx);
    case FreqNorm::global:
      if (!global.mean.defined())
        throw ConfigError(
            "FreqNorm::global: give the net the training set's statistics first (FreqStatistics)");
      return global(x);
  }
  return x;
}

namespace {

int64_t asc_width(const BcResnetAscOptions& o, double times) {
  return width_of("BcResnetAsc", 10 * o.tau, times);
}

}  // namespace

void check(const BcResnetAscOptions& o) {
  for (const double times : {1.0, 1.5, 2.0, 2.5}) asc_width(o, times);
}

BcResnetAsc::BcResnetAsc(const Random& r, const BcResnetAscOptions& o) {
  const auto width = [&](double times) { return asc_width(o, times); };
  int64_t in = width(2), index = 0;
  norms.emplace_back(o.norm, o.lambda, 1, o.dtype);
  head = Conv2d(r / "head", 1, in, 5, {.stride = 2, .padding = 2}, false, o.dtype);
  head_norm = SubSpectralNorm(in, 1, o.dtype);
  const bool on_input_alone = o.input_only || o.norm == FreqNorm::global;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t out = width(1 + 0.5 * stage);
    std::vector<BcBlock> blocks;
    for (int i = 0; i < (stage == 3 ? 3 : 2); ++i, ++index) {
      blocks.emplace_back(r / "block" / index, in, out,
                          BcBlock::Options{.bands = o.bands,
                                           .dropout = o.dropout,
                                           .transition = i == 0,
                                           .index = index,
                                           .dtype = o.dtype});
      in = out;
    }
    stages.push_back(std::move(blocks));
    // Behind instance norm every channel's mean over the map is 0, and logits would be the
    // classifier's bias.
    const bool emptied = o.norm == FreqNorm::in && stage == 3;
    norms.emplace_back(on_input_alone || emptied ? FreqNorm::none : o.norm, o.lambda, out, o.dtype);
  }
  classifier = pointwise(r / "classifier", in, o.classes, o.dtype, true);
}
std::vector<Tensor> BcResnetAsc::activations(const Tensor& x, Context& ctx) const {
  std::vector<Tensor> maps{head_norm(head(norms[0](x, ctx), ctx), ctx, true)};
  for (size_t s = 0; s < stages.size(); ++s) {
    Tensor y = s == 1 || s == 2 ? max_pool2d(maps.back(), 2) : maps.back();
    for (const BcBlock& b : stages[s]) y = b(y, ctx);
    y = norms[s + 1](y, ctx);
    maps.push_back(ctx.after_stage ? ctx.after_stage(static_cast<int64_t>(s), y) : y);
  }
  return maps;
}
Tensor BcResnetAsc::logit_map(const Tensor& x, Context& ctx) const {
  return classifier(activations(x, ctx).back(), ctx);
}
// The classifier is linear: of the mean it is the mean of what it gives.
Tensor BcResnetAsc::operator()(const Tensor& x, Context& ctx) const {
  return flatten_pixels(classifier(mean_over_map(activations(x, ctx).back(), ctx), ctx), ctx);
}

}  // namespace regrad

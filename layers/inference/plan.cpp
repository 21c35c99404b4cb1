#include <regrad/engine/error.h>
#include <regrad/layers/inference/plan.h>

#include <algorithm>
#include <string>

namespace regrad::inference {
namespace {

using Layer = InferenceLayer;

std::string place(size_t i) { return "inference layer " + std::to_string(i) + ": "; }

Size conv_size(const Layer& l, const Size& x, const std::string& where) {
  const Shape& w = l.weight.shape();
  if (w.size() != 4 || l.stride < 1 || l.padding < 0 || l.dilation < 1 || l.groups < 1 ||
      w[0] % l.groups || w[1] * l.groups != x.c)
    throw ShapeError(where + "a convolution of weight " + str(w) + " in " +
                     std::to_string(l.groups) + " groups does not fit " + std::to_string(x.c) +
                     " channels");
  const Steps s(l);
  const int64_t h = x.h + 2 * s.pad_h - s.dilation_h * (w[2] - 1) - 1,
                v = x.w + 2 * s.pad_w - s.dilation_w * (w[3] - 1) - 1;
  if (h < 0 || v < 0) throw ShapeError(where + "the image is smaller than the kernel");
  return {w[0], h / s.stride_h + 1, v / s.stride_w + 1};
}

Size size_after(const Layer& l, const Size& x, const std::string& where) {
  const auto need = [&](bool fits, const char* what) {
    if (!fits) throw ShapeError(where + what);
  };
  switch (l.kind) {
    case Layer::conv: return conv_size(l, x, where);
    case Layer::linear:
      need(l.weight.shape().size() == 2 && l.weight.shape()[1] == x.numel(),
           "a matrix that does not fit its input");
      return {l.weight.shape()[0], 1, 1};
    case Layer::affine:
      need(l.bands >= 1 && x.h % l.bands == 0, "bands that do not divide the rows");
      need(l.weight.shape() == Shape{x.c * l.bands},
           "an affine map with another number of channels");
      return x;
    case Layer::max_pool: {
      const int64_t side = pool_side(l), h = x.h + 2 * l.padding - side,
                    w = x.w + 2 * l.padding - side;
      need(l.stride >= 1 && l.padding >= 0 && 2 * l.padding <= side,
           "a pooling window of which more than half may be padding");
      need(h >= 0 && w >= 0, "a pooling window larger than the image");
      return {x.c, h / l.stride + 1, w / l.stride + 1};
    }
    case Layer::mean: return {x.c, 1, 1};
    case Layer::subsample:
      need(l.stride >= 1 && l.channels >= x.c, "fewer channels than the input has");
      return {l.channels, (x.h + l.stride - 1) / l.stride, (x.w + l.stride - 1) / l.stride};
    case Layer::silu:
    case Layer::add_row: return x;
    case Layer::mean_rows: return {x.c, 1, x.w};
  }
  throw ConfigError(where + "no such kind");
}

void check_weights(const Layer& l, const std::string& where) {
  const bool weighted = l.kind == Layer::conv || l.kind == Layer::linear || l.kind == Layer::affine;
  if (weighted != l.weight.defined() || weighted != l.bias.defined())
    throw ShapeError(where + "weights and bias are missing, or there for nothing");
  if (!weighted) return;
  if (l.weight.dtype() != DType::f32 || l.bias.dtype() != DType::f32)
    throw DTypeError(where + "weights are f32");
  if (l.weight.dim() == 0 || l.bias.shape() != Shape{l.weight.shape()[0]})
    throw ShapeError(where + "bias " + str(l.bias.shape()) + " with weight " +
                     str(l.weight.shape()));
}

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// The largest steps, in pixels of a phase, that a tap makes out of the image along one side: before
// its first pixel, and behind its last.
struct Reach {
  int64_t before, behind;
  Reach(int64_t pad, int64_t stride, int64_t dilation, int64_t k)
      : before(std::max<int64_t>(0, -floor_div(-pad, stride))),
        behind(std::max<int64_t>(0, floor_div(dilation * (k - 1) - pad, stride))) {}
};
Reach rows_of(const Layer& l) {
  const Steps s(l);
  return {s.pad_h, s.stride_h, s.dilation_h, l.weight.shape()[2]};
}
Reach columns_of(const Layer& l) {
  const Steps s(l);
  return {s.pad_w, s.stride_w, s.dilation_w, l.weight.shape()[3]};
}
int64_t margin(const Layer& l) {
  const Reach a = rows_of(l), b = columns_of(l);
  return std::max(std::max(a.before, a.behind), std::max(b.before, b.behind));
}
bool strided(const Layer& l) { return Steps(l).stride_h > 1 || Steps(l).stride_w > 1; }

struct Tap {
  int phase;
  int64_t dy, dx;
};
Tap tap_at(const Layer& l, int64_t kh, int64_t kw) {
  const Steps s(l);
  const int64_t y = kh * s.dilation_h - s.pad_h, x = kw * s.dilation_w - s.pad_w,
                dy = floor_div(y, s.stride_h), dx = floor_div(x, s.stride_w);
  return {static_cast<int>((y - dy * s.stride_h) * s.stride_w + (x - dx * s.stride_w)), dy, dx};
}

// Empty where no vector reaches beyond a row.
std::vector<int32_t> mask_of(const Planes& p) {
  if (p.row == p.size.w) return {};
  std::vector<int32_t> m(static_cast<size_t>((p.reach() + room - 1) / room * room), 0);
  for (int64_t i = 0; i < p.size.h; ++i)
    for (int64_t j = 0; j < p.size.w; ++j) m[static_cast<size_t>(i * p.row + j)] = -1;
  return m;
}

// Phases whose pixels some tap needs, and where among them each phase stands.
std::vector<int> used_phases(const Layer& l, std::vector<int>& slot) {
  std::vector<int> used;
  slot.assign(static_cast<size_t>(Steps(l).stride_h * Steps(l).stride_w), -1);
  for (int64_t kh = 0; kh < l.weight.shape()[2]; ++kh)
    for (int64_t kw = 0; kw < l.weight.shape()[3]; ++kw) {
      int& s = slot[static_cast<size_t>(tap_at(l, kh, kw).phase)];
      if (s < 0) s = static_cast<int>(used.size()), used.push_back(tap_at(l, kh, kw).phase);
    }
  return used;
}

LayerPlan conv_plan(const Layer& l, const Planes& from, const Planes& to) {
  LayerPlan p;
  const Shape& w = l.weight.shape();
  const int64_t per_group = w[0] / l.groups;
  std::vector<int> slot;
  p.used = used_phases(l, slot);
  p.mask = mask_of(to);
  p.behind_h = rows_of(l).behind, p.behind_w = columns_of(l).behind;
  const auto phases = static_cast<int64_t>(p.used.size());
  p.phases = !strided(l)
                 ? from
                 : Planes({from.size.c * phases, to.size.h, to.size.w}, margin(l), to.row, false);
  const float* v = l.weight.data<float>();
  p.taps.begin.push_back(0);
  for (int64_t o = 0; o < w[0]; ++o) {
    for (int64_t c = 0; c < w[1]; ++c)
      for (int64_t kh = 0; kh < w[2]; ++kh)
        for (int64_t kw = 0; kw < w[3]; ++kw, ++v) {
          if (*v == 0) continue;
          const Tap t = tap_at(l, kh, kw);
          const int64_t channel = o / per_group * w[1] + c,
                        plane = channel * phases + slot[static_cast<size_t>(t.phase)];
          p.taps.offsets.push_back(static_cast<int32_t>(plane * p.phases.plane + p.phases.first() +
                                                        t.dy * p.phases.row + t.dx));
          p.taps.values.push_back(*v);
        }
    p.taps.begin.push_back(static_cast<int64_t>(p.taps.values.size()));
  }
  return p;
}

LayerPlan linear_plan(const Layer& l, const Planes& from) {
  LayerPlan p;
  const Shape& w = l.weight.shape();
  const float* v = l.weight.data<float>();
  const int64_t area = from.size.h * from.size.w;
  p.taps.begin.push_back(0);
  for (int64_t o = 0; o < w[0]; ++o) {
    for (int64_t i = 0; i < w[1]; ++i, ++v) {
      if (*v == 0) continue;
      const int64_t c = i / area, y = i % area / from.size.w, x = i % from.size.w;
      p.taps.offsets.push_back(
          static_cast<int32_t>(c * from.plane + from.first() + y * from.row + x));
      p.taps.values.push_back(*v);
    }
    p.taps.begin.push_back(static_cast<int64_t>(p.taps.values.size()));
  }
  // taps_dot reads eight at a time
  p.taps.offsets.resize(p.taps.offsets.size() + 7, 0),
      p.taps.values.resize(p.taps.values.size() + 7, 0.0f);
  return p;
}

}  // namespace

Planes::Planes(const Size& s, int64_t padding, int64_t pitch, bool tight)
    : size(s),
      pad(padding),
      row(std::max(pitch, s.w + padding)),
      plane((s.h + 2 * padding) * row + 2 * padding) {
  if (!tight) plane = (plane + room - 1) / room * room;
}
bool Planes::operator==(const Planes& o) const {
  return size.c == o.size.c && size.h == o.size.h && size.w == o.size.w && pad == o.pad &&
         row == o.row && plane == o.plane;
}

std::vector<Size> sizes_of(const std::vector<Layer>& layers, const InferenceInfo& info) {
  if (layers.empty()) throw ConfigError("inference: no layers");
  if (info.channels < 1 || info.height < 1 || info.width < 1)
    throw ShapeError("inference: an input without elements");
  std::vector<Size> out = {{info.channels, info.height, info.width}};
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& l = layers[i];
    const int there = static_cast<int>(i);
    if (l.from < 0 || l.from > there || l.residual < -1 || l.residual > there || l.row < -1 ||
        l.row > there || (l.row >= 0) != (l.kind == Layer::add_row) ||
        (l.residual >= 0 && l.kind != Layer::conv && l.kind != Layer::add_row))
      throw ConfigError(place(i) + "it reads values that are not there yet");
    check_weights(l, place(i));
    const Size y = size_after(l, out[static_cast<size_t>(l.from)], place(i));
    if (l.residual >= 0) {
      const Size& r = out[static_cast<size_t>(l.residual)];
      if (r.c != y.c || r.h != y.h || r.w != y.w)
        throw ShapeError(place(i) + "the residual has another size");
    }
    if (l.row >= 0) {
      const Size& r = out[static_cast<size_t>(l.row)];
      if (r.c != y.c || r.h != 1 || r.w != y.w)
        throw ShapeError(place(i) + "the row has another size");
    }
    if (y.numel() > (int64_t{1} << 28)) throw ShapeError(place(i) + "more than 2^28 values");
    out.push_back(y);
  }
  return out;
}

namespace {

// How far apart the rows of each value are: what its paddings need, and the same in all that a
// convolution reads and writes.
std::vector<int64_t> pitches(const std::vector<Layer>& layers, const std::vector<Size>& sizes,
                             const std::vector<int64_t>& pads) {
  std::vector<int64_t> pitch(sizes.size());
  for (size_t v = 0; v < sizes.size(); ++v) pitch[v] = sizes[v].w + pads[v];
  for (bool changed = true; changed;) {
    changed = false;
    const auto join = [&](size_t a, size_t b) {
      if (pitch[a] == pitch[b]) return;
      pitch[a] = pitch[b] = std::max(pitch[a], pitch[b]), changed = true;
    };
    for (size_t i = 0; i < layers.size(); ++i) {
      const Layer& l = layers[i];
      if (l.kind != Layer::conv) continue;
      if (!strided(l)) join(static_cast<size_t>(l.from), i + 1);
      if (l.residual >= 0) join(static_cast<size_t>(l.residual), i + 1);
      // Of a phase, what lies behind a row are pixels: no zeros of the next row's.
      const Reach side = columns_of(l);
      const int64_t need =
          strided(l) ? sizes[i + 1].w + std::max(side.before + side.behind, margin(l)) : 0;
      if (pitch[i + 1] < need) pitch[i + 1] = need, changed = true;
    }
  }
  return pitch;
}

}  // namespace

Plan plan_of(const std::vector<Layer>& layers, const std::vector<Size>& sizes) {
  std::vector<int64_t> pads(sizes.size(), 0);
  for (const Layer& l : layers) {
    if (l.kind != Layer::conv || strided(l)) continue;
    int64_t& pad = pads[static_cast<size_t>(l.from)];
    pad = std::max(pad, std::max(std::max(l.padding, Steps(l).pad_w), margin(l)));
  }
  const std::vector<int64_t> pitch = pitches(layers, sizes, pads);
  std::vector<bool> convolved(sizes.size()), read(sizes.size());  // written, read by a convolution
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& l = layers[i];
    if (l.kind != Layer::conv) continue;
    convolved[i + 1] = read[static_cast<size_t>(l.from)] = true;
    if (l.residual >= 0) read[static_cast<size_t>(l.residual)] = true;
  }
  Plan p;
  for (size_t v = 0; v < sizes.size(); ++v) {
    const bool one = sizes[v].h == 1 && sizes[v].w == 1;
    p.values.emplace_back(sizes[v], pads[v], pitch[v],
                          !convolved[v] && pads[v] == 0 && (one || !read[v]));
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    const Planes& from = p.values[static_cast<size_t>(layers[i].from)];
    LayerPlan l;
    if (layers[i].kind == Layer::conv) l = conv_plan(layers[i], from, p.values[i + 1]);
    if (layers[i].kind == Layer::linear) l = linear_plan(layers[i], from);
    p.layers.push_back(std::move(l));
  }
  p.slot = memories(layers, [&p](int a, int b) {
    return p.values[static_cast<size_t>(a)] == p.values[static_cast<size_t>(b)];
  });
  for (size_t v = 0; v < p.slot.size(); ++v)
    if (p.slot[v] == static_cast<int>(p.slots.size())) p.slots.push_back(p.values[v]);
  return p;
}

}  // namespace regrad::inference

// Nets by whole numbers: to the bit what their layers are as plain loops, on every instruction set
// and for any number of threads; what Quantizer simulates, exported; files of few bits.
#include <doctest/doctest.h>
#include <regrad/algorithms/shared/masks.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/export.h>
#include <regrad/layers/inference/plan.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "../temp_folder.h"

using namespace regrad;
using regrad::test::complaint;
using regrad::test::TempFolder;

namespace {

using Layer = InferenceLayer;
using inference::Size;
using Values = std::vector<float>;  // one image, [c,h,w]

// ---- the layers as plain loops ----

float level_of(float x, float inverse, float low, float high) {
  const float v = x * inverse;
  if (!(v > low)) return low;
  return std::nearbyint(std::min(v, high));
}

// The levels of a layer's input.
std::vector<int64_t> levels_in(const InferenceLevels& q, const Size& s, const Values& x) {
  const float high = static_cast<float>((1 << (q.input_bits - (q.input_signed ? 1 : 0))) - 1),
              low = q.input_signed ? -high : 0;
  std::vector<int64_t> out;
  for (int64_t c = 0; c < s.c; ++c) {
    const float scale =
        q.input_scale[static_cast<size_t>(c * static_cast<int64_t>(q.input_scale.size()) / s.c)];
    const auto inverse = static_cast<float>(1 / static_cast<double>(scale));
    for (int64_t p = 0; p < s.h * s.w; ++p)
      out.push_back(static_cast<int64_t>(
          level_of(x[static_cast<size_t>(c * s.h * s.w + p)], inverse, low, high)));
  }
  return out;
}

Values whole_layer(const Layer& l, const Size& s, const Size& t, const Values& x) {
  const InferenceLevels& q = *l.levels;
  const std::vector<int64_t> in = levels_in(q, s, x);
  const bool linear = l.kind == Layer::linear;
  const int64_t groups = linear ? 1 : l.groups, kh = linear ? s.h : l.weight.size(2),
                kw = linear ? s.w : l.weight.size(3), cg = s.c / groups, og = t.c / groups;
  const inference::Steps k(linear ? Layer{} : l);
  Values y;
  for (int64_t o = 0; o < t.c; ++o) {
    const float in_scale =
        q.input_scale[static_cast<size_t>(o * static_cast<int64_t>(q.input_scale.size()) / t.c)];
    const auto scale =
        static_cast<float>(double(in_scale) * double(q.scale[static_cast<size_t>(o)]));
    for (int64_t i = 0; i < t.h; ++i)
      for (int64_t j = 0; j < t.w; ++j) {
        int64_t sum = 0;
        for (int64_t c = 0; c < cg; ++c)
          for (int64_t p = 0; p < kh; ++p)
            for (int64_t r = 0; r < kw; ++r) {
              const int64_t h = i * k.stride_h - k.pad_h + p * k.dilation_h,
                            w = j * k.stride_w - k.pad_w + r * k.dilation_w;
              if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
              sum += in[static_cast<size_t>(((o / og * cg + c) * s.h + h) * s.w + w)] *
                     q.weight[static_cast<size_t>(((o * cg + c) * kh + p) * kw + r)];
            }
        const float product = static_cast<float>(sum) * scale;
        y.push_back(product + l.bias.data<float>()[o]);
      }
  }
  return y;
}

// Sums of rows in order, blocks of 512 added in double; over their number.
float mean_of(const Values& v) {
  double total = 0;
  for (size_t i = 0; i < v.size(); i += 512) {
    float sum = 0;
    for (size_t k = i; k < std::min(v.size(), i + 512); ++k) sum += v[k];
    total += double(sum);
  }
  return static_cast<float>(total) / static_cast<float>(v.size());
}

Values simple_layer(const Layer& l, const Size& s, const Size& t, const Values& x,
                    const Values* row) {
  const auto at = [&](int64_t c, int64_t i, int64_t j) {
    return x[static_cast<size_t>((c * s.h + i) * s.w + j)];
  };
  Values y;
  if (l.kind == Layer::silu)
    return [&] {
      const Tensor v = silu(from_data(x.data(), {static_cast<int64_t>(x.size())}, DType::f32));
      return Values(v.data<float>(), v.data<float>() + v.numel());
    }();
  for (int64_t c = 0; c < t.c; ++c)
    for (int64_t i = 0; i < t.h; ++i)
      for (int64_t j = 0; j < t.w; ++j) {
        Values window;
        if (l.kind == Layer::mean)
          for (int64_t p = 0; p < s.h * s.w; ++p) window.push_back(at(c, p / s.w, p % s.w));
        if (l.kind == Layer::mean_rows)
          for (int64_t p = 0; p < s.h; ++p) window.push_back(at(c, p, j));
        if (l.kind == Layer::max_pool) {
          const inference::PoolSpan rows(l, i, s.h), columns(l, j, s.w);
          float most = at(c, rows.first, columns.first);
          for (int64_t p = rows.first; p < rows.end; ++p)
            for (int64_t q = columns.first; q < columns.end; ++q)
              most = std::max(most, at(c, p, q));
          y.push_back(most);
        }
        if (!window.empty()) y.push_back(mean_of(window));
        if (l.kind == Layer::affine) {
          const auto k = c * l.bands + i / (s.h / l.bands);
          const float product = at(c, i, j) * l.weight.data<float>()[k];
          y.push_back(product + l.bias.data<float>()[k]);
        }
        if (l.kind == Layer::subsample) {
          const int64_t k = c - (l.channels - s.c) / 2;
          y.push_back(k < 0 || k >= s.c ? 0.0f : at(k, i * l.stride, j * l.stride));
        }
        if (l.kind == Layer::add_row) y.push_back((*row)[static_cast<size_t>(c * t.w + j)]);
      }
  return y;
}

// Layers without levels are not convolutions here.
Values by_loops(const std::vector<Layer>& layers, const InferenceInfo& info, const Values& x) {
  const std::vector<Size> sizes = inference::sizes_of(layers, info);
  std::vector<Values> values{x};
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& l = layers[i];
    const auto from = static_cast<size_t>(l.from);
    const Values* row = l.row >= 0 ? &values[static_cast<size_t>(l.row)] : nullptr;
    Values y = l.levels ? whole_layer(l, sizes[from], sizes[i + 1], values[from])
                        : simple_layer(l, sizes[from], sizes[i + 1], values[from], row);
    for (size_t k = 0; k < y.size(); ++k) {
      if (l.kind == Layer::add_row) {
        const float v = values[from][k];
        y[k] = l.residual >= 0 ? values[static_cast<size_t>(l.residual)][k] + v + y[k] : v + y[k];
      } else if (l.residual >= 0) {
        y[k] += values[static_cast<size_t>(l.residual)][k];
      }
      if ((l.relu || l.kind == Layer::add_row) && y[k] < 0) y[k] = 0;
    }
    values.push_back(std::move(y));
  }
  return values.back();
}

std::vector<double> loops(const InferenceNet& net, const Tensor& x) {
  std::vector<double> out;
  const int64_t each = x.numel() / x.size(0);
  for (int64_t i = 0; i < x.size(0); ++i) {
    const float* v = x.data<float>() + i * each;
    for (const float y : by_loops(net.layers(), net.info(), Values(v, v + each))) out.push_back(y);
  }
  return out;
}

// ---- nets ----

double apart(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::f64) - b.to(DType::f64))).item();
}

NamedNet trained(const NamedNetOptions& o, double sparsity = 0) {
  NamedNet net(Random(7), o);
  for (int i = 0; i < 3; ++i) {
    Context ctx{.training = true};
    net(normal(Random(8) / i, {4, o.in_channels, o.size, o.columns()}, 0.3, 1.2), ctx);
    net = commit(std::move(net), ctx);
  }
  std::vector<Tensor> p = parameters(net);
  const std::vector<size_t> at_ = prunable(p);
  if (sparsity > 0) {
    const std::vector<Tensor> masks =
        magnitude_masks(picked(p, at_), sparsity, {.per_layer = true});
    for (size_t l = 0; l < at_.size(); ++l) p[at_[l]] = p[at_[l]].detach() * masks[l];
  }
  for (size_t i = 0; i < p.size(); ++i)
    if (p[i].dim() == 1)
      p[i] = p[i].detach() + 0.2 * normal(Random(9) / static_cast<int64_t>(i), p[i].shape());
  return at(net, p);
}

// What each convolution and linear map sees of x; the first and the last at 8 bits.
std::vector<LayerQuantization> quantization(const NamedNet& net, const Tensor& x, int bits) {
  std::vector<LayerQuantization> out;
  Context ctx{.evaluate = [&](const Step& s, const std::function<Tensor()>& plain) {
    if (s.kind == Step::conv || s.kind == Step::linear) {
      MinMaxObserver seen(s.options.groups);
      seen.observe(s.x);
      out.push_back({.weights = {.bits = bits}, .inputs = {.bits = bits}, .input = seen.ranges()});
    }
    return plain();
  }};
  net(x, ctx);
  for (LayerQuantization* q : {&out.front(), &out.back()}) q->weights.bits = q->inputs.bits = 8;
  return out;
}

Tensor images(const NamedNetOptions& o, int64_t n) {
  return normal(Random(10), {n, o.in_channels, o.size, o.columns()});
}

int64_t differing(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  int64_t n = 0;
  for (size_t i = 0; i < a.size(); ++i) n += a[i] != b[i];
  return n;
}

void same_on_any_threads(const InferenceNet& net, const Tensor& x, const std::vector<double>& y) {
  const int before = num_threads();
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    CHECK(differing(net(x).to_vector(), y) == 0);
  }
  set_num_threads(before);
}

struct Named {
  NamedNetOptions of;
  int bits;
};

}  // namespace

TEST_CASE(
    "integers: named nets are their layers as plain loops to the bit for any batch and threads") {
  for (const Named& n :
       {Named{{.name = "resnet20", .size = 16, .classes = 7}, 8},
        Named{{.name = "resnet20-pad", .size = 12, .width = 9, .classes = 7}, 4},
        Named{{.name = "r8", .in_channels = 1, .size = 40, .width = 32, .classes = 10}, 3},
        Named{{.name = "bcresnet-1", .in_channels = 1, .size = 40, .width = 23, .classes = 12}, 8},
        Named{{.name = "bcresnet-1", .in_channels = 3, .size = 28, .classes = 5}, 4},
        Named{{.name = "tiny", .in_channels = 2, .size = 13, .classes = 3}, 8},
        Named{{.name = "mlp", .in_channels = 2, .size = 5, .width = 6, .classes = 3}, 2},
        Named{{.name = "mobilenet", .in_channels = 3, .size = 8, .classes = 4}, 8}}) {
    const std::string name = n.of.name;
    CAPTURE(name);
    const NamedNet net = trained(n.of);
    const Tensor x = images(n.of, 3);
    const InferenceNet exported =
        export_net(net, n.of, {.quantization = quantization(net, x, n.bits)});
    const InferenceNet whole = exported.with_mode(InferenceMode::integers);
    CHECK(whole.mode() == InferenceMode::integers);
    const std::vector<double> y = loops(whole, x);
    CHECK(differing(whole(x).to_vector(), y) == 0);
    same_on_any_threads(whole, x, whole(x).to_vector());
    const Tensor one = slice(x, 0, 0, 1).contiguous(), logits = whole(x);
    CHECK(apart(whole(one), slice(logits, 0, 0, 1)) == 0);
    CHECK(apart(slice(logits, 0, 0, 1), slice(logits, 0, 1, 2)) > 0);
    // The ways in f32 differ by what their sums round to, and the levels that this turns.
    const double largest = amax(abs(logits)).item();
    for (const InferenceMode mode : {InferenceMode::dense, InferenceMode::sparse})
      CHECK(apart(exported.with_mode(mode)(x), logits) < (n.bits == 8 ? 0.03 : 0.4) * largest);
    // Batches that are cut into blocks.
    const Tensor many = images(n.of, 19), all = whole(many);
    for (const int64_t i : {0, 7, 18})
      CHECK(apart(whole(slice(many, 0, i, i + 1).contiguous()), slice(all, 0, i, i + 1)) == 0);
  }
}

namespace {

// Levels for a layer of weight s, at random, with the largest among them.
InferenceLevels levels(std::mt19937& g, const Shape& s, int bits, int input_bits, bool is_signed,
                       int64_t ranges) {
  const auto u = [&g] { return static_cast<float>(g() >> 8) * 0x1p-24f; };
  InferenceLevels q{.bits = bits, .input_bits = input_bits, .input_signed = is_signed};
  const int n = (1 << (bits - 1)) - 1;
  for (int64_t i = 0; i < s.numel(); ++i)
    q.weight.push_back(static_cast<int8_t>(
        i % 5 == 0 ? n : static_cast<int>(g() % static_cast<uint32_t>(2 * n + 1)) - n));
  for (int64_t o = 0; o < s[0]; ++o) q.scale.push_back((0.2f + u()) / static_cast<float>(n));
  const auto most = static_cast<float>((1 << (input_bits - (is_signed ? 1 : 0))) - 1);
  for (int64_t r = 0; r < ranges; ++r) q.input_scale.push_back((0.5f + 2 * u()) / most);
  return q;
}

Layer conv(std::mt19937& g, int from, int64_t c, int64_t o, int64_t kh, int64_t kw, int64_t groups,
           int bits, int input_bits, bool is_signed, bool per_group = false) {
  Layer l{.from = from, .groups = groups};
  l.weight = zeros({o, c / groups, kh, kw});
  l.bias = normal(Random(static_cast<uint64_t>(g())), {o});
  l.levels = levels(g, l.weight.shape(), bits, input_bits, is_signed, per_group ? groups : 1);
  return l;
}

void check_net(const std::vector<Layer>& layers, const InferenceInfo& info, int64_t n) {
  const InferenceNet net(layers, info, InferenceMode::integers);
  const Tensor x = normal(Random(12) / n, {n, info.channels, info.height, info.width});
  CHECK(differing(net(x).to_vector(), loops(net, x)) == 0);
}

}  // namespace

TEST_CASE("integers: convolutions of any shape and sign at any bits equal plain loops") {
  std::mt19937 g(3);
  struct Case {
    int64_t c, o, kh, kw, groups;
    int64_t stride, padding, dilation, stride_w, padding_w, dilation_w;
  };
  for (const Case& k : {Case{1, 16, 5, 5, 1, 2, 2, 1, 1, -1, 0},
                        {3, 5, 3, 3, 1, 1, 1, 1, 0, -1, 0},
                        {25, 10, 1, 1, 1, 1, 0, 1, 0, -1, 0},
                        {7, 33, 1, 1, 1, 2, 0, 1, 0, -1, 0},
                        {17, 70, 3, 2, 1, 2, 1, 1, 3, 2, 2},
                        {33, 3, 2, 3, 1, 1, 0, 2, 0, 1, 1},
                        {12, 18, 3, 3, 3, 1, 1, 1, 0, -1, 0},
                        {10, 20, 2, 2, 10, 2, 0, 1, 0, -1, 0},
                        {64, 64, 3, 3, 4, 1, 1, 1, 0, -1, 0},
                        {15, 15, 3, 1, 15, 2, 1, 1, 1, 0, 0},
                        {25, 25, 1, 3, 25, 1, 0, 1, 0, 4, 4},
                        {12, 12, 3, 3, 12, 2, 1, 1, 0, -1, 0},
                        {600, 600, 3, 3, 600, 1, 1, 1, 0, -1, 0},
                        {20, 20, 5, 5, 20, 1, 0, 1, 1, 2, 0},
                        {2, 8, 4, 2, 2, 1, 0, 1, 0, -1, 0},
                        {48, 64, 3, 3, 1, 1, 1, 1, 0, -1, 0}})
    for (const bool is_signed : {false, true})
      for (const bool per_group : {false, true}) {
        if (per_group && k.groups == 1) continue;
        CAPTURE(k.c);
        CAPTURE(k.o);
        CAPTURE(is_signed);
        const int bits = 2 + static_cast<int>(g() % 7), inputs = 2 + static_cast<int>(g() % 7);
        Layer l = conv(g, 0, k.c, k.o, k.kh, k.kw, k.groups, bits, inputs, is_signed, per_group);
        l.stride = k.stride, l.padding = k.padding, l.dilation = k.dilation;
        l.stride_w = k.stride_w, l.padding_w = k.padding_w, l.dilation_w = k.dilation_w;
        l.relu = g() % 2;
        // into a second one, so that it writes whole numbers, with padding or without
        Layer next = conv(g, 1, k.o, 6, 1, 1, 1, 8, 1 + static_cast<int>(g() % 8), false);
        next.padding = static_cast<int64_t>(g() % 3);
        const InferenceInfo info{k.c, 9, 14, {}, {}, {}};
        check_net({l}, info, 2);
        check_net({l, next}, info, 3);
      }
}

TEST_CASE("integers: values that several layers read as f32 and as levels of two kinds") {
  std::mt19937 g(4);
  const InferenceInfo info{6, 8, 10, {}, {}, {}};
  Layer first = conv(g, 0, 6, 20, 3, 3, 1, 8, 8, true);
  first.padding = 1, first.relu = true;
  Layer same = conv(g, 1, 20, 20, 3, 3, 1, 5, 4, false);
  same.padding = 1;
  Layer point = conv(g, 1, 20, 20, 1, 1, 1, 8, 4, false);  // the same levels, another padding
  point.levels->input_scale = same.levels->input_scale;
  point.residual = 2, point.relu = true;
  Layer other = conv(g, 1, 20, 20, 3, 3, 1, 8, 8, false);  // other levels
  other.padding = 1, other.residual = 3;
  Layer depthwise = conv(g, 4, 20, 20, 3, 3, 20, 4, 6, true, true);
  depthwise.padding = 1, depthwise.residual = 1, depthwise.relu = true;
  Layer pool{.kind = Layer::max_pool, .from = 5, .stride = 2};
  Layer mean{.kind = Layer::mean, .from = 6};
  Layer linear = conv(g, 7, 20, 9, 1, 1, 1, 8, 8, true);
  linear.kind = Layer::linear, linear.weight = reshape(linear.weight, {9, 20});
  check_net({first, same, point, other, depthwise, pool, mean, linear}, info, 5);
  Layer scaled = conv(g, 1, 20, 20, 1, 1, 1, 8, 4, false);  // as many levels, farther apart
  scaled.levels->input_scale = {2 * same.levels->input_scale[0]}, scaled.residual = 2;
  check_net({first, same, scaled}, info, 2);
  // A matrix over a picture, and over one that a convolution pads.
  Layer over = conv(g, 1, 20 * 80, 11, 1, 1, 1, 6, 4, false);
  over.kind = Layer::linear, over.weight = reshape(over.weight, {11, 20 * 80});
  over.levels->input_scale = same.levels->input_scale;
  check_net({first, same, over}, info, 3);
  // Bands that follow a convolution are done with it; a mean over rows, SiLU and a row's sum.
  Layer bands{.kind = Layer::affine, .from = 1, .bands = 4, .relu = true};
  bands.weight = normal(Random(13), {80}), bands.bias = normal(Random(14), {80});
  Layer rows{.kind = Layer::mean_rows, .from = 2};
  Layer smooth{.kind = Layer::silu, .from = 3};
  Layer mix = conv(g, 4, 20, 20, 1, 1, 1, 8, 8, true);
  Layer sum{.kind = Layer::add_row, .from = 2, .row = 5};
  Layer last = conv(g, 6, 20, 4, 3, 3, 1, 8, 8, false);
  first.relu = false;
  check_net({first, bands, rows, smooth, mix, sum, last}, info, 4);
  sum.residual = 1;  // what the bands read is now read twice
  check_net({first, bands, rows, smooth, mix, sum, last}, info, 4);
  // ReLU stands between
  first.relu = true;
  check_net({first, bands}, info, 2);
  // A row that is read long after it was made, by each way.
  first.relu = bands.relu = false;
  Layer again = conv(g, 1, 20, 20, 3, 3, 1, 8, 8, true);
  again.padding = 1;
  Layer third = again;
  third.from = 3;
  Layer late{.kind = Layer::add_row, .from = 4, .row = 2};
  rows.from = 1;
  const std::vector<Layer> apart_rows{first, rows, again, third, late};
  check_net(apart_rows, info, 3);
  const Tensor x = normal(Random(15), {2, 6, 8, 10}),
               y = InferenceNet(apart_rows, info, InferenceMode::integers)(x);
  for (const InferenceMode mode : {InferenceMode::dense, InferenceMode::sparse})
    CHECK(apart(InferenceNet(apart_rows, info, mode)(x), y) < 0.03 * amax(abs(y)).item());
  // the answer itself is read
  check_net({first, bands}, info, 2);
}

TEST_CASE("integers: sums above 2^24 are rounded once and a NaN is the lowest level") {
  // 600 products of 255 and 127, one of them of 254
  Layer l{.bias = tensor({0.0})};
  l.weight = zeros({1, 600, 1, 1});
  l.levels =
      InferenceLevels{.weight = std::vector<int8_t>(600, 127), .scale = {1}, .input_scale = {1}};
  const InferenceNet net({l}, {600, 1, 1, {}, {}, {}}, InferenceMode::integers);
  std::vector<float> x(600, 255.0f);
  x[5] = 254;
  const auto exact = static_cast<float>(int64_t{600} * 255 * 127 - 127);
  CHECK(exact != static_cast<float>(int64_t{600} * 255 * 127));
  CHECK(net(from_data(x.data(), {1, 600, 1, 1}, DType::f32)).item() == exact);
  x[5] = std::nanf("");
  CHECK(net(from_data(x.data(), {1, 600, 1, 1}, DType::f32)).item() ==
        static_cast<float>(int64_t{599} * 255 * 127));
}

namespace {

// Scales of powers of two, norms of mean 0 and variance 1: every operation is exact, so that every
// order of them gives the same bits.
NamedNet dyadic(const NamedNetOptions& o, int bits) {
  NamedNet net(Random(20), o);
  int64_t i = 0;
  each(net, [&](const std::string& name, Tensor& t, bool is_buffer) {
    const Random r = Random(21) / i++;
    const auto ends = [&](const char* with) {
      const std::string w = with;
      return name.size() >= w.size() && name.compare(name.size() - w.size(), w.size(), w) == 0;
    };
    if (is_buffer) {
      t = ends("var") ? full(t.shape(), 1 - 1e-5) : zeros(t.shape());
    } else if (t.dim() == 1) {
      const Tensor sign = gt(uniform(r, t.shape()), full({}, 0.3)).to(DType::f32) * 2 - 1;
      t = ends("weight") ? sign * pow(full({}, 2.0), round(uniform(r / "p", t.shape(), -1, 1)))
                         : round(normal(r, t.shape()) * 16) / 64;
    } else {
      const double n = std::ldexp(1.0, bits - 1) - 1,
                   fan = static_cast<double>(t.numel() / t.size(0)),
                   scale = std::exp2(std::round(std::log2(std::sqrt(2 / fan) * 3 / n)));
      std::vector<double> v =
          (clamp(round(normal(r, t.shape()) * (n / 3)), -n, n) * scale).to_vector();
      v[0] = n * scale;
      t = tensor(v, t.shape());
    }
  });
  return net;
}

}  // namespace

TEST_CASE("integers: an exported net is what Quantizer simulates to the bit where all is exact") {
  for (const Named& n :
       {Named{{.name = "resnet20", .size = 8, .classes = 6}, 8},
        Named{{.name = "resnet20", .size = 8, .width = 16, .classes = 6}, 4},
        Named{{.name = "bcresnet-1", .in_channels = 1, .size = 32, .width = 16, .classes = 6},
              8}}) {
    const std::string name = n.of.name;
    CAPTURE(name);
    CAPTURE(n.bits);
    const NamedNet net = dyadic(n.of, n.bits);
    const Tensor x = images(n.of, 4);
    Quantizer q({.weights = {.bits = n.bits}, .inputs = {.bits = n.bits}});
    const Context::Evaluate calibrate = q.calibrate();
    // Ranges whose scales are powers of two, as values are.
    std::vector<LayerQuantization> of_each;
    Context noting{.evaluate = [&](const Step& s, const std::function<Tensor()>& plain) {
      if (s.kind != Step::conv && s.kind != Step::linear) return plain();
      MinMaxObserver seen(s.options.groups);
      seen.observe(s.x);
      const bool is_signed = seen.ranges().is_signed();
      const double most = std::ldexp(1.0, n.bits - (is_signed ? 1 : 0)) - 1,
                   high = most * std::exp2(std::round(std::log2(2.5 / most)));
      const Range range{is_signed ? -high : 0, high};
      std::vector<Range> ranges(static_cast<size_t>(s.options.groups), range);
      Step ends = s;
      ends.x = cat({full(s.x.shape(), range.low), full(s.x.shape(), range.high)}, 0);
      calibrate(ends, [] { return Tensor(); });
      of_each.push_back(
          {.weights = {.bits = n.bits}, .inputs = {.bits = n.bits}, .input = Ranges(ranges)});
      return plain();
    }};
    net(x, noting);
    Context simulation{.evaluate = q.simulate()}, integers{.evaluate = q.integers()};
    const InferenceNet exported = export_net(net, n.of, {.quantization = of_each});
    const Tensor simulated = net(x, simulation),
                 whole = exported.with_mode(InferenceMode::integers)(x);
    CHECK(apart(whole, simulated) == 0);
    CHECK(apart(net(x, integers), simulated) == 0);
    CHECK(apart(exported.with_mode(InferenceMode::dense)(x), simulated) == 0);
    CHECK(apart(exported.with_mode(InferenceMode::sparse)(x), simulated) == 0);
    CHECK(amax(abs(simulated)).item() > 0.01);
    CHECK(apart(slice(simulated, 0, 0, 1), slice(simulated, 0, 1, 2)) > 0.01);
    CHECK(apart(simulated, net(x)) > 1e-3);
  }
}

TEST_CASE("integers: norms go into scales and weights stay whole numbers of their bits") {
  const NamedNetOptions o{.name = "r8", .in_channels = 1, .size = 12, .classes = 4};
  const NamedNet net = trained(o, 0.5);
  const Tensor x = images(o, 4);
  const std::vector<LayerQuantization> q = quantization(net, x, 3);
  const InferenceNet exported = export_net(net, o, {.quantization = q});
  CHECK(exported.has_levels());
  CHECK_FALSE(export_net(net, o).has_levels());
  const InferenceNet plain = export_net(net, o);
  size_t i = 0;
  for (size_t k = 0; k < exported.layers().size(); ++k) {
    const Layer& l = exported.layers()[k];
    if (!l.levels) continue;
    CHECK(l.levels->bits == q[i].weights.bits);
    CHECK(l.levels->input_bits == q[i].inputs.bits);
    CHECK(l.levels->input_signed == (i == 0));
    const int most = (1 << (l.levels->bits - 1)) - 1;
    int largest = 0;
    for (const int8_t v : l.levels->weight) largest = std::max(largest, std::abs(v));
    CHECK(largest == most);
    CHECK(apart(l.weight, weight_of(*l.levels, l.weight.shape())) == 0);
    // within half a level of the folded weights
    const Tensor half = tensor(std::vector<double>(l.levels->scale.begin(), l.levels->scale.end()),
                               l.weight.dim() == 4 ? Shape{l.weight.size(0), 1, 1, 1}
                                                   : Shape{l.weight.size(0), 1}) *
                        0.5001;
    CHECK(amax(abs(l.weight - plain.layers()[k].weight) - half).item() <= 0);
    CHECK(apart(l.bias, plain.layers()[k].bias) == 0);
    ++i;
  }
  CHECK(i == q.size());
  // dead filters are taken out of levels too, and no logit changes
  NamedNet filters = trained(o);
  std::vector<Tensor> p = parameters(filters);
  for (Tensor& t : p)
    if (t.dim() == 4 && t.size(0) % 2 == 0)
      t = t.detach() * cat({zeros({t.size(0) / 2, 1, 1, 1}), ones({t.size(0) / 2, 1, 1, 1})}, 0);
  filters = at(filters, p);
  const std::vector<LayerQuantization> of = quantization(filters, x, 8);
  const InferenceNet whole = export_net(filters, o, {.remove_filters = false, .quantization = of}),
                     cut = export_net(filters, o, {.quantization = of});
  CHECK(cut.cost().parameters < whole.cost().parameters);
  CHECK(differing(cut.with_mode(InferenceMode::integers)(x).to_vector(),
                  whole.with_mode(InferenceMode::integers)(x).to_vector()) == 0);
}

TEST_CASE("integers: what does not fit is refused") {
  const NamedNetOptions o{.name = "tiny", .in_channels = 1, .size = 16, .classes = 4};
  const NamedNet net = trained(o);
  const std::vector<LayerQuantization> good = quantization(net, images(o, 2), 4);
  const auto refused = [&](auto change, const char* words) {
    std::vector<LayerQuantization> q = good;
    change(q);
    return complaint<ConfigError>([&] { export_net(net, o, {.quantization = q}); }, words);
  };
  CHECK(refused([](auto& q) { q.pop_back(); },
                "export: quantization of 2 layers for a net of 3 convolutions and linear maps")
            .empty());
  CHECK(refused([](auto& q) { q.push_back(q[0]); }, "export: quantization of 4 layers").empty());
  CHECK(refused([](auto& q) { q[1].weights.bits = 9; }, "export: quantization of layer 1").empty());
  CHECK(refused([](auto& q) { q[2].inputs.bits = 9; }, "export: quantization of layer 2").empty());
  CHECK(refused([](auto& q) { q[0].inputs.scheme = Scheme::affine; }, "export: quantization of")
            .empty());
  CHECK(refused(
            [](auto& q) {
              q[0].input = Ranges(std::vector<Range>{{0, 1}, {0, 1}});
            },
            "export: quantization of layer 0: 2 ranges of inputs for 1 groups")
            .empty());
  CHECK_THROWS_AS(export_net(net, o).with_mode(InferenceMode::integers), ConfigError);

  std::mt19937 g(5);
  const InferenceInfo info{3, 8, 8, {}, {}, {}};
  const Layer l = conv(g, 0, 3, 4, 3, 3, 1, 4, 4, false);
  const auto broken = [&](auto change) {
    Layer b = l;
    change(b, *b.levels);
    return InferenceNet({b}, info);
  };
  CHECK_NOTHROW(broken([](auto&, auto&) {}));
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.bits = 1; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.bits = 9; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.bits = 3; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.input_bits = 0; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.input_bits = 1, q.input_signed = true; }),
                  ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.weight.pop_back(); }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.weight[7] = -8; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.scale.push_back(1); }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.scale[0] = -1; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.scale[0] = INFINITY; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.input_scale[0] = 0; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.input_scale[0] = NAN; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.input_scale[0] = 1e-45f; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto&, auto& q) { q.input_scale = {1, 1}; }), ConfigError);
  CHECK_THROWS_AS(
      broken([](auto& b, auto&) { b.kind = Layer::affine, b.weight = b.bias = ones({3}); }),
      ConfigError);
  Layer wide{.bias = zeros({1}), .levels = InferenceLevels{}};
  wide.weight = zeros({1, 70000, 1, 1});
  wide.levels->weight.assign(70000, 127), wide.levels->scale = wide.levels->input_scale = {1};
  CHECK_THROWS_AS(InferenceNet({wide}, {70000, 1, 1, {}, {}, {}}), ShapeError);
}

TEST_CASE("integers: automatic takes what is fastest on the instruction set") {
  std::mt19937 g(6);
  const InferenceInfo info{64, 8, 8, {}, {}, {}};
  Layer l = conv(g, 0, 64, 64, 3, 3, 1, 8, 8, false);
  l.padding = 1;
  const auto faster = [&](double kept, const char* isa, bool vnni) {
    Layer k = l;
    for (size_t i = 0; i < k.levels->weight.size(); ++i)
      if (static_cast<double>(g() % 1000) >= 1000 * kept) k.levels->weight[i] = 0;
    k.weight = weight_of(*k.levels, k.weight.shape());
    return inference::faster_mode({k}, inference::plan_of({k}, inference::sizes_of({k}, info)), isa,
                                  vnni);
  };
  CHECK(faster(1, "avx512", true) == InferenceMode::integers);
  CHECK(faster(1, "avx512", false) == InferenceMode::integers);
  CHECK(faster(1, "avx2", false) == InferenceMode::integers);
  CHECK(faster(1, "baseline", false) == InferenceMode::integers);
  for (const char* isa : {"avx512", "avx2", "baseline"})
    CHECK(faster(0.02, isa, false) == InferenceMode::sparse);
  CHECK(faster(0.2, "avx512", true) == InferenceMode::integers);
  CHECK(InferenceNet({l}, info).mode() == InferenceMode::integers);
}

TEST_CASE("integers: files come back to the bit and take what their parts do") {
  const TempFolder at;
  for (const Named& n :
       {Named{{.name = "resnet20", .size = 32, .classes = 10}, 4},
        Named{{.name = "resnet20", .size = 8, .classes = 3}, 3},
        Named{{.name = "bcresnet-1", .in_channels = 1, .size = 40, .width = 20, .classes = 12}, 5},
        Named{{.name = "mlp", .in_channels = 1, .size = 7, .classes = 3}, 2},
        Named{{.name = "tiny", .in_channels = 1, .size = 9, .classes = 3}, 6},
        Named{{.name = "tiny", .in_channels = 1, .size = 9, .classes = 3}, 7}}) {
    const std::string name = n.of.name;
    CAPTURE(name);
    for (const double sparsity : {0.0, 0.9}) {
      const NamedNet net = trained(n.of, sparsity);
      const Tensor x = images(n.of, 2);
      const InferenceNet exported = export_net(
          net, n.of, {.classes = {"a", "b"}, .quantization = quantization(net, x, n.bits)});
      save_inference(exported, at / "net.safetensors");
      const InferenceNet back = load_inference(at / "net.safetensors");
      CHECK(back.info().classes == exported.info().classes);
      CHECK(back.info().width == n.of.columns());
      REQUIRE(back.layers().size() == exported.layers().size());
      int64_t bits = 0, numbers = 0;
      for (size_t i = 0; i < back.layers().size(); ++i) {
        const Layer &a = exported.layers()[i], &b = back.layers()[i];
        if (a.weight.defined()) numbers += a.bias.numel();
        REQUIRE(a.levels.has_value() == b.levels.has_value());
        if (!a.levels) continue;
        CHECK(a.levels->weight == b.levels->weight);
        CHECK(a.levels->scale == b.levels->scale);
        CHECK(a.levels->input_scale == b.levels->input_scale);
        const int64_t all = a.weight.numel(),
                      kept = all - std::count(a.levels->weight.begin(), a.levels->weight.end(), 0);
        bits += std::min((all + 7) / 8 * 8 + a.levels->bits * kept, a.levels->bits * all);
        numbers += static_cast<int64_t>(a.levels->scale.size() + a.levels->input_scale.size());
      }
      CHECK(differing(back.with_mode(InferenceMode::integers)(x).to_vector(),
                      exported.with_mode(InferenceMode::integers)(x).to_vector()) == 0);
      const auto size = static_cast<double>(std::filesystem::file_size(at / "net.safetensors"));
      const double count = static_cast<double>(bits) / 8 + 4 * static_cast<double>(numbers);
      CHECK(size >= count);
      if (n.of.size == 32) {
        MESSAGE(name, " at ", n.bits, " bits, ", 100 * sparsity, "% zeros: ", size, " bytes, ",
                size / count, " of the count");
        CHECK(size <= 1.05 * count);
      }
    }
  }
}

TEST_CASE("integers: broken files are IOErrors that name the file") {
  const TempFolder at;
  const NamedNetOptions o{.name = "bcresnet-1", .in_channels = 1, .size = 16, .classes = 4};
  const NamedNet net = trained(o, 0.8);
  save_inference(export_net(net, o, {.quantization = quantization(net, images(o, 2), 3)}),
                 at / "good.safetensors");
  const TensorFile good = load_safetensors(at / "good.safetensors");
  const auto forged = [&](auto change) {
    std::vector<NamedTensor> tensors = good.tensors;
    Metadata metadata = good.metadata;
    change(tensors, metadata);
    save_safetensors(at / "bad.safetensors", tensors, metadata);
    try {
      load_inference(at / "bad.safetensors");
    } catch (const IOError& e) {
      return std::string(e.what()).find("bad.safetensors") != std::string::npos;
    }
    return false;
  };
  CHECK_FALSE(forged([](auto&, auto&) {}));
  const auto edit = [](std::string from, std::string to) {
    return [=](auto&, Metadata& m) {
      const size_t p = m["layers"].find(from);
      REQUIRE(p != std::string::npos);
      m["layers"].replace(p, from.size(), to);
    };
  };
  CHECK(forged(edit("bits=3", "bits=1")));
  CHECK(forged(edit("bits=3", "bits=9")));
  CHECK(forged(edit("bits=3", "bits=4")));
  CHECK(forged(edit("bits=3", "bits=2")));
  CHECK(forged(edit("bits=3", "bits=x")));
  CHECK(forged(edit(" bits=3", "")));
  CHECK(forged(edit("inputs=3", "inputs=0")));
  CHECK(forged(edit("inputs=3", "inputs=9")));
  CHECK(forged(edit("signed=1", "signed=2")));
  CHECK(forged(edit("ranges=8", "ranges=7")));
  CHECK(forged(edit("ranges=8", "ranges=0")));
  CHECK(forged(edit("ranges=8", "ranges=99999999")));
  CHECK(forged(edit("row=", "row=9999 kernel=")));
  CHECK(forged(edit("row=", "residual=-1 colour=")));
  CHECK(forged(edit("padding_w=", "padding_w=65 kernel=")));
  CHECK(forged(edit("dilation_w=2", "dilation_w=63")));
  CHECK(forged(edit("stride_w=1", "stride_w=-1")));
  CHECK(forged(edit("bands=", "bands=0 kernel=")));
  const auto with = [](const char* name, auto make) {
    return [name, make](auto& all, Metadata&) {
      for (auto& [other, v] : all)
        if (other == name) v = make(v);
    };
  };
  for (const char* name : {"mask", "scale", "levels", "bias"}) {
    CAPTURE(name);
    CHECK(forged(
        with(name, [](const Tensor& t) { return slice(t, 0, 0, t.numel() - 1).contiguous(); })));
    CHECK(forged(with(name, [](const Tensor& t) { return cat({t, slice(t, 0, 0, 1)}, 0); })));
    CHECK(forged(with(name, [](const Tensor&) { return zeros({3}, DType::f64); })));
    CHECK(forged([&](auto& all, Metadata&) {
      for (size_t i = 0; i < all.size(); ++i)
        if (all[i].first == name)
          return void(all.erase(all.begin() + static_cast<std::ptrdiff_t>(i)));
    }));
  }
  // 7 of 3 bits, 255 of 8: levels that there are not
  CHECK(forged(with("levels", [](const Tensor& t) { return full(t.shape(), 255, DType::u8); })));
  // three levels of 3 bits, and bits behind them
  std::mt19937 g(8);
  const InferenceInfo info{3, 1, 1, {}, {}, {}};
  save_inference(InferenceNet({conv(g, 0, 3, 1, 1, 1, 1, 3, 8, false)}, info), at / "few");
  TensorFile few = load_safetensors(at / "few");
  for (NamedTensor& t : few.tensors) {
    if (t.first != "levels") continue;
    REQUIRE(t.second.numel() == 2);
    const auto* bytes = t.second.data<uint8_t>();
    const uint8_t more[] = {bytes[0], static_cast<uint8_t>(bytes[1] | 2)};
    t.second = from_data(more, {2}, DType::u8);
  }
  save_safetensors(at / "bad.safetensors", few.tensors, few.metadata);
  CHECK(complaint<IOError>([&] { load_inference(at / "bad.safetensors"); },
                           (at / "bad.safetensors") + ": layer 0: bits behind its last level")
            .empty());
  CHECK(forged(with("scale", [](const Tensor& t) { return -t; })));
  CHECK(forged(with("scale", [](const Tensor& t) { return t * NAN; })));
  CHECK(forged(with("scale", [](const Tensor& t) { return t * 0; })));
  CHECK(forged(with("mask", [](const Tensor& t) { return full(t.shape(), 255, DType::u8); })));
}

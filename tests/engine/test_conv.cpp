// Convolution, pooling and norms of images: every order of the compositions, f32 kernels against
// f64 loops at sizes that are cut into blocks, tasks against single calls, and what users of
// PyTorch expect of shapes and errors.
#include <doctest/doctest.h>

#include "op_cases.h"

#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/kernels/conv.h>

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace regrad;
using namespace regrad::test;

namespace {

using In = const std::vector<Tensor>&;

void images(Samples& s) {
  for (const Shape& x : {Shape{1, 2, 4, 5}, Shape{2, 1, 5, 4}, Shape{2, 2, 4, 4}, Shape{2, 4, 5},
                         Shape{2, 1, 1, 4, 5}})
    s.add({x}, {{.kind = Domain::distinct}});
}
void plain_images(Samples& s) {
  for (const Shape& x : {Shape{1, 4, 3, 2}, Shape{2, 2, 2, 3}, Shape{2, 4, 2, 2}, Shape{3, 2, 1, 2},
                         Shape{1, 2, 3, 3}, Shape{2, 4, 1, 3}})
    s.add({x, {x[1]}, {x[1]}}, {{}});
}
void sequences(Samples& s) {
  s.add({{2, 2, 5}, {2, 1, 3}, {2}}, {{}});
  s.add({{1, 4, 4}, {2, 2, 2}, {2}}, {{}});
}
void backwards(Samples& s) {
  s.add({{1, 2, 2, 3}, {2, 1, 2, 2}, {2}}, {{}});
  s.add({{2, 4, 2, 2}, {4, 1, 3, 1}, {2}}, {{}});
}

const std::vector<Composition>& compositions() {
  static const std::vector<Composition> list = {
      {"conv1d", sequences,
       [](In x) { return conv1d(x[0], x[1], x[2], {.stride = 2, .padding = 1, .groups = 2}); }},
      {"conv_transpose2d", backwards,
       [](In x) {
         return conv_transpose2d(x[0], x[1], x[2], {.stride = 2, .padding = 1, .groups = 2}, 1);
       }},
      {"max_pool2d", images,
       [](In x) {
         return max_pool2d(x[0], {3, 2}, {.stride = {1, 2}, .padding = 1});
       }},
      {"avg_pool2d", images,
       [](In x) { return avg_pool2d(x[0], 2, {.stride = 1, .padding = 1}, false); }},
      {"adaptive_avg_pool2d", images,
       [](In x) {
         return adaptive_avg_pool2d(x[0], {3, 2});
       }},
      {"adaptive_max_pool2d", images,
       [](In x) {
         return adaptive_max_pool2d(x[0], {3, 2});
       }},
      {"interpolate nearest", images,
       [](In x) {
         return interpolate(x[0], {3, 7});
       }},
      {"interpolate bilinear", images,
       [](In x) {
         return interpolate(x[0], {7, 3}, Interpolation::bilinear);
       }},
      {"group_norm", plain_images, [](In x) { return group_norm(x[0], 2, x[1], x[2], 0.5); }},
      {"instance_norm", plain_images, [](In x) { return instance_norm(x[0], x[1], x[2], 0.5); }},
      {"dropout2d", images, [](In x) { return dropout2d(x[0], 0.4, Random(3)); }},
  };
  return list;
}

Tensor drawn(const char* name, const Shape& s, DType t = DType::f64) {
  return normal(Random(5) / name, s, 0, 1, DType::f64).to(t).detach();
}

double largest(const Tensor& x) { return x.numel() ? amax(abs(x.to(DType::f64))).item() : 0; }
double apart(const Tensor& a, const Tensor& b) {
  return largest(a.to(DType::f64) - b.to(DType::f64)) / (1 + largest(b));
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor p = a.contiguous(), q = b.contiguous();
  return p.shape() == q.shape() &&
         std::memcmp(p.data<float>(), q.data<float>(), static_cast<size_t>(p.numel()) * 4) == 0;
}

}  // namespace

TEST_CASE("compositions over images, every order") {
  int64_t total = 0;
  for (const Composition& c : compositions()) {
    CAPTURE(std::string(c.name));
    const Checked checked = check_composition(c);
    CHECK(checked.fault == "");
    total += checked.cases;
  }
  MESSAGE(total, " cases of ", compositions().size(), " compositions");
}

TEST_CASE(
    "f32 convolution and both gradients against f64 loops, at sizes that are cut into blocks") {
  struct Size {
    int64_t n, c, h, w, o, kh, kw;
    ConvOptions options;
  };
  for (const Size& s : {Size{13, 8, 20, 17, 24, 3, 3, {.padding = 1}},
                        Size{1, 64, 31, 30, 64, 3, 3, {.stride = 2, .padding = 1}},
                        Size{75, 1, 28, 28, 16, 3, 3, {.padding = 1}},
                        Size{9, 48, 14, 14, 48, 3, 3, {.padding = 1, .groups = 48}},
                        Size{5, 20, 15, 16, 10, 1, 5, {.padding = {0, 4}, .dilation = {1, 2}}},
                        Size{7, 12, 11, 9, 18, 3, 2, {.padding = 2, .groups = 3}},
                        Size{17, 3, 32, 32, 16, 7, 7, {.stride = {3, 2}, .padding = 3}},
                        Size{6, 80, 10, 10, 20, 1, 1, {}}}) {
    const Tensor x = drawn("x", {s.n, s.c, s.h, s.w}).requires_grad_(),
                 w = drawn("w", {s.o, s.c / s.options.groups, s.kh, s.kw}).requires_grad_();
    const Tensor xf = x.detach().to(DType::f32).detach().requires_grad_(),
                 wf = w.detach().to(DType::f32).detach().requires_grad_();
    const Tensor y = conv2d(x, w, {}, s.options), yf = conv2d(xf, wf, {}, s.options),
                 g = drawn("g", y.shape());
    CAPTURE(str(x.shape()));
    CAPTURE(str(w.shape()));
    CHECK(apart(yf, y) < 2e-6);
    const auto grads = grad(TensorList(y), {x, w}, {.grad_outputs = g}),
               gradsf = grad(TensorList(yf), {xf, wf}, {.grad_outputs = g.to(DType::f32)});
    CHECK(apart(gradsf[0], grads[0]) < 2e-6);
    CHECK(apart(gradsf[1], grads[1]) < 1e-5);  // sums of up to 58,800 products
  }
}

TEST_CASE("bf16: products of rounded operands, sums in f32; gradients too") {
  if (!bf16_available()) {
    MESSAGE("skipped: this CPU does not multiply bf16");
    CHECK_THROWS_AS(Bf16(), ConfigError);
    return;
  }
  // Numbers that bf16 holds exactly: only the sums' rounding is left.
  const auto coarse = [](const char* name, const Shape& s) {
    return (round(drawn(name, s) * 8) / 8).detach();
  };
  const Tensor x = coarse("x", {9, 16, 12, 11}), w = coarse("w", {24, 16, 3, 3}),
               g = coarse("g", {9, 24, 12, 11});
  const ConvOptions o{.padding = 1};
  const auto all = [&](DType t) {
    const Tensor a = x.to(t).detach().requires_grad_(), b = w.to(t).detach().requires_grad_(),
                 y = conv2d(a, b, {}, o);
    std::vector<Tensor> out = grad(TensorList(y), {a, b}, {.grad_outputs = g.to(t)});
    out.push_back(y.detach());
    return out;
  };
  const auto exact = all(DType::f64), plain = all(DType::f32);
  std::vector<Tensor> low;
  {
    const Bf16 here;
    low = all(DType::f32);
  }
  for (size_t i = 0; i < low.size(); ++i) CHECK(apart(low[i], exact[i]) < 1e-5);
  // And numbers that it does not hold: the rounding is there, of the size of 2^-9, and ends with
  // the scope.
  const Tensor fine = drawn("fine", {9, 16, 12, 11}, DType::f32), wf = w.to(DType::f32),
               before = conv2d(fine, wf, {}, o);
  const double rounding = [&] {
    const Bf16 here;
    return apart(conv2d(fine, wf, {}, o), before);
  }();
  CHECK(rounding > 1e-4);
  CHECK(rounding < 1e-2);
  CHECK(same_bits(conv2d(fine, wf, {}, o), before));
}

TEST_CASE("f32 batch norm against f64, with a mean far from 0") {
  for (const Shape& s : {Shape{13, 20, 9, 11}, Shape{300, 70, 1, 1}, Shape{3, 5, 100, 64}}) {
    const Tensor x = (drawn("x", s) + 100).detach().requires_grad_(),
                 w = drawn("w", {s[1]}).requires_grad_(), b = drawn("b", {s[1]}).requires_grad_();
    BatchNormOptions o{.relu = true};
    if (s[2] > 1) o.max_pool = Window{3, 2, 1};
    std::vector<Tensor> f;
    for (const Tensor& t : {x, w, b})
      f.push_back(t.detach().to(DType::f32).detach().requires_grad_());
    // the rounding of x is not at issue
    const Tensor exact = f[0].detach().to(DType::f64).detach().requires_grad_();
    const Tensor y = batch_norm(exact, w, b, o), yf = batch_norm(f[0], f[1], f[2], o);
    CHECK(apart(yf, y) < 2e-5);
  }
}

TEST_CASE("tasks at once are the tasks one by one, bit for bit") {
  const Tensor x = drawn("x", {3, 5, 4, 9, 9}, DType::f32),
               w = drawn("w", {3, 6, 4, 3, 3}, DType::f32), b = drawn("b", {3, 6}, DType::f32);
  const ConvOptions o{.padding = 1};
  const Tensor y = conv2d(x, w, b, o),
               z = batch_norm(y, b, b, {.relu = true, .max_pool = Window{2, 2, 0}}),
               p = max_pool2d(y, 2);
  for (int64_t t = 0; t < 3; ++t) {
    const Tensor one = conv2d(x[t], w[t], b[t], o);
    CHECK(same_bits(y[t], one));
    CHECK(same_bits(p[t], max_pool2d(one, 2)));
    CHECK(
        same_bits(z[t], batch_norm(one, b[t], b[t], {.relu = true, .max_pool = Window{2, 2, 0}})));
  }
  // One of the two without tasks: all tasks see it.
  CHECK(same_bits(conv2d(x, w[0], {}, o)[2], conv2d(x[2], w[0], {}, o)));
  CHECK(same_bits(conv2d(x[1], w, {}, o)[2], conv2d(x[1], w[2], {}, o)));
}

TEST_CASE("one image, and a window larger than a byte counts") {
  const Tensor x = drawn("x", {2, 40, 50}), w = drawn("w", {3, 2, 3, 3});
  CHECK(apart(conv2d(x, w), conv2d(x.unsqueeze(0), w)[0]) == 0);
  CHECK(max_pool2d(x, {40, 50}).shape() == Shape{2, 1, 1});
  CHECK(apart(max_pool2d(x, {40, 50}), amax(x, {-2, -1}, true)) == 0);
  CHECK(max_pool2d(x, 20, {.stride = 10}).shape() == Shape{2, 3, 4});
  // Of equals the first one in the window gets the gradient, also where the window is taken apart.
  const Tensor flat = zeros({1, 1, 20, 20}, DType::f64).requires_grad_();
  const Tensor g = grad(TensorList(max_pool2d(flat, 20)), TensorList(flat))[0];
  CHECK(g[0][0][0][0].item() == 1);
  CHECK(sum(g).item() == 1);
}

TEST_CASE("images come out channels last") {
  const Tensor x = drawn("x", {2, 3, 6, 6}, DType::f32),
               w = drawn("w", {4, 3, 3, 3}, DType::f32).requires_grad_();
  const Tensor y = conv2d(x, w);
  CHECK(y.strides() == Shape{64, 1, 16, 4});
  CHECK(relu(y).strides() == y.strides());
  CHECK(max_pool2d(y, 2).strides() == Shape{16, 1, 8, 4});
}

TEST_CASE("errors name the op and the shapes") {
  const auto words = [](auto&& f) -> std::string {
    try {
      f();
    } catch (const Error& e) {
      return e.what();
    }
    return "nothing was thrown";
  };
  const Tensor x = zeros({2, 3, 8, 8}), w = zeros({4, 3, 3, 3});
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(has(words([&] {
              conv2d(x, zeros({4, 2, 3, 3}));
            }),
            "conv2d: 3 channels, weights for 2 in 1 groups (x, weight: [2,3,8,8] with [4,2,3,3])"));
  CHECK(has(words([&] { conv2d(x, w, {}, {.groups = 2}); }), "conv2d: 3 channels"));
  CHECK(has(words([&] {
              conv2d(x, zeros({4, 3, 9, 9}));
            }),
            "the kernel is larger than the padded image"));
  CHECK(has(words([&] { conv2d(x, w, {}, {.stride = 0}); }), "at least 1"));
  CHECK(has(words([&] { conv2d(x, w, {}, {.padding = int64_t{1} << 40}); }), "a size of"));
  CHECK(has(words([&] { conv2d(x, w.to(DType::f64)); }), "f32 with f64"));
  CHECK(
      has(words([&] { conv2d(x, w, zeros({3})); }), "conv2d: bias [3] for an output of [2,4,6,6]"));
  CHECK(has(words([&] { conv1d(zeros({3}), zeros({2, 1, 1})); }), "conv1d: needs [N,C,L]"));
  CHECK(has(words([&] { conv_transpose2d(x, zeros({3, 4, 3, 3}), {}, {}, 1); }), "output_padding"));
  CHECK(has(words([&] {
              conv_transpose2d(x, zeros({3, 4, 3, 3}), {}, {.padding = 9});
            }),
            "leaves nothing"));
  CHECK(has(words([&] { conv_transpose2d(zeros({3}), zeros({3})); }), "conv_transpose2d: needs"));
  CHECK(has(words([&] { max_pool2d(x, 9); }), "larger than the padded image"));
  CHECK(has(words([&] { max_pool2d(x, 2, {.padding = 2}); }), "at most half the kernel"));
  CHECK(has(words([&] { max_pool2d(x, 70000); }), "a size of 70000"));
  CHECK(has(words([&] { max_pool2d(zeros({2, 2}), 1); }), "max_pool2d: needs images"));
  CHECK(has(words([&] { avg_pool2d(x, 2, {.dilation = 2}); }), "avg_pool2d: has no dilation"));
  CHECK(has(words([&] { adaptive_avg_pool2d(x, 0); }), "adaptive_avg_pool2d"));
  CHECK(has(words([&] { interpolate(x, 4, Interpolation::nearest, true); }), "align_corners"));
  CHECK(has(words([&] { dropout2d(zeros({2, 2}), 0.5, Random(1)); }), "dropout2d"));
  CHECK(has(words([&] { dropout2d(x, 1.5, Random(1)); }), "dropout"));
  CHECK(
      has(words([&] { batch_norm(zeros({3}), Tensor(), Tensor()); }), "batch_norm: needs images"));
  CHECK(has(words([&] { batch_norm(x, zeros({2}), Tensor()); }),
            "batch_norm: weight [2] for images [2,3,8,8]; needs [3]"));
  CHECK(has(words([&] {
              batch_norm(x, Tensor(), Tensor(), {.residual = zeros({2, 3, 8, 7})});
            }),
            "a residual [2,3,8,7]"));
  CHECK(has(words([&] {
              batch_norm(x, Tensor(), Tensor(), {.max_pool = Window{40000, 1, 0}});
            }),
            "a window of 40000"));
  CHECK(has(words([&] { batch_norm(x.to(DType::i64), Tensor(), Tensor()); }), "needs f32 or f64"));
  CHECK(has(words([&] { group_norm(x, 2); }), "group_norm"));
  CHECK(has(words([&] { instance_norm(zeros({2, 3})); }), "instance_norm"));
}

TEST_CASE("given statistics: the batch's own give what they gave in training") {
  const Tensor x = drawn("x", {4, 3, 5, 6}), w = drawn("w", {3}), b = drawn("b", {3}),
               s = drawn("s", {4, 3, 5, 6});
  BatchStatistics seen;
  const BatchNormOptions o{.relu = true, .residual = s};
  const Tensor y = batch_norm(x, w, b, o, &seen);
  CHECK(apart(seen.mean, mean(x, {0, 2, 3})) < 1e-14);
  CHECK(apart(seen.var, var(x, {0, 2, 3}, 0)) < 1e-14);
  CHECK(apart(batch_norm(x, seen, w, b, o), y) < 1e-13);
  const BatchNormOptions pooled{.max_pool = Window{2, 2, 0}};
  CHECK(apart(batch_norm(x, seen, w, b, pooled), batch_norm(x, w, b, pooled)) < 1e-13);
}

TEST_CASE("1,000 distinct shapes of convolutions keep a bounded cache") {
  for (int64_t i = 0; i < 1000; ++i) {
    const int64_t c = 1 + i % 40, size = 4 + i / 40;
    conv2d(zeros({1, c, size, size}), zeros({2, c, 3, 3}), {}, {.padding = 1});
  }
  CHECK(kernels::conv_plans() == kernels::conv_plans_kept);
}

// Dims of size 1 in every place: norms over every subset of dims, in every layout, against plain
// loops. Gradients of first and second order are differences of the plain loops.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/ops/norm.h>
#include <regrad/layers/freq_norm.h>

#include <algorithm>
#include <cmath>
#include <functional>

using namespace regrad;

namespace {

using Numbers = std::vector<double>;
using Plain = std::function<Numbers(const Numbers&)>;
using F = std::function<Tensor(const Tensor&)>;

// Numbers without a pattern, in (-1, 1).
Numbers noise(size_t n, double seed) {
  Numbers v(n);
  for (size_t i = 0; i < n; ++i)
    v[i] = std::sin(12.9898 * static_cast<double>(i + 1) + 78.233 * seed);
  return v;
}

// The group of each element: equal in all dims that are not in `dims`.
std::vector<size_t> groups(const Shape& s, unsigned dims) {
  std::vector<size_t> of(static_cast<size_t>(s.numel()));
  for (size_t i = 0; i < of.size(); ++i) {
    auto rest = static_cast<int64_t>(i), step = int64_t{1}, group = int64_t{0};
    for (int d = s.size() - 1; d >= 0; --d) {
      if (!(dims >> d & 1)) group += rest % s[d] * step, step *= s[d];
      rest /= s[d];
    }
    of[i] = static_cast<size_t>(group);
  }
  return of;
}
Numbers means(const Numbers& v, const std::vector<size_t>& of) {
  Numbers sum(v.size()), count(v.size());
  for (size_t i = 0; i < v.size(); ++i) sum[of[i]] += v[i], count[of[i]] += 1;
  for (size_t i = 0; i < sum.size(); ++i) sum[i] = count[i] > 0 ? sum[i] / count[i] : 0;
  return sum;
}
constexpr double eps = 0.3;
struct Moments {
  Numbers mean, r;  // by group
};
Moments moments(const Numbers& x, const std::vector<size_t>& of) {
  Moments m{means(x, of), {}};
  Numbers square(x.size());
  for (size_t i = 0; i < x.size(); ++i) square[i] = (x[i] - m.mean[of[i]]) * (x[i] - m.mean[of[i]]);
  for (const double v : means(square, of)) m.r.push_back(1 / std::sqrt(v + eps));
  return m;
}
Numbers standardized(const Numbers& x, const std::vector<size_t>& of) {
  const Moments m = moments(x, of);
  Numbers y(x.size());
  for (size_t i = 0; i < x.size(); ++i) y[i] = (x[i] - m.mean[of[i]]) * m.r[of[i]];
  return y;
}
// g - mean g - h mean(g h)
Numbers projected(const Numbers& g, const Numbers& h, const std::vector<size_t>& of) {
  Numbers gh(g.size()), y(g.size());
  for (size_t i = 0; i < g.size(); ++i) gh[i] = g[i] * h[i];
  const Numbers a = means(g, of), b = means(gh, of);
  for (size_t i = 0; i < g.size(); ++i) y[i] = g[i] - a[of[i]] - h[i] * b[of[i]];
  return y;
}

// The same elements in other layouts; expanded: all along one dim equal.
std::vector<Tensor> layouts(const Shape& s) {
  const Tensor x = tensor(noise(static_cast<size_t>(s.numel()), 1), s, DType::f64);
  std::vector<Tensor> all{x};
  Dims turned;
  for (int d = s.size() - 1; d >= 0; --d) turned.push_back(d);
  all.push_back(x.permute(turned).contiguous().permute(turned));
  if (s.size() >= 3) all.push_back(x.transpose(-3, -1).contiguous().transpose(-3, -1));
  for (int d = 0; d < s.size(); ++d)
    if (s[d] > 1) all.push_back(slice(x, d, 0, 1).contiguous().expand(s));
  return all;
}

// Empty where f agrees with the plain loops: value, gradient with and without a graph, and the
// second order.
std::string fault(const Tensor& values, const F& f, const Plain& plain) {
  const Tensor x = values.detach().requires_grad_(), y = f(x);
  const Numbers at = x.to_vector(), want = plain(at), c = noise(want.size(), 2),
                v = noise(at.size(), 3);
  const auto differ = [](const Numbers& a, const Numbers& b, double by) {
    for (size_t i = 0; i < std::max(a.size(), b.size()); ++i)
      if (i >= a.size() || i >= b.size() || !(std::abs(a[i] - b[i]) < by)) return true;
    return false;
  };
  if (differ(y.to_vector(), want, 1e-12)) return "value";
  const Tensor loss = sum(y * tensor(c, y.shape(), DType::f64)),
               g = grad(loss, x, {.create_graph = true});
  const auto at_point = [&](size_t i, double h, double along) {
    Numbers p = at;
    for (size_t k = 0; k < p.size(); ++k) p[k] += along * v[k];
    p[i] += h;
    const Numbers q = plain(p);
    double total = 0;
    for (size_t k = 0; k < q.size(); ++k) total += c[k] * q[k];
    return total;
  };
  const double h = 1e-5, s = 3e-4;
  Numbers first, second;
  for (size_t i = 0; i < at.size(); ++i) {
    first.push_back((at_point(i, h, 0) - at_point(i, -h, 0)) / (2 * h));
    second.push_back(
        (at_point(i, s, s) - at_point(i, s, -s) - at_point(i, -s, s) + at_point(i, -s, -s)) /
        (4 * s * s));
  }
  if (differ(g.to_vector(), first, 1e-7)) return "gradient with a graph";
  if (differ(grad(sum(f(x) * tensor(c, y.shape(), DType::f64)), x).to_vector(), g.to_vector(),
             1e-11))
    return "gradient without a graph";
  // P is linear in its gradient
  const Tensor of_g =
      g.requires_grad() ? grad(sum(g * tensor(v, x.shape(), DType::f64)), x) : zeros_like(x);
  if (differ(of_g.to_vector(), second, 1e-4)) return "second order";
  return "";
}

// Shapes of 1 to `most` dims with ones in every place.
template <class Each>
void each_shape(int least, int most, const Each& f) {
  const int64_t sizes[] = {2, 3, 2, 4, 2};
  for (int n = least; n <= most; ++n)
    for (unsigned ones = 0; ones < 1u << n; ++ones) {
      Shape s;
      for (int d = 0; d < n; ++d) s.push_back(ones >> d & 1 ? 1 : sizes[d]);
      f(s);
    }
}

int checked = 0;
void agree(const std::string& name, const Tensor& x, const F& f, const Plain& plain) {
  ++checked;
  const std::string found = fault(x, f, plain);
  if (!found.empty())
    FAIL_CHECK(name, " of ", str(x.shape()), " with strides ", str(x.strides()), ": ", found);
}

}  // namespace

TEST_CASE("dims of size 1: the examples") {
  const Tensor x = arange(0, 8, 1, DType::f64).reshape({1, 1, 2, 2, 2});
  const double far = std::sqrt(3);  // 0, 1, 4, 5 and 2, 3, 6, 7 about 2.5 and 4.5, variance 17/4
  const Numbers y = standardize(x, {1, 2, 4}, 1e-12).to_vector();
  CHECK(y[7] == doctest::Approx(2.5 / std::sqrt(17.0 / 4)));
  CHECK(standardize(tensor({0, 0, 0, 0, 0, 0, 0, 1}, {1, 1, 2, 2, 2}, DType::f64), {1, 2, 4}, 1e-12)
            .to_vector()[7] == doctest::Approx(far));
  const Tensor picture =
      conv2d(tensor({1, 2, 3, 4, 5, 6, 7, 8}, {1, 4, 2, 1}), eye(4).reshape({4, 4, 1, 1}));
  const Numbers want{-1.342, -0.447, 0.447, 1.342}, got = group_norm(picture, 2).to_vector();
  for (size_t i = 0; i < 8; ++i) CHECK(got[i] == doctest::Approx(want[i % 4]).epsilon(1e-3));
}

TEST_CASE(
    "dims of size 1: a large product of a column and a row, a row and a matrix, a matrix and a "
    "column") {
  const int64_t n = 1100;
  struct Sizes {
    int64_t m, k, n;
  };
  for (const DType t : {DType::f32, DType::f64})
    for (const auto& [m, k, q] :
         {Sizes{n, 1, n}, {1, n, n}, {n, n, 1}, {1, n * n, 1}, {n * n, 1, 1}, {1, 1, n * n}}) {
      CAPTURE(m);
      CAPTURE(k);
      const Tensor a = arange(0, static_cast<double>(m * k)).to(t) / static_cast<double>(n * n),
                   b = ones({k, q}, t) * 2;
      const Tensor rows = a.reshape({m, k}),
                   turned = slice(cat({rows.mT(), rows.mT()}, 0).contiguous(), 0, 0, k).mT();
      const Tensor apart = slice(cat({rows, rows}, 1).contiguous(), 1, 0, k);
      for (const Tensor& x : {rows, turned, apart}) {
        const Tensor y = matmul(x, b), z = matmul(b.mT(), x.mT());
        const double by = 1e-4;
        CHECK(y.shape() == Shape{m, q});
        CHECK(sum(y.to(DType::f64)).item() ==
              doctest::Approx(static_cast<double>(2 * q) * sum(rows.to(DType::f64)).item())
                  .epsilon(by));
        CHECK(sum(z.to(DType::f64)).item() ==
              doctest::Approx(sum(y.to(DType::f64)).item()).epsilon(by));
        CHECK(select(y.reshape({-1}), 0, -1).item() ==
              doctest::Approx(2 * sum(select(rows, 0, -1).to(DType::f64)).item()).epsilon(by));
      }
    }
}

TEST_CASE("dims of size 1: standardize, inv_std and their gradient over every subset of dims") {
  each_shape(1, 5, [](const Shape& s) {
    for (const Tensor& x : layouts(s))
      for (unsigned set = 1; set < 1u << s.size(); ++set) {
        const std::vector<size_t> of = groups(s, set);
        Dims dims;
        for (int d = 0; d < s.size(); ++d)
          if (set >> d & 1) dims.push_back(d);
        const std::string over = " over " + str(dims);
        agree(
            "standardize" + over, x, [&](const Tensor& v) { return standardize(v, dims, eps); },
            [&](const Numbers& v) { return standardized(v, of); });
        agree(
            "inv_std" + over, x, [&](const Tensor& v) { return inv_std(v, dims, eps).expand(s); },
            [&](const Numbers& v) {
              const Moments m = moments(v, of);
              Numbers y(v.size());
              for (size_t i = 0; i < y.size(); ++i) y[i] = m.r[of[i]];
              return y;
            });
        const Numbers other = noise(static_cast<size_t>(s.numel()), 5);
        const Tensor constant = tensor(other, s, DType::f64);
        agree(
            "norm_grad to g" + over, x,
            [&](const Tensor& g) { return norm_grad(g, constant, dims); },
            [&](const Numbers& g) { return projected(g, other, of); });
        agree(
            "norm_grad to h" + over, x,
            [&](const Tensor& h) { return norm_grad(constant, h, dims); },
            [&](const Numbers& h) { return projected(other, h, of); });
      }
  });
  MESSAGE(checked, " cases");
}

TEST_CASE(
    "dims of size 1: layer, group, instance and batch norm, residual, relaxed and sub-spectral "
    "norm") {
  const auto all_of = [](const Shape& s, int from, int to) {
    unsigned set = 0;
    for (int d = from; d < to; ++d) set |= s[d] > 0 ? 1u << d : 0;
    return set;
  };
  each_shape(1, 5, [&](const Shape& s) {
    const int n = s.size();
    for (const Tensor& x : layouts(s)) {
      for (int first = 0; first < n; ++first) {
        const std::vector<size_t> of = groups(s, all_of(s, first, n));
        agree(
            "layer_norm", x,
            [&](const Tensor& v) {
              return layer_norm(v, Shape(s.begin() + first, s.end()), {}, {}, eps);
            },
            [&](const Numbers& v) { return standardized(v, of); });
      }
      for (int64_t k = 1; n >= 2 && k <= s[1]; ++k) {
        if (s[1] % k) continue;
        Shape split = s;
        if (n == 5) split = {s[0], s[1], s[2], s[3] * s[4]};
        split[1] = s[1] / k;
        split.insert(1, k);
        const std::vector<size_t> of = groups(split, all_of(split, 2, split.size()));
        agree(
            "group_norm", x, [&](const Tensor& v) { return group_norm(v, k, {}, {}, eps); },
            [&](const Numbers& v) { return standardized(v, of); });
        if (k == s[1] && n >= 3)
          agree(
              "instance_norm", x, [&](const Tensor& v) { return instance_norm(v, {}, {}, eps); },
              [&](const Numbers& v) { return standardized(v, of); });
      }
      if (n != 2 && n != 4 && n != 5) continue;
      const int channel = n == 5 ? 2 : 1, task = n == 5 ? 1 : 0;
      const std::vector<size_t> of = groups(s, all_of(s, task, n) & ~(1u << channel));
      const Numbers beside = noise(static_cast<size_t>(s.numel()), 7);
      const Tensor residual = tensor(beside, s, DType::f64);
      for (const bool relu : {false, true})
        for (const bool add : {false, true})
          agree(
              "batch_norm", x,
              [&](const Tensor& v) {
                return batch_norm(
                    v, {}, full({s[channel]}, 0.0123, DType::f64),
                    {.eps = eps, .relu = relu, .residual = add ? residual + 0.4 : Tensor()});
              },
              [&](const Numbers& v) {
                Numbers y = standardized(v, of);
                for (size_t i = 0; i < y.size(); ++i) {
                  y[i] += 0.0123;  // off the kink, where values are equal
                  if (add) y[i] += beside[i] + 0.4;
                  if (relu) y[i] = std::max(y[i], 0.0);
                }
                return y;
              });
    }
  });
  each_shape(4, 4, [&](const Shape& s) {
    for (const Tensor& x : layouts(s)) {
      const std::vector<size_t> by_frequency = groups(s, 0b1010), by_clip = groups(s, 0b1110);
      const auto mixed = [&](double of_x, double of_clip, double of_f) {
        return [=](const Numbers& v) {
          const Numbers a = standardized(v, by_frequency), b = standardized(v, by_clip);
          Numbers y(v.size());
          for (size_t i = 0; i < y.size(); ++i) y[i] = of_x * v[i] + of_clip * b[i] + of_f * a[i];
          return y;
        };
      };
      agree(
          "ifn", x, [](const Tensor& v) { return ifn(v, eps); }, mixed(0, 0, 1));
      agree(
          "res_norm", x, [](const Tensor& v) { return res_norm(v, 0.4, eps); }, mixed(0.4, 0, 1));
      agree(
          "rfn", x, [](const Tensor& v) { return rfn(v, 0.3, eps); }, mixed(0, 0.3, 0.7));
      for (int64_t bands = 1; bands <= s[2]; ++bands) {
        if (s[2] % bands) continue;
        const std::vector<size_t> of = groups({s[0], s[1], bands, s[2] / bands, s[3]}, 0b11001);
        agree(
            "sub_spectral_norm", x,
            [&](const Tensor& v) { return sub_spectral_norm(v, bands, {}, {}, {.eps = eps}); },
            [&](const Numbers& v) { return standardized(v, of); });
      }
    }
  });
}

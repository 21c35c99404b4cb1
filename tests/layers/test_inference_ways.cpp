// What inference runs on: kernels against plain loops at every tail, within their memory; both ways
// of running against the same layers as ops in f64.
#include <doctest/doctest.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/inference/plan.h>

#include <cmath>
#include <limits>
#include <random>

using namespace regrad;

namespace {

using Layer = InferenceLayer;

std::vector<float> numbers(std::mt19937& g, size_t n) {
  std::uniform_real_distribution<float> u(-1, 1);
  std::vector<float> v(n);
  for (float& x : v) x = u(g);
  return v;
}

// Rows of weights of which few are kept, over `places` places.
struct Rows {
  std::vector<int64_t> begin = {0};
  std::vector<int32_t> offsets;
  std::vector<float> values, bias;
  kernels::Taps taps() const {
    return {static_cast<int64_t>(bias.size()), begin.data(), offsets.data(), values.data(),
            bias.data()};
  }
};
Rows rows_of(std::mt19937& g, int64_t rows, int64_t most, int64_t places) {
  Rows r;
  r.bias = numbers(g, static_cast<size_t>(rows));
  for (int64_t o = 0; o < rows; ++o) {
    for (int64_t k = static_cast<int64_t>(g() % static_cast<uint32_t>(most + 1)); k > 0; --k)
      r.offsets.push_back(static_cast<int32_t>(g() % static_cast<uint32_t>(places))),
          r.values.push_back(numbers(g, 1)[0]);
    r.begin.push_back(static_cast<int64_t>(r.offsets.size()));
  }
  return r;
}

// The net's layers by ops, in f64.
Tensor by_ops(const std::vector<Layer>& layers, const Tensor& x) {
  std::vector<Tensor> values = {x.to(DType::f64)};
  for (const Layer& l : layers) {
    const Tensor& given = values[static_cast<size_t>(l.from)];
    const Tensor from = given.dim() == 2 ? reshape(given, {given.size(0), given.size(1), 1, 1})
                                         : given,
                 w = l.weight.defined() ? l.weight.to(DType::f64) : Tensor(),
                 b = l.bias.defined() ? l.bias.to(DType::f64) : Tensor();
    Tensor y;
    if (l.kind == Layer::conv)
      y = conv2d(from, w, b, {.stride = l.stride, .padding = l.padding, .groups = l.groups});
    if (l.kind == Layer::linear) y = linear(flatten(from, 1), w, b);
    if (l.kind == Layer::affine) y = from * reshape(w, {-1, 1, 1}) + reshape(b, {-1, 1, 1});
    if (l.kind == Layer::max_pool)
      y = max_pool2d(from, l.kernel > 0 ? l.kernel : l.stride,
                     {.stride = l.stride, .padding = l.padding});
    if (l.kind == Layer::mean) y = mean(from, {-2, -1});
    if (l.kind == Layer::subsample) {
      const Tensor small =
          slice(slice(from, -2, 0, from.size(-2), l.stride), -1, 0, from.size(-1), l.stride);
      const int64_t before = (l.channels - from.size(1)) / 2;
      y = pad(small.permute({0, 2, 3, 1}), {before, l.channels - from.size(1) - before})
              .permute({0, 3, 1, 2});
    }
    if (l.residual >= 0) y = y + reshape(values[static_cast<size_t>(l.residual)], y.shape());
    values.push_back(l.relu ? relu(y) : y);
  }
  return values.back();
}

Tensor weights(const Random& r, Shape s, double density) {
  return normal(r / "w", s) * lt(uniform(r / "m", s), full({}, density)).to(DType::f32) *
         (1 / std::sqrt(static_cast<double>(s.numel() / s[0])));
}

// A net of a few random layers, each on one of the values there are; residuals wherever one fits.
std::vector<Layer> random_net(std::mt19937& g, const InferenceInfo& info) {
  const auto up_to = [&g](int64_t n) {
    return static_cast<int64_t>(g() % static_cast<uint32_t>(n));
  };
  std::vector<Layer> net;
  for (int64_t i = 0, layers = 2 + up_to(7); i < layers; ++i) {
    std::vector<inference::Size> sizes = {{info.channels, info.height, info.width}};
    if (!net.empty()) sizes = inference::sizes_of(net, info);
    Layer l;
    l.from =
        static_cast<int>(std::max<int64_t>(0, static_cast<int64_t>(sizes.size()) - 1 - up_to(3)));
    const inference::Size in = sizes[static_cast<size_t>(l.from)];
    const Random r = Random(static_cast<uint64_t>(g()));
    const int64_t kind = up_to(10);
    l.relu = up_to(2) == 0;
    if (kind < 6 || i == 0) {
      const int64_t k = std::min<int64_t>(1 + up_to(5), std::min(in.h, in.w));
      l.stride = 1 + up_to(8) / 6, l.padding = up_to(k / 2 + 2),
      l.groups = in.c % 2 == 0 && up_to(5) == 0 ? 2 : 1;
      if (up_to(2) == 0) l.stride = 1, l.padding = k / 2;
      const int64_t o = up_to(2) == 0 ? in.c : 2 * (1 + up_to(6));
      l.weight = weights(r, {l.groups * ((o + l.groups - 1) / l.groups), in.c / l.groups, k, k},
                         std::vector<double>{0.1, 0.4, 1}[g() % 3]);
      l.bias = normal(r / "b", {l.weight.size(0)});
      net.push_back(l);
      const inference::Size out = inference::sizes_of(net, info).back();
      for (size_t v = 0; v < sizes.size(); ++v)
        if (sizes[v].c == out.c && sizes[v].h == out.h && sizes[v].w == out.w && up_to(3) > 0)
          net.back().residual = static_cast<int>(v);
      continue;
    }
    if (kind == 6)
      l.kind = Layer::affine, l.weight = normal(r / "w", {in.c}), l.bias = normal(r / "b", {in.c});
    if (kind == 7 && up_to(2)) l.kind = Layer::mean, l.relu = false;
    if (kind == 7 && l.kind != Layer::mean)
      l.kind = Layer::max_pool, l.stride = std::min<int64_t>(2, std::min(in.h, in.w)),
      l.relu = false;
    if (l.kind == Layer::max_pool && up_to(2) && std::min(in.h, in.w) > 1)
      l.kernel = 3, l.padding = up_to(2);
    if (l.kernel > std::min(in.h, in.w) + 2 * l.padding) l.kernel = l.padding = 0;
    if (kind == 8)
      l.kind = Layer::subsample, l.stride = 2, l.channels = in.c + up_to(4), l.relu = false;
    if (kind == 9)
      l.kind = Layer::linear, l.weight = weights(r, {1 + up_to(40), in.numel()}, 0.3),
      l.bias = normal(r / "b", {l.weight.size(0)});
    net.push_back(l);
  }
  return net;
}

double apart(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::f64) - b.to(DType::f64))).item();
}

}  // namespace

TEST_CASE(
    "taps: sums of shifted rows at every length, with residual, ReLU and mask, within their "
    "memory") {
  std::mt19937 g(1);
  for (int64_t n = 1; n < 420; n += n < 70 ? 1 : 37)
    for (int64_t pixel : {1, 16}) {
      const int64_t whole = (n + 15) / 16 * 16, places = 9;
      const Rows r = rows_of(g, 1 + n % 5, n % 7, places);
      const kernels::Taps s = r.taps();
      const std::vector<float> x = numbers(g, static_cast<size_t>((places - 1) * pixel + whole)),
                               add = numbers(g, static_cast<size_t>(s.rows * whole));
      std::vector<int32_t> mask(static_cast<size_t>(whole));
      for (int32_t& m : mask) m = g() % 3 ? -1 : 0;
      std::vector<float> y(static_cast<size_t>(s.rows * whole), 7.0f);
      const bool adds = n % 2, masks = n % 3, relu = n % 5 < 2;
      kernels::table().taps(s,
                            {.x = x.data(),
                             .pixel = pixel,
                             .y = y.data(),
                             .y_row = whole,
                             .residual = adds ? add.data() : nullptr,
                             .residual_row = whole,
                             .mask = masks ? mask.data() : nullptr,
                             .relu = relu},
                            n);
      double worst = 0;
      for (int64_t o = 0; o < s.rows; ++o)
        for (int64_t j = 0; j < n; ++j) {
          double z = s.bias[o];
          for (int64_t k = s.begin[o]; k < s.begin[o + 1]; ++k)
            z += double(s.values[k]) * x[static_cast<size_t>(s.offsets[k] * pixel + j)];
          if (adds) z += add[static_cast<size_t>(o * whole + j)];
          if (relu) z = std::max(z, 0.0);
          if (masks && !mask[static_cast<size_t>(j)]) z = 0;
          worst = std::max(worst, std::fabs(z - y[static_cast<size_t>(o * whole + j)]));
        }
      CAPTURE(n);
      CHECK(worst < 2e-6);
    }
}

TEST_CASE(
    "taps_dot: rows of any number of entries; what lies behind a row counts nothing, infinite or "
    "not") {
  std::mt19937 g(2);
  for (int64_t most = 0; most < 40; ++most) {
    Rows r = rows_of(g, 20, most, 50);
    std::vector<float> x = numbers(g, 51), y(20);
    for (int i = 0; i < 7; ++i) r.offsets.push_back(50), r.values.push_back(1);
    x[50] = std::numeric_limits<float>::infinity();
    kernels::table().taps_dot(r.taps(), x.data(), most % 2, y.data(), 1);
    double worst = 0;
    for (size_t o = 0; o < 20; ++o) {
      double z = r.bias[o];
      for (auto k = static_cast<size_t>(r.begin[o]); k < static_cast<size_t>(r.begin[o + 1]); ++k)
        z += double(r.values[k]) * x[static_cast<size_t>(r.offsets[k])];
      worst = std::max(worst, std::fabs((most % 2 ? std::max(z, 0.0) : z) - y[o]));
    }
    CHECK(worst < 2e-6);
  }
}

TEST_CASE(
    "gemv: a few rows times a matrix in rows of either kind, at every tail, within their memory") {
  std::mt19937 g(3);
  for (bool columns : {false, true})
    for (int64_t n : {1, 2, 7, 8, 9, 16, 31, 33, 100})
      for (int64_t k : {1, 3, 8, 15, 16, 17, 40, 63, 65})
        for (int64_t m : {1, 3}) {
          const std::vector<float> w = numbers(g, static_cast<size_t>(n * k)),
                                   x = numbers(g, static_cast<size_t>(m * k)),
                                   b = numbers(g, static_cast<size_t>(n));
          std::vector<float> y(static_cast<size_t>(m * n));
          const bool biased = n % 2;
          const kernels::Gemv v{
              m, n, k,        x.data(), k, w.data(), columns ? n : k, biased ? b.data() : nullptr,
              0, 1, y.data(), n};
          columns ? kernels::table().gemv_columns[0](v) : kernels::table().gemv_rows[0](v);
          double worst = 0;
          for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < n; ++j) {
              double z = biased ? b[static_cast<size_t>(j)] : 0;
              for (int64_t p = 0; p < k; ++p)
                z += double(x[static_cast<size_t>(i * k + p)]) *
                     w[static_cast<size_t>(columns ? p * n + j : j * k + p)];
              worst = std::max(worst, std::fabs(z - y[static_cast<size_t>(i * n + j)]));
            }
          CHECK(worst < 4e-6);
        }
}

TEST_CASE(
    "matmul and addmm of few rows: either layout of either operand, batches, f32 and f64; the same "
    "bits for any number of threads") {
  const int before = num_threads();
  for (DType t : {DType::f32, DType::f64})
    for (int64_t m : {1, 2, 3, 4, 8, 9})
      for (int64_t n : {1, 129, 1500})
        for (int64_t k : {1, 150, 1025})
          for (bool turned : {false, true}) {
            const Random r = Random(4) / m / n / k;
            const Tensor a = turned ? normal(r / "a", {k, m}, 0, 1, t).mT()
                                    : normal(r / "a", {m, k}, 0, 1, t),
                         b = turned ? normal(r / "b", {n, k}, 0, 1, t).mT()
                                    : normal(r / "b", {k, n}, 0, 1, t),
                         bias = normal(r / "c", {n}, 0, 1, t);
            set_num_threads(1);
            const Tensor y = addmm(bias, a, b);
            const Tensor want =
                sum(unsqueeze(a.to(DType::f64), -1) * unsqueeze(b.to(DType::f64), 0), {1}) +
                bias.to(DType::f64);
            CHECK(apart(y, want) <
                  (t == DType::f32 ? 1e-6 : 1e-13) * std::sqrt(static_cast<double>(k)) * 8);
            CHECK(apart(matmul(a, b), y - bias) <
                  (t == DType::f32 ? 1e-6 : 1e-13) * std::sqrt(static_cast<double>(k)) * 8);
            set_num_threads(3);
            CHECK(addmm(bias, a, b).to_vector() == y.to_vector());
          }
  const Tensor a = normal(Random(5) / "a", {3, 1, 2, 700}),
               b = normal(Random(5) / "b", {4, 500, 700}).mT();
  const Tensor y = matmul(a, b);
  CHECK(y.shape() == Shape{3, 4, 2, 500});
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 4; ++j)
      CHECK(
          apart(select(select(y, 0, i), 0, j), matmul(select(select(a, 0, i), 0, 0).to(DType::f64),
                                                      select(b, 0, j).to(DType::f64))) < 1e-4);
  set_num_threads(before);
}

TEST_CASE(
    "inference: random nets, dense and sparse, are what their layers are as ops in f64; the same "
    "bits for any number of threads") {
  std::mt19937 g(6);
  const int before = num_threads();
  for (int i = 0; i < 150; ++i) {
    CAPTURE(i);
    const auto up_to = [&g](uint32_t most) { return static_cast<int64_t>(1 + g() % most); };
    const InferenceInfo info{up_to(5), up_to(20), up_to(20), {}, {}, {}};
    const std::vector<Layer> layers = random_net(g, info);
    const int64_t n = std::vector<int64_t>{1, 2, 5, 17}[g() % 4];
    const Tensor x = normal(Random(7) / i, {n, info.channels, info.height, info.width}),
                 want = by_ops(layers, x);
    const double scale = std::max(1.0, amax(abs(want)).item());
    for (InferenceMode mode : {InferenceMode::dense, InferenceMode::sparse}) {
      const InferenceNet net(layers, info, mode);
      set_num_threads(1);
      const Tensor y = net(x);
      CHECK(reshape(y, {n, -1}).shape() == reshape(want, {n, -1}).shape());
      CHECK(apart(reshape(y, {n, -1}), reshape(want, {n, -1})) < 2e-5 * scale);
      set_num_threads(4);
      CHECK(net(x).to_vector() == y.to_vector());
    }
  }
  set_num_threads(before);
}

TEST_CASE(
    "inference: matrices alone on pictures of several channels, one and many at a time, either "
    "way") {
  Layer first, second;
  first.kind = second.kind = Layer::linear, second.from = 1, first.relu = true;
  first.weight = normal(Random(10) / "a", {7, 3 * 13}), first.bias = normal(Random(10) / "b", {7});
  second.weight = normal(Random(10) / "c", {5, 7}), second.bias = normal(Random(10) / "d", {5});
  for (int64_t n : {1, 8, 9, 101}) {
    const Tensor x = normal(Random(11) / n, {n, 3, 1, 13}), want = by_ops({first, second}, x);
    for (InferenceMode mode : {InferenceMode::dense, InferenceMode::sparse})
      CHECK(apart(InferenceNet({first, second}, {3, 1, 13, {}, {}, {}}, mode)(x), want) < 1e-4);
  }
}

TEST_CASE("inference: a convolution of one pixel that sees nothing but its padding") {
  Layer conv;
  conv.stride = 3, conv.padding = 1, conv.weight = ones({2, 4, 1, 1}),
  conv.bias = tensor({0.5, -2});
  for (InferenceMode mode : {InferenceMode::dense, InferenceMode::sparse})
    CHECK(InferenceNet({conv}, {4, 1, 1, {}, {}, {}}, mode)(ones({3, 4, 1, 1})).to_vector() ==
          std::vector<double>{0.5, -2, 0.5, -2, 0.5, -2});
}

TEST_CASE(
    "inference: a NaN goes through ReLU, pooling and padding either way, and no further than its "
    "neighbours") {
  Layer conv, pool;
  conv.padding = 1, conv.relu = true, conv.weight = normal(Random(8) / "w", {4, 2, 3, 3}),
  conv.bias = zeros({4});
  pool.kind = Layer::max_pool, pool.from = 1, pool.stride = 2;
  std::vector<float> x(2 * 8 * 8, 1.0f);
  x[3 * 8 + 3] = std::numeric_limits<float>::quiet_NaN();
  for (InferenceMode mode : {InferenceMode::dense, InferenceMode::sparse}) {
    const std::vector<double> y = InferenceNet({conv, pool}, {2, 8, 8, {}, {}, {}},
                                               mode)(from_data(x.data(), {1, 2, 8, 8}, DType::f32))
                                      .to_vector();
    for (size_t p = 0; p < y.size(); ++p) {
      const size_t i = p / 4 % 4, j = p % 4;
      CHECK(std::isnan(y[p]) == (i >= 1 && i <= 2 && j >= 1 && j <= 2));
    }
  }
}

TEST_CASE("inference: automatic takes the way that is faster on the instruction set") {
  const auto faster = [](Layer l, const InferenceInfo& info, double kept, const char* isa) {
    l.bias = zeros({l.weight.size(0)}),
    l.weight = lt(uniform(Random(9) / "m", l.weight.shape()), full({}, kept)).to(DType::f32);
    return inference::faster_mode({l}, inference::plan_of({l}, inference::sizes_of({l}, info)),
                                  isa);
  };
  constexpr InferenceMode dense = InferenceMode::dense, sparse = InferenceMode::sparse;
  Layer conv, matrix;
  conv.padding = 1, conv.weight = zeros({32, 32, 3, 3});
  matrix.kind = Layer::linear, matrix.weight = zeros({1024, 1024});
  const InferenceInfo pictures{32, 16, 16, {}, {}, {}}, vectors{1024, 1, 1, {}, {}, {}};
  // Measured, one image: equal where 0.5 of the weights are kept with AVX-512 and 0.65 with AVX2;
  // never dense on the baseline. Of a matrix, 0.2.
  CHECK(faster(conv, pictures, 0.3, "avx512") == sparse);
  CHECK(faster(conv, pictures, 0.6, "avx512") == dense);
  CHECK(faster(conv, pictures, 0.5, "avx2") == sparse);
  CHECK(faster(conv, pictures, 0.8, "avx2") == dense);
  CHECK(faster(conv, pictures, 1, "baseline") == sparse);
  for (const char* isa : {"avx512", "avx2", "baseline"}) {
    CHECK(faster(matrix, vectors, 0.1, isa) == sparse);
    CHECK(faster(matrix, vectors, 0.3, isa) == dense);
  }
  conv.weight = ones({32, 32, 3, 3}), conv.bias = zeros({32});
  CHECK(InferenceNet({conv}, pictures).mode() ==
        inference::faster_mode({conv},
                               inference::plan_of({conv}, inference::sizes_of({conv}, pictures)),
                               kernels::table().name));
}

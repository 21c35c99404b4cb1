// The detectors: fact 9 of text-and-ssl.md, the synthetic run of its section 3.1, files, and what
// is degenerate.
#include <doctest/doctest.h>
#include <regrad/algorithms/rde/detection.h>
#include <regrad/algorithms/rde/rde.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/io/npy.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <numbers>

#include "../temp_folder.h"
#include "rde_data.h"

using namespace regrad;
using namespace regrad::rde;
using namespace regrad::test;

namespace {

// Two classes, or one, in d dimensions.
struct Data {
  Tensor x, y;
};
Data two(uint32_t stream, int64_t n, int64_t d, DType t = DType::f64, int64_t classes = 2) {
  Tensor x = matrix(bell(stream, n, d), n, d);
  std::vector<int64_t> y;
  for (int64_t i = 0; i < n; ++i) y.push_back(i % classes);
  const Tensor labels = tensor(y);
  return {(x + 1.5 * unsqueeze(labels.to(DType::f64), 1)).to(t), labels};
}

// (z - mean)^T S^-1 (z - mean) by the mean and 1 / (n - 1) covariance of the rows of one class.
Numbers told(const Numbers& train, const std::vector<int64_t>& y, int64_t label, const Numbers& z,
             size_t p) {
  Numbers mean(p), cov(p * p);
  double n = 0;
  for (size_t i = 0; i < y.size(); ++i)
    if (y[i] == label) {
      ++n;
      for (size_t j = 0; j < p; ++j) mean[j] += train[i * p + j];
    }
  for (double& m : mean) m /= n;
  for (size_t i = 0; i < y.size(); ++i)
    for (size_t j = 0; j < p && y[i] == label; ++j)
      for (size_t k = 0; k < p; ++k)
        cov[j * p + k] += (train[i * p + j] - mean[j]) * (train[i * p + k] - mean[k]) / (n - 1);
  const auto wide = static_cast<int64_t>(p);
  const Numbers inv = inverse(matrix(cov, wide, wide)).to_vector();
  Numbers out(z.size() / p);
  for (size_t i = 0; i < out.size(); ++i)
    for (size_t j = 0; j < p; ++j)
      for (size_t k = 0; k < p; ++k)
        out[i] += (z[i * p + j] - mean[j]) * inv[j * p + k] * (z[i * p + k] - mean[k]);
  return out;
}

Settings small(Method m) {
  Settings s;
  s.method = m;
  s.components = 6;
  return s;
}
constexpr Method all_methods[] = {Method::rde, Method::plain, Method::mle};

}  // namespace

TEST_CASE("rde: scores are distances to the predicted class, by loops") {
  const Data train = two(60, 120, 5), test = two(61, 9, 5);
  for (const Method m : {Method::plain, Method::mle}) {
    const Rde guard = Rde::fit(train.x, train.y, small(m));
    const bool mapped = m == Method::plain;
    const Kpca k = kpca(train.x, {.components = 6});
    const Numbers z = (mapped ? k.fitted() : train.x).to_vector(),
                  q = (mapped ? k.map(test.x) : test.x).to_vector();
    for (int64_t c = 0; c < 2; ++c)
      CHECK(furthest(guard.score(test.x, full({9}, static_cast<double>(c), DType::i64)).to_vector(),
                     told(z, train.y.to_vector<int64_t>(), c, q, mapped ? 6 : 5)) < 1e-7);
  }
  // with the MCD: the robust estimate of the same class
  const Rde guard = Rde::fit(train.x, train.y, small(Method::rde));
  const Tensor z = guard.map().map(test.x);
  const Gaussian& g = guard.gaussian(1);
  CHECK(guard.score(test.x, ones({9}, DType::i64)).to_vector() == g.distances(z).to_vector());
  const Tensor own = slice(guard.map().fitted(), 0, 1, 120, 2);
  const Mcd direct = mcd(own, {.random = Random(0) / "rde" / "class" / 1});
  CHECK(furthest(g.location.to_vector(), direct.location.to_vector()) < 1e-9);
  const Gaussian same = rde::gaussian(direct.location, direct.covariance);
  CHECK(furthest(same.distances(z).to_vector(), g.distances(z).to_vector()) < 1e-7);
}

TEST_CASE("rde: the prediction decides; the log-determinant moves classes, not their order") {
  const Data train = two(62, 200, 6), test = two(63, 40, 6);
  for (const Method m : all_methods) {
    const Rde guard = Rde::fit(train.x, train.y, small(m));
    const Numbers right = guard.score(test.x, test.y).to_vector(),
                  swapped = guard.score(test.x, 1 - test.y).to_vector();
    for (size_t i = 0; i < right.size(); ++i) CHECK(right[i] != swapped[i]);
    Settings s = small(m);
    s.log_det = true;
    const Rde whole = Rde::fit(train.x, train.y, s);
    const Numbers full = whole.score(test.x, test.y).to_vector();
    double moved[2] = {};
    for (size_t i = 0; i < full.size(); ++i) {
      const Gaussian& g = whole.gaussian(static_cast<int64_t>(i % 2));
      moved[i % 2] =
          0.5 * (g.log_det + static_cast<double>(g.rank()) * std::log(2 * std::numbers::pi));
      CHECK(full[i] == doctest::Approx(0.5 * right[i] + moved[i % 2]).epsilon(1e-12));
    }
    CHECK(moved[0] != moved[1]);
  }
}

TEST_CASE("rde: outliers in training hurt the plain covariance, not the MCD") {
  // text-and-ssl.md 3.1: plain .911 .812 .768, MCD .909 .906 .905
  const int64_t d = 20, n = 500;
  const Random r(11);
  const Tensor deviation = linspace(2, 0.2, d, DType::f64);
  const auto rows = [&](const Random& s, int64_t m) {
    return normal(s, {m, d}, 0, 1, DType::f64) * deviation;
  };
  // whitened length 4, over the 10 narrowest
  const Tensor shift =
      cat({zeros({10}, DType::f64), full({10}, 4 / std::sqrt(10.0), DType::f64)}, 0) * deviation;
  const Tensor labels = cat({zeros({n}, DType::i64), ones({n}, DType::i64)}, 0);
  double area[2][2];
  for (const int bad : {0, 1}) {
    const int64_t out = bad ? n / 10 : 0;
    std::vector<Tensor> train;
    for (int64_t c = 0; c < 2; ++c) {
      const Tensor own = cat(
          {rows(r / "train" / c, n - out), normal(r / "out" / c, {out, d}, 0, 4, DType::f64)}, 0);
      train.push_back(own + 6.0 * static_cast<double>(c));
    }
    for (const int robust : {0, 1}) {
      Settings s;
      s.method = robust ? Method::rde : Method::plain;
      s.kernel = Kernel::linear, s.components = d;
      const Rde guard = Rde::fit(cat(train, 0), labels, s);
      const Tensor clean = rows(r / "clean", n), zero = zeros({n}, DType::i64);
      const Tensor attacked = rows(r / "attacked", n) + shift;
      area[bad][robust] =
          auc(guard.score(attacked, zero).to_vector(), guard.score(clean, zero).to_vector());
    }
  }
  CHECK(area[0][0] > 0.88);
  CHECK(area[0][1] > 0.88);
  CHECK(area[1][0] < area[0][0] - 0.08);
  CHECK(area[1][1] > area[0][1] - 0.03);
}

TEST_CASE("rde: kernel PCA's rows are drawn; MLE takes all") {
  const Data train = two(64, 300, 4);
  Settings s = small(Method::plain);
  s.rows = 60, s.components = 3;
  const Settings of_seed_0 = s;
  const Rde a = Rde::fit(train.x, train.y, s), b = Rde::fit(train.x, train.y, s);
  CHECK(a.map().points.size(0) == 60);
  CHECK(a.map().points.to_vector() == b.map().points.to_vector());
  s.seed = 1;
  CHECK(Rde::fit(train.x, train.y, s).map().points.to_vector() != a.map().points.to_vector());
  // without replacement: no row twice
  const Numbers first = slice(a.map().points + a.map().centre, 1, 0, 1).to_vector();
  Numbers sorted = first;
  std::sort(sorted.begin(), sorted.end());
  CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
  // each with its own label: as if these rows had been all
  const Numbers all = slice(train.x, 1, 0, 1).to_vector();
  std::vector<int64_t> rows;
  for (const double v : first)
    for (size_t j = 0; j < all.size(); ++j)
      if (std::abs(all[j] - v) < 1e-12) rows.push_back(static_cast<int64_t>(j));
  REQUIRE(rows.size() == 60);
  const Tensor own = index_select(train.y, 0, tensor(rows));
  CHECK(sum(own).item() > 15);
  CHECK(sum(own).item() < 45);
  const Rde alone = Rde::fit(index_select(train.x, 0, tensor(rows)), own, of_seed_0);
  CHECK(alone.score(train.x, train.y).to_vector() == a.score(train.x, train.y).to_vector());
  s.method = Method::mle;
  const Tensor whole = index_select(train.x, 0, arange(0, 300, 2));
  CHECK(furthest(Rde::fit(train.x, train.y, s).gaussian(0).location.to_vector(),
                 mean(whole, {0}).to_vector()) < 1e-12);
}

TEST_CASE("rde: each setting reaches its part") {
  const Data train = two(73, 160, 5);
  Settings s = small(Method::rde);
  s.gamma = 0.02, s.start = Start::subset, s.consistency = Consistency::normal, s.seed = 3;
  const Rde guard = Rde::fit(train.x, train.y, s);
  CHECK(guard.map().gamma == 0.02);
  const Mcd direct =
      mcd(slice(guard.map().fitted(), 0, 0, 160, 2), {.start = Start::subset,
                                                      .consistency = Consistency::normal,
                                                      .random = Random(3) / "rde" / "class" / 0});
  CHECK(guard.gaussian(0).whitening.to_vector() == direct.gaussian.whitening.to_vector());
  const Numbers scores = guard.score(train.x, train.y).to_vector();
  const auto differs = [&](auto&& change) {
    Settings other = s;
    change(other);
    return Rde::fit(train.x, train.y, other).score(train.x, train.y).to_vector() != scores;
  };
  CHECK(!differs([](Settings&) {}));
  CHECK(differs([](Settings& o) { o.gamma = 0; }));
  CHECK(differs([](Settings& o) { o.kernel = Kernel::linear, o.components = 5; }));
  CHECK(differs([](Settings& o) { o.components = 5; }));
  CHECK(differs([](Settings& o) { o.start = Start::elemental; }));
  CHECK(differs([](Settings& o) { o.consistency = Consistency::median; }));
  CHECK(differs([](Settings& o) { o.method = Method::plain; }));
  CHECK(differs([](Settings& o) { o.rows = 100; }));
  CHECK(differs([](Settings& o) { o.log_det = true; }));
  CHECK(differs([](Settings& o) { o.seed = 4; }));
}

TEST_CASE("rde: files, both ways") {
  const TempFolder folder;
  const std::string path = folder / "guard.safetensors";
  for (const DType t : {DType::f32, DType::f64})
    for (const Method m : all_methods)
      for (const Kernel kernel : {Kernel::rbf, Kernel::linear}) {
        const Data train = two(65, 100, 4, t), test = two(66, 11, 4, t);
        Settings s = small(m);
        s.kernel = kernel, s.components = 3, s.log_det = m == Method::plain;
        const Rde guard = Rde::fit(train.x, train.y * 7 - 3, s);
        guard.save(path);
        const Rde back = Rde::load(path);
        CHECK(back.method() == m);
        CHECK(back.dtype() == t);
        CHECK(back.width() == 4);
        CHECK(back.classes() == std::vector<int64_t>{-3, 4});
        CHECK(back.score(test.x, test.y * 7 - 3).to_vector() ==
              guard.score(test.x, test.y * 7 - 3).to_vector());
      }
}

TEST_CASE("rde: files that are none") {
  const TempFolder folder;
  const std::string path = folder / "guard.safetensors";
  const Data train = two(67, 100, 4);
  Rde::fit(train.x, train.y, small(Method::rde)).save(path);
  const TensorFile whole = load_safetensors(path);
  const auto with = [&](const std::string& name, const Tensor& x, Metadata metadata) {
    std::vector<NamedTensor> all;
    for (const NamedTensor& t : whole.tensors)
      if (t.first != name) all.push_back(t);
    if (x.defined()) all.emplace_back(name, x);
    save_safetensors(path, all, metadata);
  };
  const auto why = [&](const std::string& words) {
    return complaint<IOError>([&] { Rde::load(path); }, words);
  };
  for (const NamedTensor& t : whole.tensors) {
    CAPTURE(t.first);
    with(t.first, {}, whole.metadata);
    CHECK(why(t.first) == "");
    with(t.first, zeros({3, 2, 2}, DType::f64), whole.metadata);
    CHECK(why(t.first) == "");
    if (t.second.dtype() != DType::f64) continue;
    with(t.first, full(t.second.shape(), std::nan(""), DType::f64), whole.metadata);
    CHECK(why("not finite") == "");
  }
  with("kpca.gamma", tensor({-1}, DType::f64), whole.metadata);
  CHECK(why("not positive") == "");
  with("classes", tensor(std::vector<int64_t>{1, 0}), whole.metadata);
  CHECK(why("does not ascend") == "");
  for (const char* key : {"format", "method", "kernel", "log_det"}) {
    Metadata metadata = whole.metadata;
    metadata[key] = "another";
    with("", {}, metadata);
    CHECK(why("another") == "");
    metadata.erase(key);
    with("", {}, metadata);
    CHECK(why(key) == "");
  }
  CHECK_THROWS_AS(Rde::load(folder / "nowhere"), IOError);
}

TEST_CASE("rde: the same bits on any threads, for a row alone or among others, from .npy") {
  const Data train = two(68, 700, 10, DType::f32), test = two(69, 40, 10, DType::f32);
  Settings s = small(Method::rde);
  s.components = 12;
  CHECK(same_on_any_threads(
      [&] { return Rde::fit(train.x, train.y, s).score(test.x, test.y).to_vector(); }));
  const Rde guard = Rde::fit(train.x, train.y, s);
  const Numbers all = guard.score(test.x, test.y).to_vector();
  for (int64_t i = 0; i < 40; ++i)
    CHECK(guard.score(slice(test.x, 0, i, i + 1), slice(test.y, 0, i, i + 1)).item() ==
          all[static_cast<size_t>(i)]);
  const TempFolder folder;
  save_npy(folder / "x.npy", train.x), save_npy(folder / "y.npy", train.y);
  const Rde again = Rde::fit(load_npy(folder / "x.npy"), load_npy(folder / "y.npy"), s);
  CHECK(again.score(test.x, test.y).to_vector() == all);
}

TEST_CASE("rde, degenerate: one class, few rows of one, flat features") {
  const Data one = two(70, 60, 4, DType::f64, 1);
  for (const Method m : all_methods) {
    const Rde guard = Rde::fit(one.x, one.y, small(m));
    CHECK(guard.classes() == std::vector<int64_t>{0});
    CHECK(complaint<ShapeError>([&] { guard.score(one.x, ones({60}, DType::i64)); },
                                "class 1, predicted for row 0, was not among the training labels "
                                "(0)") == "");
    CHECK_THROWS_AS(guard.gaussian(1), ShapeError);
  }
  // 3 rows of class 1
  std::vector<int64_t> y(60);
  y[7] = y[8] = y[40] = 1;
  for (const Method m : all_methods) {
    Settings s = small(m);
    CHECK(complaint<NumericError>([&] { Rde::fit(one.x, tensor(y), s); }, "class 1: ") == "");
    s.singular = Singular::pinv;
    const Rde guard = Rde::fit(one.x, tensor(y), s);
    CHECK(guard.gaussian(1).rank() == 2);
    for (const double v : guard.score(one.x, tensor(y)).to_vector()) CHECK(std::isfinite(v));
  }
  // columns of zeros where kernel PCA has no more directions: exact, no pseudo-inverse asked for
  Settings s = small(Method::rde);
  s.kernel = Kernel::linear;
  for (const Method m : {Method::rde, Method::plain}) {
    s.method = m;
    s.components = 6;
    const Rde wide = Rde::fit(one.x, one.y, s);
    s.components = 4;
    const Rde exact = Rde::fit(one.x, one.y, s);
    CHECK(wide.gaussian(0).rank() == 4);
    CHECK(furthest(wide.score(one.x, one.y).to_vector(), exact.score(one.x, one.y).to_vector()) <
          1e-7);
  }
  for (const Method m : all_methods)
    CHECK(complaint<NumericError>(
              [&] {
                Rde::fit(full({30, 3}, 0.1, DType::f64), zeros({30}, DType::i64), small(m));
              },
              "equal") == "");
}

TEST_CASE("rde: classes so far apart that a component is nearly nothing in one of them") {
  const Data train = two(72, 600, 32, DType::f32);
  const Tensor x = train.x + 3 * unsqueeze(train.y.to(DType::f32), 1);
  for (const Method m : {Method::rde, Method::plain}) {
    Settings s = small(m);
    s.components = 20;
    const Rde guard = Rde::fit(x, train.y, s);
    CHECK(guard.gaussian(0).rank() == 20);
    // the mean of d2 over a class's own rows is about p
    const double own =
        mean(guard.score(index_select(x, 0, arange(0, 600, 2)), zeros({300}, DType::i64))).item();
    CHECK(own > 15);
    CHECK(own < 60);
  }
}

TEST_CASE("rde: what is refused") {
  const Data train = two(71, 30, 3);
  const Settings s = small(Method::plain);
  CHECK_THROWS_AS(Rde::fit(train.x, train.y.to(DType::f64), s), DTypeError);
  CHECK_THROWS_AS(Rde::fit(train.x, {}, s), DTypeError);
  CHECK_THROWS_AS(Rde::fit(train.x, slice(train.y, 0, 0, 29), s), ShapeError);
  CHECK_THROWS_AS(Rde::fit(train.x[0], train.y, s), ShapeError);
  CHECK_THROWS_AS(Rde::fit(train.x / 0.0, train.y, s), NumericError);
  Settings bad = s;
  bad.components = 0;
  CHECK_THROWS_AS(Rde::fit(train.x, train.y, bad), ConfigError);
  bad = s, bad.rows = 1;
  CHECK_THROWS_AS(Rde::fit(train.x, train.y, bad), ConfigError);
  for (const Method m : all_methods) {
    const Rde guard = Rde::fit(train.x, train.y, small(m));
    CHECK_THROWS_AS(guard.score(train.x.to(DType::f32), train.y), DTypeError);
    CHECK_THROWS_AS(guard.score(ones({2, 4}, DType::f64), zeros({2}, DType::i64)), ShapeError);
    CHECK_THROWS_AS(guard.score(train.x, slice(train.y, 0, 0, 29)), ShapeError);
    CHECK_THROWS_AS(guard.score(train.x, train.y.to(DType::f32)), DTypeError);
    CHECK(guard.score(zeros({0, 3}, DType::f64), zeros({0}, DType::i64)).numel() == 0);
  }
}

TEST_CASE("max softmax: the others' shares, in order where the prediction is sure") {
  const Tensor logits = tensor({1, 2, 0.5, 3, -1, 3}, DType::f64).reshape({2, 3});
  const Numbers direct = (1.0 - amax(softmax(logits, 1), {1})).to_vector();
  CHECK(furthest(max_softmax(logits).to_vector(), direct) < 1e-15);
  const Tensor sure = tensor({0, 100, 0, 101, 0, 800}, DType::f32).reshape({3, 2});
  const Numbers s = max_softmax(sure).to_vector();
  CHECK(s[0] > s[1]);
  CHECK(s[1] > s[2]);
  CHECK(s[1] > 0);
  CHECK(max_softmax(ones({2, 1})).to_vector() == Numbers{0, 0});
  CHECK_THROWS_AS(max_softmax(full({1, 2}, std::nan(""))), NumericError);
  CHECK_THROWS_AS(max_softmax(ones({2})), ShapeError);
}

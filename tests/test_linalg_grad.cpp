// The derivatives of linear algebra beyond the table test: PyTorch's numbers, high orders against closed forms, and equal eigenvalues.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

#include <cmath>

using namespace regrad;

namespace {

Tensor f64(std::initializer_list<double> v, const Shape& s) { return tensor(std::vector<double>(v), s, DType::f64); }
Tensor flat(const Tensor& x) { return reshape(x, {x.numel()}); }
Tensor diagonal(const Tensor& x) { return unsqueeze(x, -1) * eye(x.shape()[-1], x.dtype()); }
double largest(const Tensor& x) { return amax(abs(x)).item(); }
// Q diag(values) Q^T with some rotation Q.
Tensor with_eigenvalues(std::initializer_list<double> values) {
  const Tensor w = tensor(values, DType::f64);
  const Tensor q = eigh(normal(Random(2), {w.numel(), w.numel()}, 0, 1, DType::f64)).vectors;
  return matmul(q * w, q.mT());
}
// The message of the NumericError that f throws.
template <class F>
std::string fault(F&& f) {
  try {
    f();
  } catch (const NumericError& e) {
    return e.what();
  }
  return "nothing was thrown";
}
bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// f(0), f'(0), f''(0), ... of a scalar function of one number.
std::vector<double> taylor(const Function& f, int orders) {
  const Tensor t = scalar(0, DType::f64).requires_grad_();
  Tensor y = f(t);
  std::vector<double> out{y.item()};
  for (int k = 0; k < orders; ++k) {
    y = grad(y, t, {.create_graph = true});
    out.push_back(y.item());
  }
  return out;
}
void check_taylor(const Function& f, const std::vector<double>& expected) {
  const std::vector<double> got = taylor(f, static_cast<int>(expected.size()) - 1);
  for (size_t k = 0; k < expected.size(); ++k) {
    CAPTURE(k);
    CHECK(std::abs(got[k] - expected[k]) <= 1e-10 * std::max(1.0, std::abs(expected[k])));
  }
}

const Tensor& a3() {
  static const Tensor a = f64({4, 1, -0.5, 0.3, 2.5, 0.7, -0.2, 0.4, 1.2}, {3, 3});
  return a;
}
const Tensor& b32() {
  static const Tensor b = f64({1, -2, 0.5, 3, -1.5, 0.25}, {3, 2});
  return b;
}
const Tensor& w43() {
  static const Tensor w = f64({1, 0.2, -0.3, 0.4, 2, 0.5, 0.1, -0.6, 3, 0.7, 0.8, -0.9}, {4, 3});
  return w;
}
Tensor svd_flat(const Tensor& x) {
  const Svd d = svd(x);
  return cat({flat(d.u), d.s, flat(d.vh)}, 0);
}

// cos(0.7 i + 0.2)
Tensor weights(const Shape& s) { return reshape(cos(arange(0, static_cast<double>(s.numel()), 1, DType::f64) * 0.7 + 0.2), s); }

struct Golden {
  const char* name;
  double loss;
  std::vector<double> gradient, second;
};
// PyTorch 2.13's, made by
//
//   import torch
//   torch.set_default_dtype(torch.float64)
//   A = torch.tensor([[4., 1., -0.5], [0.3, 2.5, 0.7], [-0.2, 0.4, 1.2]])
//   B = torch.tensor([[1., -2.], [0.5, 3.], [-1.5, 0.25]])
//   W = torch.tensor([[1., 0.2, -0.3], [0.4, 2., 0.5], [0.1, -0.6, 3.], [0.7, 0.8, -0.9]])
//   V = lambda x: torch.cos(torch.arange(x.numel()) * 0.7 + 0.2).reshape(x.shape)
//   def signed(u): return torch.sign(u.gather(-2, u.abs().argmax(-2, keepdim=True)))
//   def eigh(a):
//     w, v = torch.linalg.eigh((a + a.mT) / 2); return torch.cat([w, (v * signed(v)).flatten()])
//   def svd(a):
//     u, s, vh = torch.linalg.svd(a, full_matrices=False); return torch.cat([(u * signed(u)).flatten(), s, (vh * signed(u).mT).flatten()])
//   fs = {"eigh": (eigh, A), "svd": (svd, W), "svd wide": (svd, W.mT), "eigvalsh": (lambda a: torch.linalg.eigvalsh((a + a.mT) / 2), A), "svdvals":
//   (torch.linalg.svdvals, W),
//         "cholesky": (lambda a: torch.linalg.cholesky((a + a.mT) / 2).flatten(), A), "solve": (lambda a: torch.linalg.solve(a, B).flatten(), A),
//         "solve_triangular": (lambda a: torch.linalg.solve_triangular(a, B, upper=False).flatten(), A), "inverse": (lambda a:
//         torch.linalg.inv(a).flatten(), A), "slogdet": (lambda a: torch.linalg.slogdet(a).logabsdet.reshape(1), A), "det": (lambda a:
//         torch.linalg.det(a).reshape(1), A), "cholesky_solve": (lambda a: torch.cholesky_solve(B, torch.tril(a)).flatten(), A)}
//   for name, (f, x) in fs.items():
//     x = x.clone().requires_grad_(); y = f(x); loss = (V(y) * y + 0.3 * y * y).sum()
//     g, = torch.autograd.grad(loss, x, create_graph=True); h, = torch.autograd.grad((g * V(x)).sum(), x)
//     row = lambda t: ", ".join("%.11g" % v for v in t.flatten().tolist())
//     print('{"%s", %.11g, {%s}, {%s}},' % (name, loss.item(), row(g), row(h)))
const Golden goldens[] = {
    {"eigh",
     12.102791799,
     {2.1854433202, 0.52336800334, 0.13546544375, 0.52336800334, 2.4241590617, 0.26009998683, 0.13546544375, 0.26009998683, 1.5828746419},
     {1.0939235193, -0.0027695852159, -0.02743641962, -0.0027695852159, -0.85685574371, -0.39815767457, -0.02743641962, -0.39815767457,
      0.28828838335}},
    {"svd",
     2.0678437996,
     {0.3913364506, 1.100886311, 0.30658199248, 1.303441715, -0.78481319287, -0.080474306233, 0.52557924936, 0.23834274646, 1.4700825953,
      0.89374000106, 0.4597761752, -0.039295133662},
     {2.6339327423, 0.15936281369, 0.29928760659, -0.36419629481, -3.3522375786, -0.87861268214, 1.0920692242, -0.43886095196, 0.72007748503,
      1.690674827, -0.55358967327, 0.067417745105}},
    {"svd wide",
     11.255781757,
     {1.5807043122, 1.601636, -0.18541256783, 0.70629041922, 1.1566702772, 1.29502518, -1.2475314041, 1.8525093099, -0.19880205988, -1.0172835667,
      2.1782416299, -0.87795071544},
     {0.72460022517, 0.45450724958, -0.99321500193, -0.16522771405, -0.62944094485, -3.1923080497, -0.0017375997155, -1.1579789102, 0.67156837567,
      1.0644375032, 2.0502876683, -1.2784786412}},
    {"eigvalsh",
     9.9577830847,
     {2.4571573692, 0.15982013131, -0.12161513467, 0.15982013131, 2.1015963982, 0.21572539969, -0.12161513467, 0.21572539969, 1.6337232564},
     {0.45546945611, 0.14747504754, 0.013034788674, 0.14747504754, -0.37043166519, -0.18537921121, 0.013034788674, -0.18537921121, 0.44031836799}},
    {"svdvals",
     9.6288002047,
     {0.6315984665, 0.27319263972, -0.26789104044, 0.45221993481, 1.7129161893, 0.43241342282, 0.0088400260445, -0.51897354411, 2.6982472524,
      0.50789306243, 0.75044033746, -0.81264614932},
     {0.82819062045, 0.73125871445, -0.018384968101, -0.20347091749, -0.88358285863, -0.68454782925, -0.27375730673, 0.47845219902, 0.56124778594,
      0.87708616742, 0.62477250511, 0.044669916655}},
    {"cholesky",
     3.6161077045,
     {0.55989923402, -0.11319945461, -0.04014082074, -0.11319945461, -0.022625221319, 0.010776597125, -0.04014082074, 0.010776597125, 0.73935535757},
     {-0.04100113473, 0.025535136488, -0.0099200852051, 0.025535136488, -0.082031144115, 0.07112433803, -0.0099200852051, 0.07112433803,
      -0.19802483557}},
    {"solve",
     1.8716200023,
     {-0.040761092277, 0.0072249213394, 0.14967768043, 0.28231226607, -0.6199607393, 0.65533166137, -1.1545579711, 2.644093813, -3.0027065236},
     {-0.066680795478, 0.12012267409, -0.10227053341, 0.22548866894, -0.2087818864, -0.34673084726, 0.88963312019, -2.8365047135, 4.8051597897}},
    {"solve_triangular",
     1.6771449723,
     {-0.035118368917, 0, 0, 0.020705000202, -0.26203195301, 0, -0.062751576421, 1.3241289703, -2.095733348},
     {0.01321220969, 0, 0, 0.072732746089, -0.3858126723, 0, -0.15010651789, -0.29229320458, 2.995089411}},
    {"inverse",
     1.1784734724,
     {-0.092581374709, -0.027702613728, -0.14322794325, 0.19992502909, -0.029620057076, 0.66949527247, -0.29913175107, 0.24651914261, -1.5707685455},
     {0.13875617207, -0.13649865451, 0.30355133542, -0.20784685608, 0.50391403006, -0.59250804093, 0.8735955254, -1.2687201805, 3.431367375}},
    {"slogdet",
     3.8637444556,
     {0.63902523983, -0.11746787497, 0.14566016496, -0.32891004991, 1.1041980247, -0.42288434989, 0.45812471238, -0.69306046232, 2.2788767744},
     {-0.073888036929, 0.17584154173, 0.022245466815, -0.25932878828, 0.496577269, -0.32872622209, -0.43448469391, 1.0725630186, -1.4274768863}},
    {"det",
     40.290740439,
     {19.100021092, -3.5110332889, 4.3536812783, -9.830893209, 33.003712916, -12.63971984, 13.693029827, -20.715096405, 68.114045805},
     {19.1816866, 1.3237690508, 5.5405972443, -18.760792964, 51.803268887, -23.980644228, 2.3484032224, 8.8592899513, 33.614751411}},
    {"cholesky_solve",
     1.2311213859,
     {0.025527912171, 0, 0, -0.15290425951, -0.0032442434794, 0, 0.24727787996, 0.96158422719, -3.1486350979},
     {-0.033931763189, 0, 0, -0.02204481577, -0.021935663017, 0, -0.51472340193, -1.0859257831, 7.7042758561}},
};

Tensor apply_named(const std::string& name, const Tensor& x) {
  if (name == "eigh") return cat({eigh(x).values, flat(eigh(x).vectors)}, 0);
  if (name == "svd" || name == "svd wide") return svd_flat(x);
  if (name == "eigvalsh") return eigvalsh(x);
  if (name == "svdvals") return svdvals(x);
  if (name == "cholesky") return flat(cholesky(x));
  if (name == "solve") return flat(solve(x, b32()));
  if (name == "solve_triangular") return flat(solve_triangular(x, b32(), false));
  if (name == "inverse") return flat(inverse(x));
  if (name == "slogdet") return reshape(slogdet(x).logabsdet, {1});
  if (name == "det") return reshape(det(x), {1});
  return flat(cholesky_solve(b32(), x));
}

void check_close(const Tensor& got, const std::vector<double>& expected) {
  const std::vector<double> v = got.to_vector();
  REQUIRE(v.size() == expected.size());
  for (size_t i = 0; i < v.size(); ++i) CHECK(std::abs(v[i] - expected[i]) <= 1e-8 * std::max(1.0, std::abs(expected[i])));
}

}  // namespace

TEST_CASE("first and second derivatives are PyTorch's") {
  for (const Golden& gold : goldens) {
    const std::string name = gold.name;
    CAPTURE(name);
    const Tensor x = (name == "svd" || name == "svdvals" ? w43() : name == "svd wide" ? w43().mT() : a3()).contiguous().detach().requires_grad_();
    const Tensor y = apply_named(name, x), loss = sum(weights(y.shape()) * y + 0.3 * y * y);
    CHECK(loss.item() == doctest::Approx(gold.loss).epsilon(1e-9));
    const Tensor g = grad(loss, x, {.create_graph = true});
    check_close(g, gold.gradient);
    check_close(grad(sum(g * weights(x.shape())), x), gold.second);
  }
}

TEST_CASE("derivatives to the sixth order against closed forms") {
  const Tensor p = f64({1, 0, 0, -1}, {2, 2}), swap = f64({0, 1, 1, 0}, {2, 2}), one = eye(2, DType::f64);
  // [[t,1],[1,-t]] has the eigenvalues -+sqrt(1 + t^2).
  check_taylor([&](const Tensor& t) { return eigvalsh(swap + t * p)[1]; }, {1, 0, 1, 0, -3, 0, 45});
  check_taylor([&](const Tensor& t) { return eigh(swap + t * p).values[0]; }, {-1, 0, -1, 0, 3, 0, -45});
  // [[1,t],[t,-1]]: the vector of the positive one is at the angle atan(t)/2, whose sine is t/2 - 3/16 t^3 + ...
  check_taylor([&](const Tensor& t) { return eigh(p + t * swap).vectors[1][1]; }, {0, 0.5, 0, -9.0 / 8});
  // [[1,t],[t,1]]: the factor's last entry is sqrt(1 - t^2), the inverse's 1/(1 - t^2), and log det = log(1 - t^2).
  check_taylor([&](const Tensor& t) { return cholesky(one + t * swap)[1][1]; }, {1, 0, -1, 0, -3, 0, -45});
  check_taylor([&](const Tensor& t) { return inverse(one + t * swap)[1][1]; }, {1, 0, 2, 0, 24, 0, 720});
  check_taylor([&](const Tensor& t) { return slogdet(one + t * swap).logabsdet; }, {0, 0, -2, 0, -12, 0, -240});
  // [[1+t,1],[0,2]]: the solution's first entry is (y_1 - y_2/2)/(1 + t).
  check_taylor(
      [&](const Tensor& t) {
        return solve_triangular(f64({1, 1, 0, 2}, {2, 2}) + t * f64({1, 0, 0, 0}, {2, 2}), f64({3, 2}, {2, 1}), true)[0][0];
      },
      {2, -2, 4, -12, 48, -240, 1440});
  // Singular values of [[2,t],[0,1]]: s_1^2 s_2^2 = 4 and s_1^2 + s_2^2 = 5 + t^2; s_1 = 2 + t^2/3 - 7/108 t^4 + 61/1944 t^6 - ...
  check_taylor(
      [&](const Tensor& t) {
        return svdvals(f64({2, 0, 0, 1}, {2, 2}) + t * f64({0, 1, 0, 0}, {2, 2}))[0];
      },
      {2, 0, 2.0 / 3, 0, -14.0 / 9, 0, 610.0 / 27});
  check_taylor(
      [&](const Tensor& t) {
        return svd(f64({2, 0, 0, 1}, {2, 2}) + t * f64({0, 1, 0, 0}, {2, 2})).s[0];
      },
      {2, 0, 2.0 / 3, 0, -14.0 / 9, 0, 610.0 / 27});
}

TEST_CASE("the Hessian of log det is -a^-1 (x) a^-1") {
  const Tensor x = inverse(a3());
  // d2 log det / da_ij da_kl = -x_jk x_li
  const auto second = [&](const Tensor& got) {
    double worst = 0;
    const std::vector<double> h = got.to_vector(), v = x.to_vector();
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = 0; j < 3; ++j)
        for (size_t k = 0; k < 3; ++k)
          for (size_t l = 0; l < 3; ++l) worst = std::max(worst, std::abs(h[((i * 3 + j) * 3 + k) * 3 + l] + v[j * 3 + k] * v[l * 3 + i]));
    return worst;
  };
  CHECK(second(hessian([](const Tensor& a) { return slogdet(a).logabsdet; }, a3())) < 1e-14);
  CHECK(second(hessian([](const Tensor& a) { return log(det(a)); }, a3())) < 1e-13);
  // By the factor of a symmetric matrix: the gradient is the inverse, and symmetric.
  const Tensor p = matmul(a3(), a3().mT()).requires_grad_();
  const Tensor g = grad(2.0 * sum(log(sum(cholesky(p) * eye(3, DType::f64), {-1}))), p);
  CHECK(largest(g - inverse(p)) < 1e-13);
  CHECK(g.to_vector() == g.mT().to_vector());
}

TEST_CASE("equal eigenvalues: values have derivatives, their vectors have none") {
  for (const Tensor& a : {eye(3, DType::f64) * 2.0, with_eigenvalues({1, 1, 3}), with_eigenvalues({-2, 5, 5}), zeros({3, 3}, DType::f64)}) {
    const Tensor x = a.detach().requires_grad_();
    // d sum(w^2) = 2 a, whichever vectors LAPACK chose.
    CHECK(largest(grad(sum(square(eigvalsh(x))), x) - 2.0 * x) < 1e-13);
    CHECK(largest(grad(sum(square(eigh(x).values)), x) - 2.0 * x) < 1e-13);
    CHECK(has(fault([&] { grad(sum(eigh(x).vectors * a3()), x); }), "eigh: eigenvalues"));
    // The second derivative of single values goes by the vectors.
    const Tensor g = grad(sum(square(eigvalsh(x))), x, {.create_graph = true});
    if (largest(x) > 0) CHECK(has(fault([&] { grad(sum(g * a3()), x); }), "their vectors have no derivative"));
  }
  const Tensor x = stack({with_eigenvalues({1, 2, 3}), with_eigenvalues({1, 3, 3})}, 0).requires_grad_();
  const Eigh e = eigh(x);
  CHECK(has(fault([&] { grad(sum(e.vectors * a3()), x, {.retain_graph = true}); }), "eigh: eigenvalues 1 and 2 of matrix [1] are equal"));
  // The vector of the single value is as good as ever.
  const auto first = [](const Tensor& t) { return sum(select(eigh(t).vectors, -1, 0) * weights({3})); };
  const Tensor at = x[1].detach(), along = f64({1, 2, 3, 2, -1, 0.5, 3, 0.5, 4}, {3, 3});
  const double h = 1e-5, difference = (first(at + h * along) - first(at - h * along)).item() / (2 * h);
  const Tensor leaf = at.detach().requires_grad_();
  CHECK(sum(grad(first(leaf), leaf) * along).item() == doctest::Approx(difference).epsilon(1e-7));
  // So are the first and second derivatives of the single value.
  const auto smallest = [](const Tensor& t) { return eigvalsh(t)[0]; };
  const auto slope = [&](const Tensor& t) { return sum(vjp(smallest, t, scalar(1, DType::f64)).second * along).item(); };
  CHECK(sum(hvp(smallest, at, along).second * along).item() ==
        doctest::Approx((slope(at + h * along) - slope(at - h * along)) / (2 * h)).epsilon(1e-7));
  // But how the vectors move together is asked for by jvp.
  CHECK(has(fault([&] { jvp([](const Tensor& t) { return eigh(t).vectors; }, at, along); }), "have no derivative"));
  // f32 rounds more, and calls more values equal.
  const auto gradient_at = [&](double gap, DType t) {
    const Tensor y =
        matmul(matmul(eigh(a3()).vectors, diagonal(tensor({1, 1 + gap, 2}, DType::f64))), eigh(a3()).vectors.mT()).to(t).detach().requires_grad_();
    return fault([&] { grad(sum(eigh(y).vectors * a3().to(t)), y); });
  };
  CHECK(has(gradient_at(1e-7, DType::f32), "are equal"));
  CHECK(gradient_at(1e-7, DType::f64) == "nothing was thrown");
  CHECK(gradient_at(1e-4, DType::f32) == "nothing was thrown");
}

TEST_CASE("equal and zero singular values: values have derivatives, their vectors have none") {
  const Tensor u = svd(w43()).u, v = svd(a3()).vh;
  const auto with_values = [&](std::initializer_list<double> s) { return matmul(u * tensor(s, DType::f64), v).requires_grad_(); };
  for (const bool wide : {false, true}) {
    const auto turned = [&](const Tensor& x) { return wide ? x.mT() : x; };
    for (const Tensor& x : {with_values({3, 2, 2}), with_values({3, 2, 0}), with_values({3, 0, 0}), with_values({0, 0, 0})}) {
      CHECK(largest(grad(sum(square(svdvals(turned(x)))), x) - 2.0 * x) < 1e-13);
      CHECK(largest(grad(sum(square(svd(turned(x)).s)), x) - 2.0 * x) < 1e-13);
      CHECK(has(fault([&] { grad(sum(svd(turned(x)).u * 1.5), x); }), "svd: singular value"));
      CHECK(has(fault([&] { grad(sum(svd(turned(x)).vh * 1.5), x); }), "no derivative"));
    }
    const Tensor twins = with_values({3, 3, 1}), flat_one = with_values({3, 2, 0});
    CHECK(has(fault([&] { grad(sum(svd(turned(twins)).u), twins); }), "singular values 0 and 1 are equal"));
    CHECK(has(fault([&] { grad(sum(svd(turned(flat_one)).vh), flat_one); }), "singular value 2 is 0"));
    // Vectors of other values are untouched.
    CHECK(std::isfinite(sum(grad(sum(select(svd(turned(twins)).u, -1, 2)), twins)).item()));
  }
  // The nuclear norm's gradient at a multiple of I is I; the spectral norm's, of one pair of vectors.
  const Tensor x = (eye(3, DType::f64) * 2.0).detach().requires_grad_();
  CHECK(largest(grad(sum(svdvals(x)), x) - eye(3, DType::f64)) < 1e-14);
  CHECK(sum(square(grad(svdvals(x)[0], x))).item() == doctest::Approx(1));
}

TEST_CASE("gradients of eigh, eigvalsh and cholesky are symmetric") {
  const Tensor x = f64({4, 1, -0.5, 1, 2.5, 0.7, -0.5, 0.7, 1.2}, {3, 3}).requires_grad_();
  for (const Tensor& y : {sum(eigh(x).vectors * a3()), sum(eigvalsh(x) * weights({3})), sum(cholesky(x) * a3())}) {
    const Tensor g = grad(y, x);
    CHECK(largest(g - g.mT()) < 1e-15);
  }
}

#include <regrad/algorithms/rde/chi2.h>
#include <regrad/algorithms/rde/coordinates.h>
#include <regrad/algorithms/rde/csteps.h>
#include <regrad/algorithms/rde/features.h>
#include <regrad/algorithms/rde/gaussian.h>
#include <regrad/algorithms/rde/mcd.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace regrad::rde {
namespace {

using detail::Coordinates;
using detail::Estimate;
using detail::gather;
using detail::Rows;
using Vector = std::vector<double>;
using Indices = std::vector<int32_t>;

size_t u(int64_t i) { return static_cast<size_t>(i); }
int64_t part_of(int64_t size, int64_t h, int64_t n) {  // ceil(size h / n)
  return (size * h + n - 1) / n;
}

void keep_best(std::vector<Estimate>& all, size_t n) {
  all.erase(std::remove_if(all.begin(), all.end(), [](const Estimate& e) { return !e.regular; }),
            all.end());
  std::stable_sort(all.begin(), all.end(),
                   [](const Estimate& a, const Estimate& b) { return a.log_det < b.log_det; });
  if (all.size() > n) all.resize(n);
}

// The best h-subset of rows in p > 1 dimensions that are not all in a plane.
class Search {
 public:
  Search(const Vector& x, int64_t n, int64_t p, int64_t h, const McdOptions& o)
      : x_(x), n_(n), p_(p), h_(h), o_(o), all_(x.data(), n, p) {
    elemental_ = o.start == Start::elemental || (o.start == Start::automatic && p <= 10);
  }
  // Ascending. singular: its covariance is 0 in some direction.
  Indices run(bool& singular) {
    singular = false;
    if (h_ == n_) return rows_of_all();
    std::vector<Estimate> found;
    const int64_t blocks = n_ / 300;
    if (n_ > 500 && part_of(n_ / blocks, h_, n_) > p_ + 1) found = by_blocks(blocks);
    if (found.empty()) found = from_starts();
    return finish(std::move(found), singular);
  }

 private:
  static constexpr int few = 2, many = 30;  // C-steps
  static constexpr size_t best = 10;

  Indices rows_of_all() const {
    Indices rows(u(n_));
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  }
  std::vector<Estimate> from_starts() const {
    const int64_t trials = o_.starts ? o_.starts : elemental_ ? 500 : 30;
    std::vector<Estimate> found(u(trials));
    parallel_for(trials,
                 [&](int64_t t) { found[u(t)] = trial(all_, h_, o_.random / "start" / t); });
    keep_best(found, best);
    return found;
  }
  Estimate trial(const Rows& rows, int64_t h, const Random& random) const {
    Estimate e = rows.start(elemental_ ? p_ + 1 : h, random);
    if (!e.regular) return e;
    const bool foreign = static_cast<int64_t>(e.rows.size()) != h;
    return rows.concentrate(std::move(e), h, few, foreign);
  }
  // By blocks, then on a pool of their candidates.
  std::vector<Estimate> by_blocks(int64_t blocks) const {
    const int64_t size = n_ / blocks, h = part_of(size, h_, n_),
                  trials = std::max<int64_t>(10, (o_.starts ? o_.starts : 500) / blocks);
    const Indices order = detail::draw(n_, n_, o_.random / "blocks");
    std::vector<Estimate> pooled;
    for (int64_t b = 0; b < blocks; ++b) {
      const Vector part =
          gather(x_, p_, {order.begin() + b * size, order.begin() + (b + 1) * size});
      std::vector<Estimate> found(u(trials));
      parallel_for(trials, [&](int64_t t) {
        found[u(t)] = trial({part.data(), size, p_}, h, o_.random / "start" / b / t);
      });
      keep_best(found, best);
      std::move(found.begin(), found.end(), std::back_inserter(pooled));
    }
    constexpr int64_t pool = 1500;
    if (n_ <= pool) return pooled;
    const Vector some = gather(x_, p_, detail::draw(n_, pool, o_.random / "pool"));
    const Rows rows(some.data(), pool, p_);
    concentrate(rows, part_of(pool, h_, n_), pooled, nullptr);
    keep_best(pooled, best);
    return pooled;
  }
  static void concentrate(const Rows& rows, int64_t h, std::vector<Estimate>& all,
                          std::vector<Indices>* singular) {
    parallel_for(static_cast<int64_t>(all.size()), [&](int64_t i) {
      all[u(i)] = rows.concentrate(std::move(all[u(i)]), h, many, true,
                                   singular ? &(*singular)[u(i)] : nullptr);
    });
  }
  Indices finish(std::vector<Estimate> found, bool& singular) const {
    std::vector<Indices> flat(found.size());
    concentrate(all_, h_, found, &flat);
    for (Indices& rows : flat)
      if (!rows.empty()) {
        singular = true;
        return std::move(rows);
      }
    keep_best(found, 1);
    return std::move(found.at(0).rows);
  }

  const Vector& x_;
  int64_t n_, p_, h_;
  const McdOptions& o_;
  Rows all_;
  bool elemental_;
};

// One column: of all h-subsets, the one with the smallest variance is a run of the sorted values.
Indices shortest(const Vector& x, int64_t h) {
  const auto n = static_cast<int64_t>(x.size());
  Indices order(u(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return x[u(a)] < x[u(b)]; });
  double sum = 0, squares = 0, least = std::numeric_limits<double>::infinity();
  int64_t from = 0;
  const double origin = x[u(order[u(n / 2)])];
  for (int64_t i = 0; i < n; ++i) {
    const double in = x[u(order[u(i)])] - origin;
    sum += in, squares += in * in;
    if (i >= h) {
      const double out = x[u(order[u(i - h)])] - origin;
      sum -= out, squares -= out * out;
    }
    const double spread = squares - sum * sum / static_cast<double>(h);
    if (i >= h - 1 && spread < least) least = spread, from = i - h + 1;
  }
  Indices rows(order.begin() + from, order.begin() + from + h);
  std::sort(rows.begin(), rows.end());
  return rows;
}

int64_t support_of(const Coordinates& c, const McdOptions& o) {
  if (o.starts < 0) throw ConfigError("mcd: starts is negative");
  if (o.h == 0) return std::min(c.n, (c.n + c.r + 2) / 2);
  if (2 * o.h <= c.n || o.h > c.n)
    throw ConfigError("mcd: h is " + std::to_string(o.h) + " of " + std::to_string(c.n) +
                      " rows; it must be more than half of them");
  return o.h;
}

Tensor mask(const Indices& rows, int64_t n) {
  std::vector<uint8_t> out(u(n));
  for (const int32_t i : rows) out[u(i)] = 1;
  return from_data(out.data(), {n}, DType::b8);
}

double median(Vector v) {
  const size_t half = v.size() / 2;
  std::nth_element(v.begin(), v.begin() + static_cast<int64_t>(half), v.end());
  const double upper = v[half];
  if (v.size() % 2) return upper;
  return 0.5 * (upper + *std::max_element(v.begin(), v.begin() + static_cast<int64_t>(half)));
}

// What makes the covariance of the share `alpha` of nearest rows that of a Gaussian's all rows.
double of_normal(double alpha, int64_t p) {
  return alpha < 1 ? alpha / chi2_cdf(chi2_quantile(alpha, p), p + 2) : 1;
}

[[noreturn]] void refuse_flat(int64_t h, int64_t n) {
  throw NumericError("mcd: " + std::to_string(h) + " of " + std::to_string(n) +
                     " rows lie in a plane, to working precision (an exact fit): their "
                     "covariance is singular, and any row off the plane would be infinitely far; "
                     "drop repeated rows or columns that depend on others, or use the "
                     "pseudo-inverse (Singular::pinv)");
}

// The Gaussian of these rows, in c's coordinates.
Gaussian gaussian_of(const Coordinates& c, const Indices& rows, Singular singular) {
  const auto m = static_cast<int64_t>(rows.size());
  Gaussian g;
  if (m > 0) g = c.own(rows);
  if (m == 0 || g.rank() == 0)
    throw NumericError("mcd: " + std::to_string(m) + " of " + std::to_string(c.n) +
                       " rows are equal: there is no covariance");
  if (g.rank() < c.r && singular == Singular::refuse) refuse_flat(m, c.n);
  return g;
}

void reweight(const Coordinates& c, const McdOptions& o, Mcd& out) {
  const double share = static_cast<double>(out.h) / static_cast<double>(c.n);
  const Vector d2 = out.raw_distances.to_vector();
  const bool by_median = o.consistency == Consistency::median;
  out.correction = by_median ? median(d2) / chi2_quantile(0.5, c.r) : of_normal(share, c.r);
  const double edge = chi2_quantile(0.975, c.r) * out.correction;
  Indices kept;
  for (int64_t i = 0; i < c.n; ++i)
    if (d2[u(i)] < edge) kept.push_back(static_cast<int32_t>(i));
  const double factor = by_median ? 1 : of_normal(0.975, c.r);
  const Gaussian g = scaled(gaussian_of(c, kept, o.singular), factor);
  out.distances = g.distances(c.rows());
  out.support = mask(kept, c.n);
  out.gaussian = c.outside(g);
  const Moments m = c.outside(c.moments(kept));
  out.location = m.location, out.covariance = m.covariance * factor;
}

}  // namespace

Mcd mcd(const Tensor& x, const McdOptions& options) {
  return typed_memory([&] {
    const NoGrad quiet;
    const Tensor rows = detail::features(x, "mcd", 2);
    const int64_t n = rows.size(0), p = rows.size(1);
    if (n <= p && options.singular == Singular::refuse) detail::refuse_few(n, p, "mcd");
    const Coordinates c(rows, "mcd");
    Mcd out;
    out.h = support_of(c, options);
    bool flat = false;
    const Indices best =
        c.r == 1 ? shortest(c.y, out.h) : Search(c.y, c.n, c.r, out.h, options).run(flat);
    const Gaussian g = gaussian_of(c, best, options.singular);
    out.raw_distances = g.distances(c.rows());
    out.raw_support = mask(best, c.n);
    out.raw_log_det = -std::numeric_limits<double>::infinity();
    if (g.rank() == c.p) out.raw_log_det = c.outside(g).log_det;
    reweight(c, options, out);
    const Moments m = c.outside(c.moments(best));
    out.raw_location = m.location, out.raw_covariance = m.covariance;
    return out;
  });
}

}  // namespace regrad::rde

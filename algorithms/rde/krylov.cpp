#include <regrad/algorithms/rde/krylov.h>
#include <regrad/algorithms/rde/krylov_basis.h>
#include <regrad/algorithms/rde/products.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/memory.h>
#include <regrad/engine/kernels/lapack.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace regrad::rde::detail {
namespace {

// Of a block: the fewer, the fewer dimensions are needed, but K is read once a block.
constexpr int64_t width = 8;
constexpr double null = 1e-12;  // a direction below this, relative to K's size, is none

size_t u(int64_t i) { return static_cast<size_t>(i); }

// Ascending eigenvalues w of a [m,m], whose row j becomes the vector of w[j].
void eigen(int64_t m, double* a, double* w) {
  const regrad::detail::Scratch scratch(kernels::eigh_scratch<double>(true, m));
  if (kernels::eigh(true, m, a, w, scratch.as<void>()))
    throw NumericError("kernel PCA: the eigenvalues of a matrix of " + std::to_string(m) +
                       " rows did not converge");
}

void make_positive(double* v, int64_t n) {
  double most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::abs(v[i]));
  for (int64_t i = 0; i < n; ++i)
    if (std::abs(v[i]) >= most * (1 - 1e-4)) {
      if (v[i] < 0)
        for (int64_t j = 0; j < n; ++j) v[j] = -v[j];
      return;
    }
}

// a [p,q] b [q,r]
Vector times(const Vector& a, const Vector& b, int64_t p, int64_t q, int64_t r) {
  Vector c(u(p * r));
  for (int64_t i = 0; i < p; ++i)
    for (int64_t k = 0; k < q; ++k)
      for (int64_t j = 0; j < r; ++j) c[u(i * r + j)] += a[u(i * q + k)] * b[u(k * r + j)];
  return c;
}

class Lanczos {
 public:
  Lanczos(int64_t n, int64_t count, double tolerance, const Random& random)
      : n_(n), count_(count), tolerance_(tolerance), random_(random), basis_(n) {
    basis_.need(std::min(n, 8 * count + width));
  }

  // Nothing where half of all dimensions were not enough.
  template <class F>
  Eigenpairs run(F&& apply) {
    begin();
    for (int64_t check = 4 * count_; basis_.m <= n_ / 2;) {
      step(apply);
      const bool ended = fresh() == 0;
      if (!ended && done_ < check) continue;
      const int64_t good = judge();
      if (good == count_ && (ended ? settled() : !ended_before_)) return pairs();
      if (ended) begin();
      // Pairs become good from the largest on, the later the faster.
      const int64_t more = (count_ - good) * done_ / (2 * std::max<int64_t>(1, good));
      check = done_ + std::clamp(more, 2 * width, std::max(2 * count_, 2 * width));
    }
    return {};
  }

 private:
  // Of the newest block, which K was not applied to yet; 0: the Krylov space is invariant.
  int64_t fresh() const { return basis_.m - done_; }

  // A block of random directions that are orthogonal to all before.
  void begin() {
    Block block(n_, width);
    const Random r = random_ / basis_.m;
    for (int64_t i = 0; i < n_ * width; ++i) block.data()[i] = r.normal(static_cast<uint64_t>(i));
    block.orthonormalize(0);
    clean(block);
    basis_.append(block.data(), width);
    coupling_.clear();
  }
  // Makes Q [n,b] orthogonal to the whole basis and orthonormal again; returns the R of that.
  Vector clean(Block& q) const {
    const int64_t b = q.columns();
    Vector all;
    for (int pass = 0; pass < 3; ++pass) {
      basis_.subtract(basis_.project(q.data(), b, 0), q.data(), b, 0);
      const Vector r = q.orthonormalize(0);
      all = pass ? times(r, all, b, b, b) : r;
      double least = 1;
      for (int64_t i = 0; i < b; ++i) least = std::min(least, r[u(i * b + i)]);
      if (least > 0.7) break;
    }
    return all;
  }

  template <class F>
  void step(F&& apply) {
    const int64_t b = fresh(), before = coupling_.empty() ? 0 : last_;
    Block w(n_, b);
    Vector v(u(n_ * b));
    for (int64_t i = 0; i < n_; ++i)
      std::copy_n(basis_.columns + i * basis_.room + done_, b, v.data() + i * b);
    apply(v.data(), b, w.data());
    const Vector own = basis_.project(w.data(), b, done_);
    grow(own, b, before);
    Vector h(u((before + b) * b));  // R_j^T above T_jj
    for (int64_t i = 0; i < before; ++i)
      for (int64_t j = 0; j < b; ++j) h[u(i * b + j)] = coupling_[u(j * before + i)];
    std::copy(own.begin(), own.end(), h.begin() + before * b);
    basis_.subtract(h, w.data(), b, done_ - before);
    for (int64_t i = 0; i < b; ++i) size_ = std::max(size_, std::abs(own[u(i * b + i)]));
    const int64_t near = done_ - before;
    basis_.subtract(basis_.project(w.data(), b, near), w.data(), b, near);
    coupling_ = w.orthonormalize(std::max(null * size_, 1e-290));
    // Against the whole basis every other time: what one step without it loses (some 1e-13) does
    // not reach the step after the next. Always where W came out small beside K.
    double least = size_;
    for (int64_t i = 0; i < w.columns(); ++i) least = std::min(least, coupling_[u(i * b + i)]);
    cleaned_ = !cleaned_ || w.columns() < b || least < 1e-3 * size_;
    if (w.columns() && cleaned_)
      coupling_ = times(clean(w), coupling_, w.columns(), w.columns(), b);
    done_ += b;
    last_ = b;
    basis_.append(w.data(), w.columns());
  }

  // T's next rows, from `reach` columns left of the diagonal on: the coupling to the block before,
  // then the block T_jj.
  static constexpr int64_t reach = 2 * width;
  void grow(const Vector& own, int64_t b, int64_t before) {
    for (int64_t i = 0; i < b; ++i) {
      band_.resize(band_.size() + reach);
      double* row = band_.data() + (done_ + i) * reach + reach - i - 1;  // its element (row, done_)
      for (int64_t j = 0; j <= i; ++j) row[j] = 0.5 * (own[u(i * b + j)] + own[u(j * b + i)]);
      for (int64_t j = 0; j < before; ++j) row[j - before] = coupling_[u(i * before + j)];
    }
  }
  Vector whole() const {
    Vector t(u(done_ * done_));
    for (int64_t i = 0; i < done_; ++i)
      for (int64_t j = std::max<int64_t>(0, i + 1 - reach); j <= i; ++j)
        t[u(i * done_ + j)] = t[u(j * done_ + i)] = band_[u(i * reach + reach - 1 - i + j)];
    return t;
  }

  // Eigenpairs of T; how many of those wanted are close enough, from the largest on.
  int64_t judge() {
    const int64_t m = done_;
    if (m < count_) return 0;
    y_ = whole();
    theta_.resize(u(m));
    eigen(m, y_.data(), theta_.data());
    const double floor = 1e-13 * std::max(std::abs(theta_[0]), std::abs(theta_[u(m - 1)]));
    for (int64_t j = m - 1; j >= m - count_; --j) {
      double gap = std::numeric_limits<double>::infinity();
      if (j > 0) gap = theta_[u(j)] - theta_[u(j - 1)];
      if (j + 1 < m) gap = std::min(gap, theta_[u(j + 1)] - theta_[u(j)]);
      if (residual(j) > std::max(floor, tolerance_ * gap)) return m - 1 - j;
    }
    return count_;
  }
  double residual(int64_t j) const {
    const double* y = y_.data() + j * done_ + done_ - last_;
    double sum = 0;
    for (int64_t i = 0; i < fresh(); ++i) {
      const double r = dot(coupling_.data() + i * last_, y, last_);
      sum += r * r;
    }
    return std::sqrt(sum);
  }
  // An invariant space holds at most `width` copies of an eigenvalue, so another one is begun; it
  // is enough once that changed nothing.
  bool settled() {
    ended_before_ = true;
    const Vector now(theta_.end() - count_, theta_.end());
    bool same = !seen_.empty();
    for (size_t i = 0; same && i < now.size(); ++i)
      same = std::abs(now[i] - seen_[i]) <= 1e-11 * size_;
    seen_ = now;
    return same;
  }

  Eigenpairs pairs() const {
    Eigenpairs out;
    out.dimensions = done_;
    out.vectors.resize(u(count_ * n_));
    for (int64_t j = 0; j < count_; ++j) out.values.push_back(theta_[u(done_ - 1 - j)]);
    Vector y(u(count_ * done_));  // the last rows of y_, the last one first
    for (int64_t j = 0; j < count_; ++j)
      std::copy_n(y_.data() + (done_ - 1 - j) * done_, done_, y.data() + j * done_);
    product(count_, n_, done_, {y.data(), done_, 1}, {basis_.rows, n_, 1}, out.vectors.data(), n_);
    for (int64_t j = 0; j < count_; ++j) make_positive(out.vectors.data() + j * n_, n_);
    return out;
  }

  int64_t n_, count_;
  double tolerance_;
  Random random_;
  Basis basis_;
  int64_t done_ = 0, last_ = 0;  // columns of V that T is of; how many of them came last
  Vector band_{};                // T's lower triangle: the last `reach` elements of each row
  Vector coupling_{};            // R of the newest block, [fresh, last]
  Vector theta_{}, y_{};         // of T, ascending; vectors as rows
  double size_ = 0;              // of K, about
  Vector seen_{};
  bool ended_before_ = false, cleaned_ = true;
};

}  // namespace

Eigenpairs largest(int64_t n, int64_t count,
                   const std::function<void(const double* v, int64_t b, double* w)>& apply,
                   double tolerance, const Random& random) {
  return Lanczos(n, count, tolerance, random).run(apply);
}

Eigenpairs largest_of_all(int64_t n, int64_t count, double* a) {
  Vector w(u(n));
  eigen(n, a, w.data());
  Eigenpairs out;
  out.dimensions = n;
  for (int64_t j = n - 1; j >= n - count; --j) {
    out.values.push_back(w[u(j)]);
    make_positive(a + j * n, n);
    out.vectors.insert(out.vectors.end(), a + j * n, a + (j + 1) * n);
  }
  return out;
}

}  // namespace regrad::rde::detail

#include <regrad/algorithms/rde/word_vectors.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace regrad::rde {
namespace {

constexpr double smoothing = 0.75;

// A sparse matrix by rows.
struct Rows {
  std::vector<std::vector<std::pair<int64_t, double>>> of;

  // this x, x f64 [n,d] contiguous; each row's sum in the order of its entries.
  Tensor times(const Tensor& x) const {
    const int64_t d = x.size(1), n = static_cast<int64_t>(of.size());
    std::vector<double> out(static_cast<size_t>(n * d), 0.0);
    const double* from = x.data<double>();
    parallel_for(n, [&](int64_t i) {
      double* to = out.data() + i * d;
      for (const auto& [j, v] : of[static_cast<size_t>(i)])
        for (int64_t k = 0; k < d; ++k) to[k] += v * from[j * d + k];
    });
    return tensor(out, {n, d}, DType::f64);
  }
  Rows transposed() const {
    Rows t;
    t.of.resize(of.size());
    for (size_t i = 0; i < of.size(); ++i)
      for (const auto& [j, v] : of[i])
        t.of[static_cast<size_t>(j)].emplace_back(static_cast<int64_t>(i), v);
    return t;
  }
};

Rows counts_of(const std::vector<std::vector<int64_t>>& texts, int64_t vocabulary,
               const WordVectorOptions& o) {
  std::vector<int64_t> places(static_cast<size_t>(vocabulary), 0);
  for (const auto& text : texts)
    for (const int64_t id : text) {
      if (id < 0 || id >= vocabulary)
        throw ConfigError("word_vectors: id " + std::to_string(id) + " of a vocabulary of " +
                          std::to_string(vocabulary));
      ++places[static_cast<size_t>(id)];
    }
  std::vector<std::map<int64_t, double>> counts(static_cast<size_t>(vocabulary));
  const auto common = [&](int64_t id) { return places[static_cast<size_t>(id)] >= o.least; };
  for (const auto& text : texts) {
    const auto n = static_cast<int64_t>(text.size());
    for (int64_t i = 0; i < n; ++i)
      for (int64_t k = std::max<int64_t>(0, i - o.window); k < std::min(n, i + o.window + 1); ++k) {
        const int64_t a = text[static_cast<size_t>(i)], b = text[static_cast<size_t>(k)];
        if (k != i && common(a) && common(b)) ++counts[static_cast<size_t>(a)][b];
      }
  }
  Rows out;
  for (const auto& row : counts) out.of.emplace_back(row.begin(), row.end());
  return out;
}

Rows ppmi(Rows counts) {
  std::vector<double> sums(counts.of.size(), 0.0);
  double all = 0, smooth = 0;
  for (size_t i = 0; i < counts.of.size(); ++i)
    for (const auto& [j, c] : counts.of[i]) sums[i] += c;
  for (const double s : sums) all += s, smooth += std::pow(s, smoothing);
  for (size_t i = 0; i < counts.of.size(); ++i) {
    auto& row = counts.of[i];
    for (auto& [j, c] : row) {
      const double context = std::pow(sums[static_cast<size_t>(j)], smoothing) * all / smooth;
      c = std::max(0.0, std::log(c * all / (sums[i] * context)));
    }
    row.erase(std::remove_if(row.begin(), row.end(), [](const auto& e) { return e.second == 0; }),
              row.end());
  }
  return counts;
}

}  // namespace

Tensor word_vectors(const std::vector<std::vector<int64_t>>& texts, int64_t vocabulary,
                    const WordVectorOptions& o, const Random& r) {
  if (o.dimensions < 1 || o.window < 1 || o.iterations < 1 || o.dimensions > vocabulary)
    throw ConfigError("word_vectors: " + std::to_string(o.dimensions) + " dimensions of " +
                      std::to_string(vocabulary) + " words, window " + std::to_string(o.window) +
                      ", " + std::to_string(o.iterations) + " iterations; each is at least 1");
  const NoGrad quiet;
  const Rows m = ppmi(counts_of(texts, vocabulary, o)), t = m.transposed();
  const int64_t more = std::min(vocabulary, o.dimensions + 20);
  Tensor q = qr(m.times(normal(r, {vocabulary, more}, 0, 1, DType::f64))).q.contiguous();
  for (int64_t i = 0; i < o.iterations; ++i) {
    const Tensor z = qr(t.times(q)).q.contiguous();
    q = qr(m.times(z)).q.contiguous();
  }
  // m ~ q (q^T m): the small factor's singular vectors
  const Svd small = svd(t.times(q).transpose(0, 1).contiguous());
  const Tensor u = matmul(q, slice(small.u, 1, 0, o.dimensions).contiguous());
  const Tensor x = u * sqrt(slice(small.s, 0, 0, o.dimensions));
  const Tensor length = sqrt(sum(square(x), {1}, true));
  // a word without company has no direction
  return where(length > 1e-9, x / clamp_min(length, 1e-9), zeros_like(x)).contiguous();
}

std::vector<std::pair<int64_t, double>> neighbours(const Tensor& vectors, int64_t of, int64_t most,
                                                   double least) {
  const Tensor x = vectors.contiguous();
  const int64_t n = x.size(0), d = x.size(1);
  if (of < 0 || of >= n)
    throw ShapeError("neighbours: row " + std::to_string(of) + " of " + std::to_string(n));
  const double* p = x.data<double>();
  std::vector<std::pair<double, int64_t>> near;
  for (int64_t i = 0; i < n; ++i) {
    double dot = 0, own = 0;
    for (int64_t k = 0; k < d; ++k) {
      dot += p[i * d + k] * p[of * d + k];
      own += p[i * d + k] * p[i * d + k];
    }
    if (i != of && own > 0 && dot >= least) near.emplace_back(-dot, i);
  }
  const auto kept = static_cast<std::ptrdiff_t>(
      std::min(near.size(), static_cast<size_t>(std::max<int64_t>(0, most))));
  std::partial_sort(near.begin(), near.begin() + kept, near.end());
  std::vector<std::pair<int64_t, double>> out;
  for (auto it = near.begin(); it != near.begin() + kept; ++it)
    out.emplace_back(it->second, -it->first);
  return out;
}

}  // namespace regrad::rde

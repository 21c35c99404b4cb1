#include <regrad/algorithms/sdssl/checks.h>
#include <regrad/algorithms/sdssl/knn.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad::sdssl {
namespace {

constexpr int64_t queries_a_block = 256, rows_a_task = 16;

struct Neighbour {
  double similarity;
  int64_t row;
};
bool nearer(const Neighbour& a, const Neighbour& b) {
  return a.similarity > b.similarity || (a.similarity == b.similarity && a.row < b.row);
}

// The k nearest of n, nearest first.
template <class T>
std::vector<Neighbour> nearest(const T* similarity, int64_t n, int64_t k) {
  std::vector<Neighbour> heap;  // its front is the furthest
  for (int64_t j = 0; j < n; ++j) {
    const Neighbour one{static_cast<double>(similarity[j]), j};
    if (j >= k) {
      if (!nearer(one, heap.front())) continue;
      std::pop_heap(heap.begin(), heap.end(), nearer);
      heap.pop_back();
    }
    heap.push_back(one);
    std::push_heap(heap.begin(), heap.end(), nearer);
  }
  std::sort(heap.begin(), heap.end(), nearer);
  return heap;
}

// Weights relative to the nearest's, which no temperature overflows: shares are the same.
void share(const std::vector<Neighbour>& near, const int64_t* labels, double temperature,
           double* scores, int64_t classes) {
  double total = 0;
  for (const Neighbour& one : near) {
    const double w = std::exp((one.similarity - near.front().similarity) / temperature);
    scores[labels[one.row]] += w;
    total += w;
  }
  for (int64_t c = 0; c < classes; ++c) scores[c] /= total;
}

void check(const Tensor& bank, const Tensor& labels, int64_t classes, const Tensor& queries,
           const KnnOptions& options) {
  if (bank.dim() != 2 || queries.dim() != 2 || bank.size(1) != queries.size(1))
    throw ShapeError("knn_scores: bank is [n,d] and queries [m,d], not " + str(bank.shape()) +
                     " and " + str(queries.shape()));
  if (bank.dtype() != queries.dtype())
    throw DTypeError(std::string("knn_scores: the bank is ") + name(bank.dtype()) + ", queries " +
                     name(queries.dtype()));
  detail::check_features("knn_scores", bank);
  detail::check_features("knn_scores", queries);
  detail::check_labels("knn_scores", labels, bank.size(0), classes);
  if (options.k < 1 || options.k > bank.size(0))
    throw ConfigError("knn_scores: k is " + std::to_string(options.k) + " of " +
                      std::to_string(bank.size(0)) + " rows");
  if (!(options.temperature > 0) || !std::isfinite(options.temperature))
    throw ConfigError("knn_scores: the temperature must be above 0");
}

}  // namespace

Tensor l2_normalize(const Tensor& x) { return x / clamp_min(norm(x, 2, {-1}, true), 1e-12); }

Tensor knn_scores(const Tensor& bank, const Tensor& labels, int64_t classes, const Tensor& queries,
                  const KnnOptions& options) {
  check(bank, labels, classes, queries, options);
  return typed_memory([&] {
    const NoGrad quiet;
    const int64_t n = bank.size(0), m = queries.size(0);
    const Tensor x = l2_normalize(bank), q = l2_normalize(queries), y = labels.contiguous();
    std::vector<double> scores(static_cast<size_t>(m * classes));
    for (int64_t first = 0; first < m; first += queries_a_block) {
      const int64_t last = std::min(m, first + queries_a_block);
      const Tensor similarity = matmul(slice(q, 0, first, last), x.mT()).contiguous();
      parallel_for((last - first + rows_a_task - 1) / rows_a_task, [&](int64_t task) {
        const int64_t from = task * rows_a_task, to = std::min(last - first, from + rows_a_task);
        for (int64_t i = from; i < to; ++i)
          share(similarity.dtype() == DType::f32
                    ? nearest(similarity.data<float>() + i * n, n, options.k)
                    : nearest(similarity.data<double>() + i * n, n, options.k),
                y.data<int64_t>(), options.temperature, scores.data() + (first + i) * classes,
                classes);
      });
    }
    return tensor(scores, {m, classes}, DType::f64);
  });
}

Tensor knn_predict(const Tensor& bank, const Tensor& labels, int64_t classes, const Tensor& queries,
                   const KnnOptions& options) {
  return argmax(knn_scores(bank, labels, classes, queries, options), 1);
}

std::vector<double> knn_accuracy(const Tensor& bank, const Tensor& labels, int64_t classes,
                                 const Tensor& queries, const Tensor& truth,
                                 const KnnOptions& options) {
  const Tensor x = detail::by_layer("knn_accuracy", bank),
               q = detail::by_layer("knn_accuracy", queries);
  if (x.size(1) != q.size(1))
    throw ShapeError("knn_accuracy: " + std::to_string(x.size(1)) + " layers of the bank, " +
                     std::to_string(q.size(1)) + " of the queries");
  detail::check_labels("knn_accuracy", truth, q.size(0), classes);
  std::vector<double> out;
  for (int64_t l = 0; l < x.size(1); ++l)
    out.push_back(detail::share_of_equal(
        knn_predict(select(x, 1, l), labels, classes, select(q, 1, l), options), truth));
  return out;
}

}  // namespace regrad::sdssl

#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <limits>
#include <string>
#include <unordered_map>

namespace regrad {

Tensor masked_fill(const Tensor& x, const Tensor& mask, double value) {
  const detail::Called as("masked_fill(x, mask)", x, mask);
  if (broadcast(mask.shape(), x.shape(), "masked_fill") != x.shape()) {
    throw ShapeError("masked_fill: mask " + str(mask.shape()) + " does not broadcast to " +
                     str(x.shape()));
  }
  return where(mask, scalar(value, x.dtype()), x);
}

Tensor one_hot(const Tensor& index, int64_t classes) {
  const detail::Called as("one_hot(index)", index);
  if (index.dtype() != DType::i64)
    throw DTypeError(std::string("one_hot: the index is ") + name(index.dtype()) + ", must be i64");
  const std::vector<int64_t> all = index.to_vector<int64_t>();
  int64_t largest = -1;
  for (int64_t i : all) {
    if (i < 0) throw ShapeError("one_hot: negative index");
    largest = std::max(largest, i);
  }
  if (classes < 0 && index.numel() == 0)
    throw ShapeError("one_hot: no index to take the number of classes from");
  if (classes >= 0 && largest >= classes)
    throw ShapeError("one_hot: index " + std::to_string(largest) + " of " +
                     std::to_string(classes) + " classes");
  const int64_t n = classes < 0 ? largest + 1 : classes;
  return to(eq(unsqueeze(index, -1), arange(0, static_cast<double>(n))), DType::i64);
}

namespace {

// The flat position of each index tuple among x's first dims, and their common shape.
Tensor flat_positions(const Tensor& x, TensorList indices) {
  if (indices.size() == 0 || indices.size() > x.dim())
    throw ShapeError("index_put: " + std::to_string(indices.size()) + " indices for " +
                     str(x.shape()));
  Shape sizes;
  for (const Tensor& i : indices) {
    if (i.dtype() != DType::i64)
      throw DTypeError(std::string("index_put: an index is ") + name(i.dtype()) + ", must be i64");
    sizes = broadcast(sizes, i.shape(), "index_put");
  }
  Tensor at = zeros(sizes, DType::i64);
  for (int d = 0; d < indices.size(); ++d) {
    const int64_t n = x.shape()[d];
    for (int64_t i : indices[d].to_vector<int64_t>()) {
      if (i < -n || i >= n)
        throw ShapeError("index_put: index " + std::to_string(i) + " is outside dim " +
                         std::to_string(d) + " of " + str(x.shape()));
    }
    const Tensor positive =
        where(indices[d] < scalar(0, DType::i64),
              indices[d] + scalar(static_cast<double>(n), DType::i64), indices[d]);
    at = at * static_cast<double>(n) + positive;
  }
  return at;
}

// The entries that no later entry overwrites.
std::vector<double> winners(const Tensor& at) {
  const std::vector<int64_t> position = at.to_vector<int64_t>();
  std::unordered_map<int64_t, size_t> last;
  for (size_t i = 0; i < position.size(); ++i) last[position[i]] = i;
  std::vector<double> out;
  for (size_t i = 0; i < position.size(); ++i)
    if (last[position[i]] == i) out.push_back(static_cast<double>(i));
  return out;
}

}  // namespace

Tensor index_put(const Tensor& x, TensorList indices, const Tensor& values, bool accumulate) {
  const detail::Called as("index_put(x, indices, values)", x, indices, values);
  if (x.dtype() > DType::i64)
    return index_put(x.to(DType::i64), indices, values.to(DType::i64), accumulate).to(x.dtype());
  Tensor at;
  {
    const NoGrad quiet;
    at = flat_positions(x, indices);
  }
  const int n = static_cast<int>(indices.size());
  Shape value_sizes = at.shape(), rows{1};
  for (int d = 0; d < n; ++d) rows[0] *= x.shape()[d];
  for (int d = n; d < x.dim(); ++d) {
    value_sizes.push_back(x.shape()[d]);
    rows.push_back(x.shape()[d]);
  }
  if (broadcast(values.shape(), value_sizes, "index_put") != value_sizes) {
    throw ShapeError("index_put: values " + str(values.shape()) + " do not broadcast to " +
                     str(value_sizes));
  }
  Shape entries = rows;
  entries[0] = at.numel();
  Tensor source = reshape(expand(values, value_sizes), entries), base = reshape(x, rows);
  Tensor index = reshape(at, {at.numel()});
  if (!accumulate) {
    const std::vector<double> kept = winners(at);
    const Tensor keep = tensor(kept, {static_cast<int64_t>(kept.size())}, DType::i64);
    source = index_select(source, 0, keep);
    index = index_select(index, 0, keep);
    entries[0] = keep.numel();
  }
  Shape column = entries;
  for (int d = 1; d < column.size(); ++d) column[d] = 1;
  const Tensor spread = expand(reshape(index, column), entries);
  if (!accumulate) {
    const Tensor written =
        scatter_add(zeros(rows, DType::i64), 0, spread, ones(entries, DType::i64));
    base = where(to(written, DType::b8), scalar(0, x.dtype()), base);
  }
  return reshape(scatter_add(base, 0, spread, source), x.shape());
}

Tensor dropout(const Tensor& x, double p, const Random& r) {
  const detail::Called as("dropout(x)", x);
  if (!(p >= 0 && p <= 1)) throw ConfigError("dropout: p " + decimal(p) + " is outside [0, 1]");
  if (p == 0) return x;
  const Tensor zero = scalar(0, x.dtype());
  if (p == 1) return where(zeros(x.shape(), DType::b8), x, zero);
  const Tensor u = uniform(r, x.shape(), 0, 1, x.dtype());
  return where(u >= scalar(p, x.dtype()), x * (1 / (1 - p)), zero);
}

Tensor gumbel_softmax(const Tensor& logits, const Random& r, double tau, bool hard, int64_t dim) {
  const detail::Called as("gumbel_softmax(logits)", logits);
  if (!(tau > 0)) throw ConfigError("gumbel_softmax: tau " + decimal(tau) + " must be above 0");
  if (logits.dim() == 0) {  // a number is a vector of one
    wrap_dim(dim, 1, "gumbel_softmax");
    return squeeze(gumbel_softmax(unsqueeze(logits, 0), r, tau, hard, 0), 0);
  }
  // -log(-log u), u in (0, 1): 1 - u keeps clear of 0, and a u of 0 gives log 1 = 0, which the
  // small number keeps from infinity.
  const Tensor u = uniform(r, logits.shape(), 0, 1, logits.dtype());
  const Tensor noise = -log(-log1p(-u) + std::numeric_limits<float>::min());
  const Tensor soft = softmax((logits + noise) / tau, dim);
  if (!hard) return soft;
  const int d = wrap_dim(dim, logits.dim(), "gumbel_softmax");
  const Tensor hit = to(one_hot(argmax(soft.detach(), d), logits.size(d)), logits.dtype());
  Dims back;  // one_hot puts the classes last
  for (int i = 0; i < logits.dim(); ++i)
    back.push_back(i < d ? i : i == d ? logits.dim() - 1 : i - 1);
  return ste(permute(hit, back), soft);
}

Tensor stop_gradient(const Tensor& x) {
  const detail::Called as("stop_gradient(x)", x);
  return x.detach();
}

// forward + (gradient - its value): the difference is exactly 0 wherever gradient is finite.
Tensor ste(const Tensor& forward, const Tensor& gradient) {
  const detail::Called as("ste(forward, gradient)", forward, gradient);
  if (forward.shape() != gradient.shape())
    throw ShapeError("ste: forward " + str(forward.shape()) + " and gradient " +
                     str(gradient.shape()) + " differ");
  return forward.detach() + (gradient - gradient.detach());
}

}  // namespace regrad

// Random calls of the public functions with whatever shapes, dtypes, dims and values: each must end
// in a typed error or in a right answer, and the engine must go on.
//
//   fuzz-api CALLS SEED
//   # prints how many calls gave answers and how many gave errors; exits 1 at the first wrong one,
//       which it names
//
// Two kinds of right answers are checked. Rows: against the row's own reference in double. All
// functions: every element can be read; where the result has a graph, its gradients exist and have
// their inputs' shapes; f64 and f32 agree on whether the call is allowed.
#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/random.h>
#include <regrad/engine/sparse.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>

using namespace regrad;

namespace {

// A stream of choices; the same seed and call make the same ones.
class Draw {
 public:
  explicit Draw(const Random& r) : r_(r) {}
  int64_t whole(int64_t low, int64_t high) { return low + r_.integer(n_++, high - low + 1); }
  double real() { return -3 + 6 * r_.uniform(n_++); }
  bool once_in(int64_t n) { return whole(1, n) == 1; }

  Shape shape(int most = 4) {
    Shape s;
    for (int64_t d = whole(0, most); d > 0; --d) s.push_back(once_in(8) ? 0 : whole(1, 4));
    return s;
  }
  DType dtype() {
    const int64_t k = whole(0, 11);
    return k < 7    ? DType::f64
           : k < 8  ? DType::f32
           : k < 10 ? DType::i64
           : k < 11 ? DType::u8
                    : DType::b8;
  }
  Tensor tensor_of(const Shape& s, DType t) {
    std::vector<double> v(static_cast<size_t>(s.numel()));
    for (double& x : v) {
      x = t == DType::u8    ? static_cast<double>(whole(0, 5))
          : t == DType::b8  ? static_cast<double>(whole(0, 1))
          : t == DType::i64 ? static_cast<double>(whole(-2, 3))
                            : real();
      if (is_floating(t) && once_in(40))
        x = once_in(2) ? std::numeric_limits<double>::quiet_NaN()
                       : std::numeric_limits<double>::infinity();
    }
    Tensor x = regrad::tensor(v, s, t);
    if (x.dim() >= 2 && once_in(4)) x = contiguous(x.mT()).mT();
    return x;
  }
  // Mostly like the tensors drawn before it in the same call, so that calls succeed often enough to
  // be worth something.
  Tensor tensor(bool related) {
    if (!related || once_in(4) || last_.empty()) last_ = shape();
    if (!once_in(6)) {
      if (once_in(3) && !last_.empty()) last_[static_cast<int>(whole(0, last_.size() - 1))] = 1;
    }
    return tensor_of(last_, once_in(3) ? dtype() : DType::f64);
  }
  Tensor x() { return tensor(true); }
  Tensor index() { return tensor_of(shape(2), once_in(10) ? dtype() : DType::i64); }
  int64_t dim() { return whole(-4, 4); }
  Dims dims() {
    Dims d;
    for (int64_t k = whole(0, 3); k > 0; --k) d.push_back(dim());
    return d;
  }
  Shape sizes() {
    Shape s;
    for (int64_t k = whole(0, 4); k > 0; --k) s.push_back(once_in(6) ? whole(-3, -1) : whole(0, 5));
    return s;
  }
  bool flag() { return once_in(2); }
  Random stream() { return r_ / whole(0, 100); }

 private:
  Random r_;
  uint64_t n_ = 0;
  Shape last_;
};

using Attempt = std::function<Tensor(Draw&)>;

// With those that rows.def names as public functions of one or two tensors.
std::map<std::string, Attempt> with_rows(std::map<std::string, Attempt> given) {
#define X(name)
#define X1(name) given[#name] = [](Draw& d) { return name(d.x()); };
#define X2(name) given[#name] = [](Draw& d) { return name(d.x(), d.x()); };
#include <regrad/engine/ops/rows.def>
  return given;
}

const std::map<std::string, Attempt>& functions() {
  static const std::map<std::string, Attempt> list = with_rows({
      {"add", [](Draw& d) { return add(d.x(), d.x(), d.real()); }},
      {"sub", [](Draw& d) { return sub(d.x(), d.x()); }},
      {"affine", [](Draw& d) { return affine(d.x(), d.real(), d.real()); }},
      {"neg", [](Draw& d) { return neg(d.x()); }},
      {"pow", [](Draw& d) { return pow(d.x(), d.x()); }},
      {"pow_scalar", [](Draw& d) { return pow(d.x(), d.real()); }},
      {"clamp", [](Draw& d) { return clamp(d.x(), d.real(), d.real()); }},
      {"clamp_max", [](Draw& d) { return clamp_max(d.x(), d.real()); }},
      {"nan_to_num", [](Draw& d) { return nan_to_num(d.x()); }},
      {"isfinite", [](Draw& d) { return isfinite(d.x()); }},
      {"logical_xor", [](Draw& d) { return logical_xor(d.x(), d.x()); }},
      {"cumprod", [](Draw& d) { return cumprod(d.x(), d.dim()); }},
      {"round", [](Draw& d) { return round(d.x()); }},
      {"minimum", [](Draw& d) { return minimum(d.x(), d.x()); }},
      {"maximum", [](Draw& d) { return maximum(d.x(), d.x()); }},
      {"where", [](Draw& d) { return where(d.x(), d.x(), d.x()); }},
      {"sum", [](Draw& d) { return sum(d.x(), d.dims(), d.flag()); }},
      {"mean", [](Draw& d) { return mean(d.x(), d.dims(), d.flag()); }},
      {"amax", [](Draw& d) { return amax(d.x(), d.dims(), d.flag()); }},
      {"argmax", [](Draw& d) { return argmax(d.x(), d.dim(), d.flag()); }},
      {"max", [](Draw& d) { return max(d.x(), d.dim(), d.flag()).values; }},
      {"logsumexp", [](Draw& d) { return logsumexp(d.x(), d.dims(), d.flag()); }},
      {"softmax", [](Draw& d) { return softmax(d.x(), d.dim()); }},
      {"log_softmax", [](Draw& d) { return log_softmax(d.x(), d.dim()); }},
      {"argsort", [](Draw& d) { return argsort(d.x(), d.dim(), d.flag()); }},
      {"sort", [](Draw& d) { return sort(d.x(), d.dim(), d.flag()).values; }},
      {"topk", [](Draw& d) { return topk(d.x(), d.whole(-1, 5), d.dim(), d.flag()).values; }},
      {"cumsum", [](Draw& d) { return cumsum(d.x(), d.dim()); }},
      {"reshape", [](Draw& d) { return reshape(d.x(), d.sizes()); }},
      {"flatten", [](Draw& d) { return flatten(d.x(), d.dim(), d.dim()); }},
      {"transpose", [](Draw& d) { return transpose(d.x(), d.dim(), d.dim()); }},
      {"permute", [](Draw& d) { return permute(d.x(), d.dims()); }},
      {"expand", [](Draw& d) { return expand(d.x(), d.sizes()); }},
      {"unsqueeze", [](Draw& d) { return unsqueeze(d.x(), d.dim()); }},
      {"squeeze", [](Draw& d) { return squeeze(d.x(), d.dim()); }},
      {"slice",
       [](Draw& d) {
         return slice(d.x(), d.dim(), d.whole(-6, 6), d.whole(-6, 6), d.whole(-1, 3));
       }},
      {"select", [](Draw& d) { return select(d.x(), d.dim(), d.whole(-5, 5)); }},
      {"unslice",
       [](Draw& d) {
         return unslice(d.x(), d.dim(), d.whole(-1, 9), d.whole(-1, 4), d.whole(0, 3));
       }},
      {"to", [](Draw& d) { return to(d.x(), d.dtype()); }},
      {"cat", [](Draw& d) { return cat({d.x(), d.x(), d.x()}, d.dim()); }},
      {"stack", [](Draw& d) { return stack({d.x(), d.x()}, d.dim()); }},
      {"index_select", [](Draw& d) { return index_select(d.x(), d.dim(), d.index()); }},
      {"gather", [](Draw& d) { return gather(d.x(), d.dim(), d.index()); }},
      {"scatter_add", [](Draw& d) { return scatter_add(d.x(), d.dim(), d.index(), d.x()); }},
      {"matmul", [](Draw& d) { return matmul(d.x(), d.x()); }},
      {"matmul_square", [](Draw& d) { return matmul(d.x(), d.tensor_of({3, 2}, DType::f64)); }},
      {"addmm", [](Draw& d) { return addmm(d.x(), d.x(), d.x()); }},
      {"linear", [](Draw& d) { return linear(d.x(), d.tensor_of({2, 3}, DType::f64), d.x()); }},
      {"mse_loss", [](Draw& d) { return mse_loss(d.x(), d.x()); }},
      {"l1_loss", [](Draw& d) { return l1_loss(d.x(), d.x()); }},
      {"huber_loss", [](Draw& d) { return huber_loss(d.x(), d.x(), d.real()); }},
      {"kl_div", [](Draw& d) { return kl_div(d.x(), d.x()); }},
      {"bce", [](Draw& d) { return binary_cross_entropy_with_logits(d.x(), d.x()); }},
      {"nll_loss", [](Draw& d) { return nll_loss(d.x(), d.index()); }},
      {"kl_div options",
       [](Draw& d) {
         return kl_div(d.x(), d.x(), {static_cast<Reduction>(d.whole(0, 3)), d.flag()});
       }},
      {"bce options",
       [](Draw& d) {
         return binary_cross_entropy_with_logits(d.x(), d.x(), {d.x(), d.x(),
             static_cast<Reduction>(d.whole(0, 2))});
       }},
      {"cross_entropy options", [](Draw& d) {
         const Tensor x = d.once_in(3) ? d.x() : d.tensor_of({3, 4}, DType::f64), y = d.flag() 
             ? d.tensor_of({3}, DType::i64) : d.tensor_of({3, 4}, DType::f64);
         const Tensor w = d.flag() ? d.tensor_of({d.once_in(4) ? 3 : 4}, x.dtype()) : Tensor();
         return cross_entropy(x, y, {w, d.flag() ? std::optional<int64_t>(-1) : std::nullopt,
             d.flag() ? 0.3 : 0.0, static_cast<Reduction>(d.whole(0, 2))});
       }},
      {"cross_entropy", [](Draw& d) { return cross_entropy(d.x(), d.index()); }},
      {"cross_entropy_by_task", [](Draw& d) { return cross_entropy_by_task(d.x(), d.index()); }},
      {"mse_loss_by_task", [](Draw& d) { return mse_loss_by_task(d.x(), d.x()); }},
      {"cosine_similarity", [](Draw& d) { return cosine_similarity(d.x(), d.x(), d.dim()); }},
      {"pairwise_distance", [](Draw& d) { return pairwise_distance(d.x(), d.x(), d.real()); }},
      {"cdist", [](Draw& d) { return cdist(d.x(), d.x(), d.real()); }},
      {"var", [](Draw& d) { return var(d.x(), d.dims(), d.real(), d.flag()); }},
      {"std", [](Draw& d) { return regrad::std(d.x(), d.dims()); }},
      {"norm", [](Draw& d) { return norm(d.x(), d.real(), d.dims(), d.flag()); }},
      {"prod", [](Draw& d) { return prod(d.x(), d.dim(), d.flag()); }},
      {"amin", [](Draw& d) { return amin(d.x(), d.dims(), d.flag()); }},
      {"min", [](Draw& d) { return min(d.x(), d.dim()).values; }},
      {"argmin", [](Draw& d) { return argmin(d.x(), d.dim()); }},
      {"any", [](Draw& d) { return any(d.x(), d.dims(), d.flag()); }},
      {"all", [](Draw& d) { return all(d.x(), d.dims(), d.flag()); }},
      {"standardize", [](Draw& d) { return standardize(d.x(), d.dims()); }},
      {"inv_std", [](Draw& d) { return inv_std(d.x(), d.dims()); }},
      {"layer_norm", [](Draw& d) { return layer_norm(d.x(), d.sizes(), d.x(), d.x()); }},
      {"segment_attention",
       [](Draw& d) { return segment_attention(d.x(), d.x(), d.whole(-1, 3)); }},
      {"attention",
       [](Draw& d) {
         return scaled_dot_product_attention(d.x(), d.x(), d.x(), {.is_causal = d.flag()});
       }},
      {"attention_mask",
       [](Draw& d) { return scaled_dot_product_attention(d.x(), d.x(), d.x(), {.mask = d.x()}); }},
      {"leaky_relu", [](Draw& d) { return leaky_relu(d.x(), d.real()); }},
      {"elu", [](Draw& d) { return elu(d.x(), d.real()); }},
      {"split", [](Draw& d) { return split(d.x(), d.whole(-1, 4), d.dim()).back(); }},
      {"split_sizes",
       [](Draw& d) {
         const Shape s = d.sizes();
         const auto p = split(d.x(), std::vector<int64_t>(s.begin(), s.end()), d.dim());
         return p.empty() ? Tensor() : p.back();
       }},
      {"chunk", [](Draw& d) { return chunk(d.x(), d.whole(-1, 4), d.dim()).back(); }},
      {"pad",
       [](Draw& d) {
         const Shape s = d.sizes();
         return pad(d.x(), {s.begin(), s.end()}, d.flag() ? 0 : d.real());
       }},
      {"flip", [](Draw& d) { return flip(d.x(), d.dims()); }},
      {"roll", [](Draw& d) { return roll(d.x(), d.whole(-9, 9), d.dim()); }},
      {"repeat", [](Draw& d) { return repeat(d.x(), d.sizes()); }},
      {"tril", [](Draw& d) { return tril(d.x(), d.dim()); }},
      {"triu", [](Draw& d) { return triu(d.x(), d.dim()); }},
      {"diagonal", [](Draw& d) { return diagonal(d.x(), d.dim(), d.dim(), d.dim()); }},
      {"outer", [](Draw& d) { return outer(d.x(), d.x()); }},
      {"masked_fill", [](Draw& d) { return masked_fill(d.x(), d.x(), d.real()); }},
      {"one_hot", [](Draw& d) { return one_hot(d.index(), d.whole(-1, 5)); }},
      {"index_put",
       [](Draw& d) { return index_put(d.x(), {d.index(), d.index()}, d.x(), d.flag()); }},
      {"compare a number",
       [](Draw& d) {
         const Tensor x = d.x();
         const double s = d.flag() ? d.real() : static_cast<double>(d.whole(-2, 3));
         return d.flag() ? x == s : d.flag() ? s < x : x >= s;
       }},
      {"assign",
       [](Draw& d) {
         Tensor x = d.x();
         d.flag() ? x += d.x() : d.flag() ? x *= d.real() : d.flag() ? x /= d.x() : x -= 2;
         return x;
       }},
      {"nonzero", [](Draw& d) { return nonzero(d.x()); }},
      {"masked_select",
       [](Draw& d) {
         return masked_select(d.x(), d.once_in(4) ? d.x() : d.x() > 0);
       }},
      {"bincount",
       [](Draw& d) {
         return bincount(d.flag() ? d.tensor_of({d.whole(0, 5)}, DType::u8) : d.index(),
                         d.once_in(3) ? d.x() : Tensor(), d.whole(-1, 4));
       }},
      {"scatter",
       [](Draw& d) {
         return d.flag() ? scatter(d.x(), d.dim(), d.index(), d.x())
                         : scatter(d.x(), d.dim(), d.index(), d.real());
       }},
      {"index_add",
       [](Draw& d) { return index_add(d.x(), d.dim(), d.index(), d.x(), d.real()); }},
      {"embedding",
       [](Draw& d) {
         return embedding(d.index(), d.tensor_of({4, 2}, d.dtype()),
                          d.flag() ? std::optional<int64_t>(d.whole(-5, 4)) : std::nullopt);
       }},
      {"unbind",
       [](Draw& d) {
         const std::vector<Tensor> parts = unbind(d.x(), d.dim());
         return parts.empty() ? Tensor() : parts.back();
       }},
      {"diag", [](Draw& d) { return diag(d.x(), d.whole(-3, 3)); }},
      {"meshgrid",
       [](Draw& d) {
         return meshgrid({d.x(), d.tensor_of({3}, d.dtype())}, d.flag() ? "ij" : "xy")[1];
       }},
      {"linspace",
       [](Draw& d) { return linspace(d.real(), d.real(), d.whole(-1, 6), d.dtype()); }},
      {"median", [](Draw& d) { return d.flag() ? median(d.x()) : median(d.x(), d.dim()).values; }},
      {"quantile",
       [](Draw& d) {
         const auto dim = d.flag() ? std::optional<int64_t>(d.dim()) : std::nullopt;
         if (d.flag()) return quantile(d.x(), d.real() / 4 + 0.5, dim, d.flag());
         return quantile(d.x(), abs(d.tensor_of({d.whole(0, 3)}, DType::f64)) / 3.0, dim, d.flag());
       }},
      {"pad mode",
       [](Draw& d) {
         const Shape s = d.sizes();
         return pad(d.x(), {s.begin(), s.end()}, static_cast<PadMode>(d.whole(0, 3)));
       }},
      {"rms_norm", [](Draw& d) { return rms_norm(d.x(), d.sizes(), d.flag() ? d.x() : Tensor()); }},
      {"smooth_l1_loss", [](Draw& d) { return smooth_l1_loss(d.x(), d.x(), d.real()); }},
      {"max_pool2d",
       [](Draw& d) {
         const PoolOptions o{d.whole(0, 3), d.whole(-1, 2), d.whole(0, 2), d.flag()};
         return d.flag() ? max_pool2d(d.x(), {d.whole(0, 3), d.whole(1, 3)}, o)
                         : max_pool2d_with_indices(d.x(), d.whole(1, 3), o).indices;
       }},
      {"avg_pool2d",
       [](Draw& d) {
         return avg_pool2d(d.x(), d.whole(0, 3), {d.whole(0, 3), d.whole(-1, 2), 1, d.flag()},
                           d.flag());
       }},
      {"pool1d",
       [](Draw& d) {
         const PoolOptions o{d.whole(0, 3), d.whole(-1, 2), 1, d.flag()};
         return d.flag()   ? max_pool1d(d.x(), d.whole(0, 3), o)
                : d.flag() ? avg_pool1d(d.x(), d.whole(0, 3), o, d.flag())
                : d.flag() ? adaptive_avg_pool1d(d.x(), d.whole(0, 3))
                           : adaptive_max_pool1d(d.x(), d.whole(0, 3));
       }},
      {"bicubic",
       [](Draw& d) {
         return interpolate(d.x(), {d.whole(0, 4), d.whole(1, 4)}, Interpolation::bicubic,
                            d.flag());
       }},
      {"conv same",
       [](Draw& d) {
         return conv2d(d.x(), d.tensor_of({2, d.whole(1, 3), d.whole(0, 3), 2}, DType::f64), {},
                       {.padding = "same", .dilation = d.whole(0, 2)});
       }},
      {"conv_transpose1d",
       [](Draw& d) {
         return conv_transpose1d(d.x(), d.tensor_of({d.whole(1, 3), 2, d.whole(0, 3)}, DType::f64),
                                 {}, {.stride = d.whole(0, 3), .padding = d.whole(-1, 2)},
                                 d.whole(-1, 2));
       }},
      {"batch_norm", [](Draw& d) { return batch_norm(d.x(), {}, {}); }},
      {"qr", [](Draw& d) { return d.flag() ? qr(d.x()).q : qr(d.x()).r; }},
      {"pinv", [](Draw& d) { return pinv(d.x()); }},
      {"lstsq", [](Draw& d) { return lstsq(d.x(), d.x()).solution; }},
      {"dropout", [](Draw& d) { return dropout(d.x(), d.real(), d.stream()); }},
      {"gumbel_softmax",
       [](Draw& d) { return gumbel_softmax(d.x(), d.stream(), d.real(), d.flag(), d.dim()); }},
      {"ste", [](Draw& d) { return ste(d.x(), d.x()); }},
      {"einsum",
       [](Draw& d) {
         static const char* equations[] = {"ij,jk->ik", "i,i", "...i,...i->...", "ii->i", "ij->",
             "iij,j", "a.b", "ij,ij->ij"};
         const char* e = equations[d.whole(0, 7)];
         return d.once_in(3) ? einsum(e, TensorList(d.x())) : einsum(e, {d.x(), d.x()});
       }},
      {"eigh", [](Draw& d) { return eigh(d.x()).values; }},
      {"svd", [](Draw& d) { return svd(d.x()).s; }},
      {"cholesky", [](Draw& d) { return cholesky(d.x()); }},
      {"solve", [](Draw& d) { return solve(d.x(), d.x()); }},
      {"inverse", [](Draw& d) { return inverse(d.x()); }},
      {"spmm",
       [](Draw& d) {
         const Csr a = csr_from_edges(d.flag() ? randint(d.stream(), 0, 4, {2, 5}) : d.index(), 4,
             {d.flag(), d.flag(), d.flag() ? DType::f64 : d.dtype()});
         return spmm(d.flag() ? transpose(a) : a, d.once_in(3) ? d.x() : d.tensor_of({4, 2},
             DType::f64));
       }},
      {"sparse_csr_tensor",
       [](Draw& d) {
         return to_dense(sparse_csr_tensor(d.index(), d.index(), d.x(), d.whole(-1, 4), d.whole(-1,
             4)));
       }},
      {"full", [](Draw& d) { return full(d.sizes(), d.real(), d.dtype()); }},
      {"arange",
       [](Draw& d) { return arange(d.real(), d.real(), d.flag() ? d.real() : 1, d.dtype()); }},
      {"eye", [](Draw& d) { return eye(d.whole(-1, 4), d.dtype()); }},
      {"tensor", [](Draw& d) { return tensor({1, 2, 3}, d.sizes(), d.dtype()); }},
      {"uniform", [](Draw& d) { return uniform(d.stream(), d.sizes(), 0, 1, d.dtype()); }},
      {"randint",
       [](Draw& d) { return randint(d.stream(), d.whole(-3, 3), d.whole(-3, 3), d.sizes()); }},
      {"randperm", [](Draw& d) { return randperm(d.stream(), d.whole(-1, 6)); }},
      {"detach", [](Draw& d) { return d.x().detach(); }},
      {"undefined", [](Draw& d) { return d.x() + Tensor(); }},
      {"hvp",
       [](Draw& d) {
         return hvp([](const Tensor& t) { return sum(exp(t)); }, d.x(), d.x()).second;
       }},
      {"jacobian",
       [](Draw& d) {
         return jacobian([](const Tensor& t) { return t * t; }, d.tensor_of(d.shape(2), d.dtype()));
       }},
      {"grad",
       [](Draw& d) {
         const Tensor x = d.tensor_of(d.shape(2), DType::f64).requires_grad_();
         return grad(x * x, x, {.grad_outputs = d.x()});
       }},
  });
  return list;
}

// The gradient of a call with its floating results summed must exist where there is a graph.
std::string check_answer(const Tensor& y) {
  if (!y.defined()) return "";
  const std::vector<double> v = y.to_vector();
  if (static_cast<int64_t>(v.size()) != y.numel())
    return "an answer of " + std::to_string(v.size()) + " elements for shape " + str(y.shape());
  return "";
}

// One row on random inputs: an error, or its reference's value.
std::string row_call(const Op& op, Draw& d, bool& answered) {
  Samples samples;
  op.samples(samples);
  const Sample& s =
      samples.list[static_cast<size_t>(d.whole(0, static_cast<int64_t>(samples.list.size()) - 1))];
  std::vector<Tensor> in;
  for (size_t i = 0; i < s.shapes.size(); ++i) {
    const Domain& domain = s.domains.size() == 1 ? s.domains[0] : s.domains[i];
    const bool index = domain.kind == Domain::index || domain.kind == Domain::csr,
               mask = domain.kind == Domain::mask;
    const Shape shape = d.once_in(3) ? d.shape() : s.shapes[i];
    in.push_back(d.tensor_of(shape, d.once_in(12) ? d.dtype()
                                    : index       ? DType::i64
                                    : mask        ? DType::b8
                                                  : DType::f64));
  }
  std::vector<const Tensor*> pointers;
  for (const Tensor& t : in) pointers.push_back(&t);
  Tensor y;
  y = op.entry ? op.entry(in[0], s.attrs)
               : apply(op, pointers.data(), static_cast<int>(in.size()), s.attrs, s.attr_bytes);
  answered = true;
  std::vector<RefIn> ref;
  for (const Tensor& t : in) ref.push_back({t.shape(), t.to_vector()});
  for (const RefIn& r : ref)
    for (double v : r.v)
      if (!std::isfinite(v)) return check_answer(y);  // edge values have tests of their own
  if (!is_floating(in[0].dtype()) || (is_floating(y.dtype()) && y.dtype() != DType::f64))
    return check_answer(y);
  const std::vector<double> expected = op.reference(RefCall{ref, s.attrs, y.shape()}),
                            got = y.to_vector();
  double largest = 1;
  for (double v : expected)
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < got.size(); ++i) {
    const bool same = got[i] == expected[i] ||
                      (!std::isfinite(got[i]) && !std::isfinite(expected[i])) ||
                      std::abs(got[i] - expected[i]) <= 1e-7 * largest;
    if (!same)
      return "element " + std::to_string(i) + " is " + std::to_string(got[i]) +
             ", the reference has " + std::to_string(expected[i]);
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t calls = argc > 1 ? std::atoll(argv[1]) : 20000;
  const auto seed = static_cast<uint64_t>(argc > 2 ? std::atoll(argv[2]) : 1);
  std::vector<const std::pair<const std::string, Attempt>*> list;
  for (const auto& f : functions()) list.push_back(&f);
  int64_t answers = 0, errors = 0;
  for (int64_t i = 0; i < calls; ++i) {
    Draw d(Random(seed) / i);
    std::string name, fault;
    try {
      bool answered = true;
      if (i % 3 == 0) {
        const Op& op =
            *all_ops[static_cast<size_t>(d.whole(0, static_cast<int64_t>(std::size(all_ops)) - 1))];
        name = std::string("row ") + op.name;
        fault = row_call(op, d, answered);
      } else {
        const auto& f =
            *list[static_cast<size_t>(d.whole(0, static_cast<int64_t>(list.size()) - 1))];
        name = f.first;
        fault = check_answer(f.second(d));
      }
      answers += answered;
    } catch (const Error& e) {
      ++errors;
      if (std::string(e.what()).size() < 5) fault = "an error without a message";
    } catch (const std::exception& e) {
      fault = std::string("not a typed error: ") + e.what();
    }
    if (!fault.empty()) {
      std::printf("call %lld of seed %llu, %s: %s\n", static_cast<long long>(i),
                  static_cast<unsigned long long>(seed), name.c_str(), fault.c_str());
      return 1;
    }
  }
  std::printf("%lld calls: %lld answers, %lld typed errors\n", static_cast<long long>(calls),
              static_cast<long long>(answers), static_cast<long long>(errors));
  return answers > calls / 4 && errors > calls / 10 ? 0 : 1;
}

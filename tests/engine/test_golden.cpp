// Values, first and second derivatives against PyTorch's. golden/make.py wrote golden/golden.txt
// and explains the file; a new row takes one line there and, unless it is X1 or X2 in rows.def, one
// in the table below.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/freq.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops/linalg.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/ops/pool.h>
#include <regrad/engine/ops/sparse.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

using namespace regrad;

namespace {

struct Case {
  std::string name;
  int line = 0;
  std::vector<std::vector<double>> attrs;
  std::vector<Tensor> x, g, h;
  Tensor y, j;

  // Input i, and attribute i as a number, an integer, a flag, a list.
  const Tensor& operator[](size_t i) const { return x.at(i); }
  double number(size_t i) const { return attrs.at(i).at(0); }
  int64_t integer(size_t i) const { return static_cast<int64_t>(number(i)); }
  bool flag(size_t i) const { return number(i) != 0; }
  Shape dims(size_t i) const {
    Shape s;
    for (double v : attrs.at(i)) s.push_back(static_cast<int64_t>(v));
    return s;
  }
  std::vector<int64_t> list(size_t i) const {
    const Shape s = dims(i);
    return {s.begin(), s.end()};
  }
  Tensor weights(size_t i) const {
    return tensor(attrs.at(i), {static_cast<int64_t>(attrs.at(i).size())}, x.at(0).dtype());
  }
  Reduction reduction(size_t i) const { return static_cast<Reduction>(integer(i)); }
};

using Evaluate = Tensor (*)(const Case&);

Tensor net(const Tensor& x, const std::vector<Tensor>& p) {
  return linear(tanh(linear(x, p[0], p[1])), p[2], p[3]);
}
Tensor maml(const Case& c) {
  const Tensor &x = c[0], &y = c[1];
  std::vector<Tensor> p(c.x.begin() + 2, c.x.end());
  for (int64_t step = 0; step < c.integer(1); ++step) {
    const std::vector<Tensor> g =
        grad(TensorList(mse_loss(net(x, p), y)), TensorList(p), {.create_graph = true});
    for (size_t i = 0; i < p.size(); ++i) p[i] = p[i] - c.number(0) * g[i];
  }
  return mse_loss(net(2 * x, p), 0.5 * y);
}
Tensor bent(const Tensor& x) { return sum(exp(x) * sin(x)) * tanh(x[0] * x[1]); }
Tensor mixed(const Tensor& x) { return softmax(x, 0) * x; }

Pair pair(const Case& c, size_t i) {
  const Shape s = c.dims(i);
  return {s[0], s[-1]};
}
ConvOptions conv_options(const Case& c) {
  return {pair(c, 0), pair(c, 1), pair(c, 2), c.integer(3)};
}
PoolOptions pool_options(const Case& c) { return {c.integer(1), c.integer(2), 1}; }
PoolOptions ceil_options(const Case& c) { return {c.integer(1), c.integer(2), 1, true}; }
PoolAttrs pool_attrs(const Case& c) {
  const auto n = [&](size_t i) { return static_cast<int16_t>(c.integer(i)); };
  return {n(0), n(0), n(1), n(1), n(2), n(2), 1, 1, 0, 0, 0};
}
// The transpose at g of a map that is linear in x, by differentiating it.
Tensor transposed(const Tensor& y, const Tensor& x, const Tensor& g) {
  return grad(TensorList(y), TensorList(x), {.grad_outputs = g, .create_graph = true})[0];
}
Tensor weight_gradient(const Case& c) {
  const int64_t k = c.integer(0);
  const Tensor w = zeros({c[1].size(1), c[0].size(1), k, k}, DType::f64).requires_grad_();
  return transposed(conv2d(c[0], w, {}, {.stride = c.integer(1), .padding = c.integer(2)}), w,
                    c[1]);
}
Tensor averages_back(const Case& c) {
  const Tensor x =
      zeros({c[0].size(0), c[0].size(1), c.dims(3)[0], c.dims(3)[1]}, DType::f64).requires_grad_();
  return transposed(avg_pool2d(x, c.integer(0), pool_options(c)), x, c[0]);
}
Tensor normed(const Case& c) {
  BatchNormOptions o{.eps = 1e-2, .relu = c.flag(0)};
  if (c.flag(1))
    o.max_pool = Window{static_cast<int>(c.integer(1)), static_cast<int>(c.integer(1)), 0};
  return batch_norm(c[0], c[1], c[2], o);
}

// As in make.py.
constexpr const char* equations[] = {
    "ij,jk->ki",          "bij,bjk->bik", "ii->i", "ii",      "ab,b,a->",
    "...ij,...jk->...ik", "ij",           "ba",    "i,j->ij", "ijk->k"};

// With those that rows.def names as public functions of one or two tensors.
std::map<std::string, Evaluate> with_rows(std::map<std::string, Evaluate> given) {
#define X(name)
#define X1(name) given[#name] = [](const Case& c) { return name(c[0]); };
#define X2(name) given[#name] = [](const Case& c) { return name(c[0], c[1]); };
#include <regrad/engine/ops/rows.def>
  return given;
}

// Every function that has golden values, by the name of its row or, where it has none, by its own.
const std::map<std::string, Evaluate> table = with_rows({
    {"div_scalar", [](const Case& c) { return c[0] / c.number(0); }},
    {"affine", [](const Case& c) { return affine(c[0], c.number(0), c.number(1)); }},
    {"neg", [](const Case& c) { return neg(c[0]); }},
    {"reciprocal", [](const Case& c) { return reciprocal(c[0]); }},
    {"square", [](const Case& c) { return square(c[0]); }},
    {"floor", [](const Case& c) { return floor(c[0]); }},
    {"ceil", [](const Case& c) { return ceil(c[0]); }},
    {"round", [](const Case& c) { return round(c[0]); }},
    {"clamp", [](const Case& c) { return clamp(c[0], c.number(0), c.number(1)); }},
    {"clamp_min", [](const Case& c) { return clamp_min(c[0], c.number(0)); }},
    {"clamp_max", [](const Case& c) { return clamp_max(c[0], c.number(0)); }},
    {"nan_to_num", [](const Case& c) { return nan_to_num(c[0]); }},
    {"nan_to_num_given",
     [](const Case& c) { return nan_to_num(c[0], c.number(0), c.number(1), c.number(2)); }},
    {"isnan", [](const Case& c) { return isnan(c[0]); }},
    {"isinf", [](const Case& c) { return isinf(c[0]); }},
    {"isfinite", [](const Case& c) { return isfinite(c[0]); }},
    {"logical_not", [](const Case& c) { return logical_not(c[0]); }},
    {"logical_and", [](const Case& c) { return logical_and(c[0], c[1]); }},
    {"logical_or", [](const Case& c) { return logical_or(c[0], c[1]); }},
    {"logical_xor", [](const Case& c) { return logical_xor(c[0], c[1]); }},
    {"sinc", [](const Case& c) { return sinc(c[0]); }},
    {"pow_scalar", [](const Case& c) { return pow(c[0], c.number(0)); }},
    {"div_number", [](const Case& c) { return c[0] / c.number(0); }},
    {"number_div", [](const Case& c) { return c.number(0) / c[0]; }},
    {"number_sub", [](const Case& c) { return c.number(0) - c[0]; }},

    {"add", [](const Case& c) { return add(c[0], c[1], c.number(0)); }},
    {"sub", [](const Case& c) { return sub(c[0], c[1], c.number(0)); }},
    {"pow", [](const Case& c) { return pow(c[0], c[1]); }},
    {"minimum", [](const Case& c) { return minimum(c[0], c[1]); }},
    {"maximum", [](const Case& c) { return maximum(c[0], c[1]); }},
    {"where", [](const Case& c) { return where(c[0], c[1], c[2]); }},

    {"sum", [](const Case& c) { return sum(c[0], c.dims(0), c.flag(1)); }},
    {"mean", [](const Case& c) { return mean(c[0], c.dims(0), c.flag(1)); }},
    {"amax", [](const Case& c) { return amax(c[0], c.dims(0), c.flag(1)); }},
    {"argmax", [](const Case& c) { return argmax(c[0], c.integer(0), c.flag(1)); }},
    {"max", [](const Case& c) { return max(c[0], c.integer(0), c.flag(1)).values; }},
    {"max_indices", [](const Case& c) { return max(c[0], c.integer(0), c.flag(1)).indices; }},
    {"logsumexp", [](const Case& c) { return logsumexp(c[0], c.dims(0), c.flag(1)); }},
    {"softmax", [](const Case& c) { return softmax(c[0], c.integer(0)); }},
    {"log_softmax", [](const Case& c) { return log_softmax(c[0], c.integer(0)); }},

    {"reshape", [](const Case& c) { return reshape(c[0], c.dims(0)); }},
    {"flatten", [](const Case& c) { return flatten(c[0], c.integer(0), c.integer(1)); }},
    {"transpose", [](const Case& c) { return transpose(c[0], c.integer(0), c.integer(1)); }},
    {"permute", [](const Case& c) { return permute(c[0], c.dims(0)); }},
    {"expand", [](const Case& c) { return expand(c[0], c.dims(0)); }},
    {"unsqueeze", [](const Case& c) { return unsqueeze(c[0], c.integer(0)); }},
    {"squeeze", [](const Case& c) { return squeeze(c[0], c.integer(0)); }},
    {"slice",
     [](const Case& c) {
       return slice(c[0], c.integer(0), c.integer(1), c.integer(2), c.integer(3));
     }},
    {"unslice",
     [](const Case& c) {
       return unslice(c[0], c.integer(0), c.integer(1), c.integer(2), c.integer(3));
     }},
    {"select", [](const Case& c) { return select(c[0], c.integer(0), c.integer(1)); }},
    {"contiguous", [](const Case& c) { return contiguous(c[0].mT()); }},
    {"to", [](const Case& c) { return to(c[0], DType::f32); }},

    {"conv2d", [](const Case& c) { return conv2d(c[0], c[1], c[2], conv_options(c)); }},
    {"conv1d", [](const Case& c) { return conv1d(c[0], c[1], c[2], conv_options(c)); }},
    {"conv2d_input",
     [](const Case& c) { return conv_transpose2d(c[0], c[1], c[2], conv_options(c), pair(c, 4)); }},
    {"conv2d_weight", weight_gradient},
    {"max_pool2d", [](const Case& c) { return max_pool2d(c[0], c.integer(0), pool_options(c)); }},
    {"pool_index", [](const Case& c) { return pool_index(c[0], pool_attrs(c)).to(DType::i64); }},
    {"pool_gather",
     [](const Case& c) { return pool_gather(c[0], c[1].to(DType::u8), pool_attrs(c)); }},
    {"pool_scatter",
     [](const Case& c) {
       return pool_scatter(c[0], c[1].to(DType::u8), pool_attrs(c), c.dims(3)[0], c.dims(3)[1]);
     }},
    {"avg_pool2d",
     [](const Case& c) { return avg_pool2d(c[0], c.integer(0), pool_options(c), c.flag(3)); }},
    {"avg_pool2d_grad", averages_back},
    {"adaptive_avg_pool2d", [](const Case& c) { return adaptive_avg_pool2d(c[0], pair(c, 0)); }},
    {"adaptive_max_pool2d", [](const Case& c) { return adaptive_max_pool2d(c[0], pair(c, 0)); }},
    {"interpolate",
     [](const Case& c) {
       return interpolate(c[0], pair(c, 0), static_cast<Interpolation>(c.integer(1)), c.flag(2));
     }},
    {"batch_norm", normed},
    {"batch_norm_residual",
     [](const Case& c) {
       return batch_norm(c[0], c[1], c[2], {.eps = 1e-2, .relu = true, .residual = c[3]});
     }},
    {"batch_norm_given",
     [](const Case& c) {
       return batch_norm(c[0], BatchStatistics{c[1].detach(), c[2].detach()}, c[3], c[4],
           {.eps = 1e-2});
     }},
    {"batch_norm_features",
     [](const Case& c) { return batch_norm(c[0], c[1], c[2], {.eps = 1e-2}); }},
    {"group_norm", [](const Case& c) { return group_norm(c[0], c.integer(0), c[1], c[2], 1e-2); }},
    {"instance_norm", [](const Case& c) { return instance_norm(c[0], c[1], c[2], 1e-2); }},

    {"cat", [](const Case& c) { return cat(c.x, c.integer(0)); }},
    {"stack", [](const Case& c) { return stack(c.x, c.integer(0)); }},
    {"index_select", [](const Case& c) { return index_select(c[0], c.integer(0), c[1]); }},
    {"gather", [](const Case& c) { return gather(c[0], c.integer(0), c[1]); }},
    {"scatter_add", [](const Case& c) { return scatter_add(c[0], c.integer(0), c[1], c[2]); }},

    {"matmul", [](const Case& c) { return matmul(c[0], c[1]); }},
    {"matmul_nt", [](const Case& c) { return matmul(c[0], c[1].mT()); }},
    {"matmul_tn", [](const Case& c) { return matmul(c[0].mT(), c[1]); }},
    {"spmm",
     [](const Case& c) {
       return detail::spmm_packed(c[0], c[1], c[2], c.integer(0), c.integer(1), c.flag(2));
     }},
    {"sddmm",
     [](const Case& c) {
       return detail::sddmm_packed(c[0], c[1], c[2], c.integer(0), c.integer(1));
     }},
    {"addmm", [](const Case& c) { return addmm(c[0], c[1], c[2]); }},
    {"linear_rows", [](const Case& c) { return linear_rows(c[0], c[1], c[2]); }},
    {"linear", [](const Case& c) { return linear(c[0], c[1], c[2]); }},
    {"linear_no_bias", [](const Case& c) { return linear(c[0], c[1]); }},
    {"linear_by_task", [](const Case& c) { return linear(c[0], c[1], c[2]); }},

    {"eigh", [](const Case& c) { return apply(eigh_op, c[0]); }},
    {"eigvalsh", [](const Case& c) { return eigvalsh(c[0]); }},
    {"svd", [](const Case& c) { return apply(svd_op, c[0]); }},
    {"svdvals", [](const Case& c) { return svdvals(c[0]); }},
    {"cholesky", [](const Case& c) { return cholesky(c[0]); }},
    {"cholesky_solve", [](const Case& c) { return cholesky_solve(c[0], c[1], c.flag(0)); }},
    {"solve", [](const Case& c) { return solve(c[0], c[1]); }},
    {"solve_triangular", [](const Case& c) { return solve_triangular(c[0], c[1], c.flag(0)); }},
    {"inverse", [](const Case& c) { return inverse(c[0]); }},
    {"slogdet", [](const Case& c) { return apply(slogdet_op, c[0]); }},
    {"det", [](const Case& c) { return det(c[0]); }},
    {"over_gaps",
     [](const Case& c) {
       return linalg::over_gaps(c[0], c[1], c[2], linalg::Gaps::all, "over_gaps");
     }},

    {"standardize", [](const Case& c) { return standardize(c[0], c.dims(0), c.number(1)); }},
    {"inv_std", [](const Case& c) { return inv_std(c[0], c.dims(0), c.number(1)); }},
    {"norm_grad", [](const Case& c) { return apply2(norm_grad_op, c[0], c[1]); }},
    {"res_norm", [](const Case& c) { return res_norm(c[0], c.number(0), c.number(1)); }},
    {"sub_spectral",
     [](const Case& c) {
       return sub_spectral_norm(c[0], 2, c[1], c[2], {.eps = 1e-2, .relu = c.integer(0) == 1});
     }},
    {"band_affine",
     [](const Case&
            c) { return sub_spectral_norm(c[0], 2, BatchStatistics{c[1].detach(), c[2].detach()},
                c[3], c[4], SubSpectralOptions{.eps = 1e-2}); }},
    {"broadcast_residual", [](const Case& c) { return broadcast_residual(c[0], c[1], c[2]); }},
    {"layer_norm",
     [](const Case& c) { return layer_norm(c[0], c.dims(0), c[1], c[2], c.number(1)); }},

    {"mse_loss", [](const Case& c) { return mse_loss(c[0], c[1], c.reduction(0)); }},
    {"mse_loss_by_task", [](const Case& c) { return mse_loss_by_task(c[0], c[1]); }},
    {"cross_entropy", [](const Case& c) { return cross_entropy(c[0], c[1], c.reduction(0)); }},
    {"cross_entropy_by_task", [](const Case& c) { return cross_entropy_by_task(c[0], c[1]); }},

    {"attention",
     [](const Case& c) {
       return scaled_dot_product_attention(c[0], c[1], c[2], {.is_causal = c.flag(0)});
     }},
    {"segment_attention",
     [](const Case& c) { return segment_attention(c[0], c[1], c.integer(0)); }},
    {"attention_mask",
     [](const Case& c) { return scaled_dot_product_attention(c[0], c[1], c[2], {.mask = c[3]}); }},
    {"attention_bias",
     [](const Case& c) { return scaled_dot_product_attention(c[0], c[1], c[2], {.mask = c[3]}); }},
    {"cumsum", [](const Case& c) { return cumsum(c[0], c.integer(0)); }},
    {"cumprod", [](const Case& c) { return cumprod(c[0], c.integer(0)); }},
    {"prod", [](const Case& c) { return prod(c[0], c.integer(0)); }},
    {"argsort", [](const Case& c) { return argsort(c[0], c.integer(0), c.flag(1)); }},
    {"sort", [](const Case& c) { return sort(c[0], c.integer(0), c.flag(1)).values; }},
    {"topk", [](const Case& c) { return topk(c[0], 2, c.integer(0), c.flag(1)).values; }},
    {"min", [](const Case& c) { return min(c[0], c.integer(0)).values; }},
    {"argmin", [](const Case& c) { return argmin(c[0], c.integer(0)); }},
    {"flip", [](const Case& c) { return flip(c[0], {c.integer(0)}); }},
    {"roll", [](const Case& c) { return roll(c[0], -2, c.integer(0)); }},
    {"var", [](const Case& c) { return var(c[0], c.dims(0), c.number(1)); }},
    {"std", [](const Case& c) { return regrad::std(c[0], c.dims(0), c.number(1)); }},
    {"norm", [](const Case& c) { return norm(c[0], c.number(0), c.dims(1)); }},
    {"amin", [](const Case& c) { return amin(c[0], c.dims(0)); }},
    {"any", [](const Case& c) { return any(c[0], c.dims(0)); }},
    {"all", [](const Case& c) { return all(c[0], c.dims(0)); }},
    {"leaky_relu", [](const Case& c) { return leaky_relu(c[0], c.number(0)); }},
    {"elu", [](const Case& c) { return elu(c[0], c.number(0)); }},
    {"l1_loss", [](const Case& c) { return l1_loss(c[0], c[1], c.reduction(0)); }},
    {"huber_loss",
     [](const Case& c) { return huber_loss(c[0], c[1], c.number(0), c.reduction(1)); }},
    {"kl_div", [](const Case& c) { return kl_div(c[0], c[1], c.reduction(0)); }},
    {"bce_with_logits",
     [](const Case& c) { return binary_cross_entropy_with_logits(c[0], c[1], c.reduction(0)); }},
    {"nll_loss", [](const Case& c) { return nll_loss(c[0], c[1], c.reduction(0)); }},
    {"cross_entropy_labels",
     [](const Case& c) { return cross_entropy(c[0], c[1], {c.weights(3), c.integer(1), c.number(2),
         c.reduction(0)}); }},
    {"cross_entropy_unweighted",
     [](const Case& c) { return cross_entropy(c[0], c[1], {.ignore_index = c.integer(1),
         .label_smoothing = c.number(2), .reduction = c.reduction(0)}); }},
    {"cross_entropy_soft",
     [](const Case& c) { return cross_entropy(c[0], c[1], {.weight = c.weights(2),
         .label_smoothing = c.number(1), .reduction = c.reduction(0)}); }},
    {"nll_loss_labels",
     [](const Case& c) {
       return nll_loss(c[0], c[1], {c.weights(2), c.integer(1), c.reduction(0)});
     }},
    {"bce_weighted",
     [](const Case& c) {
       return binary_cross_entropy_with_logits(c[0], c[1], {c.weights(1), c.weights(2),
           c.reduction(0)});
     }},
    {"kl_div_log", [](const Case& c) { return kl_div(c[0], c[1], {c.reduction(0), true}); }},
    {"kl_div_batchmean",
     [](const Case& c) { return kl_div(c[0], c[1], {Reduction::batchmean, c.flag(0)}); }},
    {"cosine_similarity",
     [](const Case& c) { return cosine_similarity(c[0], c[1], c.integer(0)); }},
    {"pairwise_distance", [](const Case& c) { return pairwise_distance(c[0], c[1], c.number(0)); }},
    {"cdist", [](const Case& c) { return cdist(c[0], c[1], c.number(0)); }},
    {"pad", [](const Case& c) { return pad(c[0], c.list(0), c.number(1)); }},
    {"repeat", [](const Case& c) { return repeat(c[0], c.dims(0)); }},
    {"tril", [](const Case& c) { return tril(c[0], c.integer(0)); }},
    {"triu", [](const Case& c) { return triu(c[0], c.integer(0)); }},
    {"diagonal", [](const Case& c) { return diagonal(c[0], c.integer(0)); }},
    {"split", [](const Case& c) { return split(c[0], 2).back(); }},
    {"chunk", [](const Case& c) { return chunk(c[0], 3, 1)[1]; }},
    {"outer", [](const Case& c) { return outer(c[0], c[1]); }},
    {"masked_fill", [](const Case& c) { return masked_fill(c[0], c[1], 0.25); }},
    {"one_hot", [](const Case& c) { return one_hot(c[0], 4); }},
    {"index_put", [](const Case& c) { return index_put(c[0], {c[1], c[2]}, c[3]); }},
    {"index_put_add", [](const Case& c) { return index_put(c[0], TensorList(c[1]), c[2], true); }},
    {"einsum", [](const Case& c) { return einsum(equations[c.integer(0)], c.x); }},

    {"masked_select", [](const Case& c) { return masked_select(c[0], c[1]); }},
    {"nonzero", [](const Case& c) { return nonzero(c[0]); }},
    {"bincount", [](const Case& c) { return bincount(c[0], {}, c.integer(0)); }},
    {"bincount_weights", [](const Case& c) { return bincount(c[0], c[1], c.integer(0)); }},
    {"scatter", [](const Case& c) { return scatter(c[0], c.integer(0), c[1], c[2]); }},
    {"scatter_value",
     [](const Case& c) { return scatter(c[0], c.integer(0), c[1], c.number(1)); }},
    {"index_add",
     [](const Case& c) { return index_add(c[0], c.integer(0), c[1], c[2], c.number(1)); }},
    {"embedding", [](const Case& c) { return embedding(c[0], c[1]); }},
    {"embedding_padding", [](const Case& c) { return embedding(c[0], c[1], c.integer(0)); }},
    {"unbind", [](const Case& c) { return unbind(c[0], c.integer(0))[1]; }},
    {"diag", [](const Case& c) { return diag(c[0], c.integer(0)); }},
    {"meshgrid",
     [](const Case& c) {
       return meshgrid(c.x, c.flag(0) ? "xy" : "ij")[static_cast<size_t>(c.integer(1))];
     }},
    {"meshgrid_one", [](const Case& c) { return meshgrid(c.x, c.flag(0) ? "xy" : "ij")[0]; }},
    {"linspace",
     [](const Case& c) { return linspace(c.number(0), c.number(1), c.integer(2), DType::f64); }},
    {"linspace_i64",
     [](const Case& c) { return linspace(c.number(0), c.number(1), c.integer(2), DType::i64); }},
    {"median", [](const Case& c) { return median(c[0], c.integer(0), c.flag(1)).values; }},
    {"median_indices",
     [](const Case& c) { return median(c[0], c.integer(0), c.flag(1)).indices; }},
    {"median_all", [](const Case& c) { return median(c[0]); }},
    {"quantile",
     [](const Case& c) { return quantile(c[0], c.number(0), c.integer(1), c.flag(2)); }},
    {"quantile_all", [](const Case& c) { return quantile(c[0], c.number(0), {}, c.flag(1)); }},
    {"quantiles", [](const Case& c) { return quantile(c[0], c[1], c.integer(0), c.flag(1)); }},
    {"qr_q", [](const Case& c) { return qr(c[0]).q; }},
    {"qr_r", [](const Case& c) { return qr(c[0]).r; }},
    {"pinv", [](const Case& c) { return pinv(c[0]); }},
    {"pinv_rank", [](const Case& c) { return pinv(outer(c[0], c[1])); }},
    {"lstsq", [](const Case& c) { return lstsq(c[0], c[1]).solution; }},
    {"lstsq_vector", [](const Case& c) { return lstsq(c[0], c[1]).solution; }},
    {"max_pool2d_ceil",
     [](const Case& c) { return max_pool2d(c[0], c.integer(0), ceil_options(c)); }},
    {"max_pool2d_indices",
     [](const Case& c) {
       return max_pool2d_with_indices(c[0], c.integer(0),
                                      c.flag(3) ? ceil_options(c) : pool_options(c))
           .indices;
     }},
    {"avg_pool2d_ceil",
     [](const Case& c) { return avg_pool2d(c[0], c.integer(0), ceil_options(c), c.flag(3)); }},
    {"max_pool1d", [](const Case& c) { return max_pool1d(c[0], c.integer(0), pool_options(c)); }},
    {"avg_pool1d",
     [](const Case& c) { return avg_pool1d(c[0], c.integer(0), ceil_options(c), c.flag(3)); }},
    {"adaptive_avg_pool1d", [](const Case& c) { return adaptive_avg_pool1d(c[0], c.integer(0)); }},
    {"adaptive_max_pool1d", [](const Case& c) { return adaptive_max_pool1d(c[0], c.integer(0)); }},
    {"pad_mode",
     [](const Case& c) { return pad(c[0], c.list(0), static_cast<PadMode>(c.integer(1))); }},
    {"bicubic",
     [](const Case& c) {
       return interpolate(c[0], pair(c, 0), Interpolation::bicubic, c.flag(1));
     }},
    {"conv2d_same",
     [](const Case& c) {
       return conv2d(c[0], c[1], c[2], {.padding = "same", .dilation = pair(c, 0)});
     }},
    {"conv1d_same",
     [](const Case& c) { return conv1d(c[0], c[1], {}, {.padding = "same"}); }},
    {"conv_transpose1d",
     [](const Case& c) {
       return conv_transpose1d(c[0], c[1], c[2], conv_options(c), c.integer(4));
     }},
    {"rms_norm", [](const Case& c) { return rms_norm(c[0], c[1].shape(), c[1], c.number(0)); }},
    {"rms_norm_plain", [](const Case& c) { return rms_norm(c[0], {c[0].size(-1)}); }},
    {"smooth_l1_loss",
     [](const Case& c) { return smooth_l1_loss(c[0], c[1], c.number(0), c.reduction(1)); }},
    {"batch_norm_sequence",
     [](const Case& c) { return batch_norm(c[0], c[1], c[2], {.eps = 1e-2}); }},
    {"batch_norm_sequence_given",
     [](const Case& c) {
       return batch_norm(c[0], BatchStatistics{c[1].detach(), c[2].detach()}, c[3], c[4],
                         {.eps = 1e-2});
     }},
    {"softmax_number", [](const Case& c) { return softmax(c[0], c.integer(0)); }},
    {"log_softmax_number", [](const Case& c) { return log_softmax(c[0], c.integer(0)); }},
    {"logsumexp_number", [](const Case& c) { return logsumexp(c[0], {c.integer(0)}); }},

    {"maml", maml},
    {"hessian", [](const Case& c) { return hessian(bent, c[0], true); }},
    {"hvp", [](const Case& c) { return hvp(bent, c[0], c[1], true).second; }},
    {"jacobian", [](const Case& c) { return jacobian(mixed, c[0], true); }},
    {"jvp", [](const Case& c) { return jvp(mixed, c[0], c[1], true).second; }},
    {"vjp", [](const Case& c) { return vjp(mixed, c[0], c[1], true).second; }},
});

std::vector<double> numbers(std::string list) {
  for (char& ch : list)
    if (ch == '[' || ch == ']' || ch == ',') ch = ' ';
  std::istringstream in(list);
  std::vector<double> out;
  for (std::string word; in >> word;) out.push_back(std::strtod(word.c_str(), nullptr));
  return out;
}

Tensor read_tensor(std::istringstream& in) {
  std::string dtype, shape, word;
  in >> dtype >> shape;
  Shape sizes;
  for (double v : numbers(shape)) sizes.push_back(static_cast<int64_t>(v));
  std::vector<double> values;
  // takes inf, nan and subnormal numbers
  while (in >> word) values.push_back(std::strtod(word.c_str(), nullptr));
  for (DType t : {DType::f32, DType::f64, DType::i64, DType::b8})
    if (dtype == name(t)) return tensor(values, sizes, t);
  throw IOError("golden.txt: dtype '" + dtype + "'");
}

std::vector<Case> read_cases() {
  std::ifstream file(REGRAD_GOLDEN);
  std::vector<Case> cases;
  std::string text, tag;
  for (int line = 1; std::getline(file, text); ++line) {
    std::istringstream in(text);
    in >> tag;
    if (tag == "case") {
      cases.emplace_back();
      cases.back().line = line;
      in >> cases.back().name;
      for (std::string word; in >> word;) cases.back().attrs.push_back(numbers(word));
    } else {
      Case& c = cases.back();
      const Tensor t = read_tensor(in);
      if (tag == "y") c.y = t;
      if (tag == "j") c.j = t;
      if (tag == "x") c.x.push_back(t);
      if (tag == "g") c.g.push_back(t);
      if (tag == "h") c.h.push_back(t);
    }
  }
  return cases;
}

Tensor cotangent(const Tensor& like, int64_t salt) {
  std::vector<double> v(static_cast<size_t>(like.numel()));
  for (size_t i = 0; i < v.size(); ++i)
    v[i] = static_cast<double>((static_cast<int64_t>(i) * 7 + salt * 3) % 16 * 2 - 15) / 16;
  return tensor(v, like.shape(), like.dtype());
}

// Empty where equal: shape, dtype, NaNs and infinities exactly, the rest within 1e-10 (1 +
// |expected|); 1e-6 is required.
std::string differs(const Tensor& got, const Tensor& expected, const std::string& what) {
  if (got.shape() != expected.shape() || got.dtype() != expected.dtype())
    return what + " is " + str(got) + ", expected " + str(expected);
  const std::vector<double> a = got.to_vector(), b = expected.to_vector();
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    if (!(std::isfinite(b[i]) && std::abs(a[i] - b[i]) <= 1e-10 * (1 + std::abs(b[i]))))
      return what + "[" + std::to_string(i) + "] is " + str(scalar(a[i], DType::f64)) +
             ", expected " + str(scalar(b[i], DType::f64));
  }
  return "";
}

std::vector<Tensor> gradients(const Tensor& y, const std::vector<Tensor>& x, bool create_graph) {
  std::vector<Tensor> g(x.size());
  if (y.requires_grad())
    g = grad(TensorList(y), TensorList(x), {.create_graph = create_graph, .allow_unused = true});
  for (size_t i = 0; i < g.size(); ++i)
    if (!g[i].defined()) g[i] = zeros_like(x[i]);
  return g;
}

void rows_of(const detail::Node* n, std::set<const Op*>& rows) {
  if (n->op) rows.insert(n->op);
  for (int i = 0; i < n->n_in; ++i)
    if (n->in(i).defined()) rows_of(n->in(i).node(), rows);
}

// The first difference of a case, or nothing. `rows`: what its forward pass recorded.
std::string check(const Case& c, Evaluate f, std::set<const Op*>& rows) {
  Case at = c;
  std::vector<Tensor> x;
  for (Tensor& t : at.x)
    if (is_floating(t.dtype())) x.push_back(t = t.detach().requires_grad_());
  const Tensor y = f(at);
  rows_of(y.node(), rows);
  if (const std::string fault = differs(y, c.y, "y"); !fault.empty() || c.g.empty()) return fault;
  const Tensor u = cotangent(y, 0).requires_grad_();
  // Unrecorded first, where a row may have a kernel of its own for its gradients; then as tensors
  // that can be differentiated.
  const std::vector<Tensor> plain = gradients(sum(u.detach() * f(at)), x, false),
                            g = gradients(sum(u * y), x, true);
  Tensor s = scalar(0, DType::f64);
  for (size_t k = 0; k < x.size(); ++k) {
    if (const std::string fault = differs(g[k], c.g.at(k), "g" + std::to_string(k)); !fault.empty())
      return fault;
    if (const std::string fault = differs(plain[k], c.g[k], "unrecorded g" + std::to_string(k));
        !fault.empty())
      return fault;
    s = s + sum(cotangent(g[k], static_cast<int64_t>(1 + k)) * g[k]);
  }
  if (c.h.empty()) return "";
  x.push_back(u);
  const std::vector<Tensor> h = gradients(s, x, false);
  for (size_t k = 0; k < c.h.size(); ++k)
    if (const std::string fault = differs(h[k], c.h[k], "h" + std::to_string(k)); !fault.empty())
      return fault;
  return differs(h.back(), c.j, "j");
}

}  // namespace

TEST_CASE("PyTorch's values, first and second derivatives") {
  const std::vector<Case> cases = read_cases();
  REQUIRE(cases.size() > 300);
  std::set<std::string> named;
  for (const Case& c : cases) {
    named.insert(c.name);
    INFO("golden.txt:", c.line, ": ", c.name, ", first input ", c.x.empty() ? "" : str(c.x[0]));
    const auto entry = table.find(c.name);
    REQUIRE(entry != table.end());
    std::set<const Op*> rows;
    std::string fault;
    try {
      fault = check(c, entry->second, rows);
    } catch (const Error& e) {
      fault = e.what();
    }
    CHECK(fault == "");
  }
  for (const auto& entry : table)
    CHECK_MESSAGE(named.count(entry.first) == 1, entry.first, " has no golden case");
}

TEST_CASE("every row has golden values and, where it is differentiable, both derivatives") {
  struct Seen {
    int values = 0, derivatives = 0;
  };
  std::map<std::string, Seen> seen;
  for (const Case& c : read_cases()) {
    std::set<const Op*> rows;
    if (const auto entry = table.find(c.name); entry != table.end()) check(c, entry->second, rows);
    Seen& s = seen[c.name];
    ++s.values;
    // A case counts for the row of its name only, and only where that row was at work.
    for (const Op* op : rows)
      if (c.name == op->name && !c.h.empty()) ++s.derivatives;
  }
  for (const Op* op : all_ops) {
    bool differentiable = false;
    for (int i = 0; i < (op->arity < 0 ? 1 : op->arity); ++i)
      differentiable = differentiable || op->gradients || op->vjp[i] != declared_zero;
    CHECK_MESSAGE(seen[op->name].values >= 2, "row '", std::string(op->name),
                  "' has no golden cases: add a line to golden/make.py and one to the table here");
    if (differentiable)
      CHECK_MESSAGE(seen[op->name].derivatives >= 2, "row '", std::string(op->name),
                    "' has no golden derivatives");
  }
}

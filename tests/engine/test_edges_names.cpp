// Whatever a public function is composed of, its errors begin with its own name; an undefined
// tensor is named by its argument.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/freq.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/int8.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/sparse.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

using namespace regrad;

namespace {

using Calls = std::vector<std::function<void()>>;
struct Door {
  const char* name;
  Calls bad;        // shapes, dims, sizes or dtypes that do not fit
  Calls undefined;  // an argument that must be there is not
};

const Tensor none;
const Shape huge{int64_t{1} << 40, int64_t{1} << 40};

// Tensors by shape; i: indices.
Tensor t(const Shape& s) { return ones(s); }
Tensor i(const Shape& s, double v = 0) { return full(s, v, DType::i64); }

// x -> f(x), refusing what no tensor of that rank or dtype can be.
template <class F>
Door unary(const char* name, F f) {
  return {name, {[=] { f(i({2, 3})); }}, {[=] { f(none); }}};
}
template <class F>
Door pairwise(const char* name, F f) {
  return {name,
          {[=] {
             f(t({2, 3}), t({2, 2}));
           },
           [=] { f(ones({2}), ones({2}, DType::f64)); }},
          {[=] { f(none, t({2})); }, [=] { f(t({2}), none); }}};
}
// The same for functions that take two dtypes.
template <class F>
Door broadcasting(const char* name, F f) {
  Door door = pairwise(name, f);
  door.bad.pop_back();
  return door;
}
// f(x, dim): a dim that x lacks.
template <class F>
Door along(const char* name, F f) {
  return {name, {[=] { f(t({2, 3}), 2); }, [=] { f(t({2, 3}), -3); }}, {[=] { f(none, 0); }}};
}
// f(x, dims)
template <class F>
Door over(const char* name, F f) {
  return {name,
          {[=] {
             f(t({2, 3}), Dims{2});
           },
           [=] {
             f(t({2, 3}), Dims{0, -2});
           }},
          {[=] { f(none, Dims{0}); }}};
}

std::vector<Door> arithmetic() {
  return {
      pairwise("add", [](auto a, auto b) { add(a, b); }),
      pairwise("sub", [](auto a, auto b) { sub(a, b); }),
      pairwise("sub", [](auto a, auto b) { sub(std::move(a), b); }),
      pairwise("pow", [](auto a, auto b) { pow(a, b); }),
      pairwise("minimum", [](auto a, auto b) { minimum(a, b); }),
      pairwise("maximum", [](auto a, auto b) { maximum(a, b); }),
      {"affine", {}, {[] { affine(none, 1, 2); }}},
      {"neg", {}, {[] { neg(none); }}},
      {"square", {}, {[] { square(none); }}},
      {"div", {}, {[] { none / 2.0; }, [] { 2.0 / none; }}},
      {"reciprocal", {[] { reciprocal(i({2})); }}, {[] { reciprocal(none); }}},
      {"pow", {[] { pow(i({2}), 0.5); }}, {[] { pow(none, 2); }}},
      {"clamp", {[] { clamp(t({2}), 2, 1); }, [] { clamp(t({2}), {}); }}, {[] {
         clamp(none, 0, 1);
       }}},
      {"clamp_min", {}, {[] { clamp_min(none, 0); }}},
      {"clamp_max", {}, {[] { clamp_max(none, 0); }}},
      {"nan_to_num", {}, {[] { nan_to_num(none); }}},
      {"isnan", {}, {[] { isnan(none); }}},
      {"isinf", {}, {[] { isinf(none); }}},
      {"isfinite", {}, {[] { isfinite(none); }}},
      {"logical_not", {}, {[] { logical_not(none); }}},
      broadcasting("logical_and", [](auto a, auto b) { logical_and(a, b); }),
      broadcasting("logical_or", [](auto a, auto b) { logical_or(a, b); }),
      broadcasting("logical_xor", [](auto a, auto b) { logical_xor(a, b); }),
      unary("sinc", [](auto x) { sinc(x); }),
      {"where",
       {[] { where(ones({2}, DType::b8), t({3}), t({3})); }, [] { where(t({2}), t({2}), t({2})); }},
       {[] { where(none, t({2}), t({2})); }, [] { where(ones({2}, DType::b8), none, t({2})); },
        [] { where(ones({2}, DType::b8), t({2}), none); }}},
      {"floor", {[] { floor(ones({2}, DType::u8)); }}, {[] { floor(none); }}},
      {"ceil", {[] { ceil(ones({2}, DType::u8)); }}, {[] { ceil(none); }}},
      {"round", {[] { round(ones({2}, DType::u8)); }}, {[] { round(none); }}},
      {"relu", {}, {[] { relu(none); }, [] { relu(Tensor()); }}},
      unary("elu", [](auto x) { elu(x); }),
      {"leaky_relu", {}, {[] { leaky_relu(none); }}}};
}

// The rows that are public functions of one or two tensors; u8 has no arithmetic.
std::vector<Door> rows() {
  return {
#define X(name)
#define X1(name) {#name, {[] { name(ones({2}, DType::u8)); }}, {[] { name(none); }}},
#define X2(name) pairwise(#name, [](auto a, auto b) { name(a, b); }),
#include <regrad/engine/ops/rows.def>
  };
}

std::vector<Door> reductions() {
  return {over("sum", [](auto x, auto d) { sum(x, d); }),
          over("mean", [](auto x, auto d) { mean(x, d); }),
          over("amax", [](auto x, auto d) { amax(x, d); }),
          over("amin", [](auto x, auto d) { amin(x, d); }),
          over("logsumexp", [](auto x, auto d) { logsumexp(x, d); }),
          over("var", [](auto x, auto d) { var(x, d); }),
          over("std", [](auto x, auto d) { regrad::std(x, d); }),
          over("norm", [](auto x, auto d) { norm(x, 2, d); }),
          over("norm", [](auto x, auto d) { norm(x, 3, d); }),
          over("norm", [](auto x, auto d) { norm(x, 1, d); }),
          over("any", [](auto x, auto d) { any(x, d); }),
          over("all", [](auto x, auto d) { all(x, d); }),
          over("standardize", [](auto x, auto d) { standardize(x, d); }),
          over("inv_std", [](auto x, auto d) { inv_std(x, d); }),
          over("flip", [](auto x, auto d) { flip(x, d); }),
          over("permute", [](auto x, auto d) { permute(x, d); }),
          along("argmax", [](auto x, auto d) { argmax(x, d); }),
          along("argmin", [](auto x, auto d) { argmin(x, d); }),
          along("max", [](auto x, auto d) { max(x, d); }),
          along("min", [](auto x, auto d) { min(x, d); }),
          along("softmax", [](auto x, auto d) { softmax(x, d); }),
          along("log_softmax", [](auto x, auto d) { log_softmax(x, d); }),
          along("argsort", [](auto x, auto d) { argsort(x, d); }),
          along("sort", [](auto x, auto d) { sort(x, d); }),
          along("topk", [](auto x, auto d) { topk(x, 1, d); }),
          along("cumsum", [](auto x, auto d) { cumsum(x, d); }),
          along("cumprod", [](auto x, auto d) { cumprod(x, d); }),
          along("prod", [](auto x, auto d) { prod(x, d); }),
          {"max", {[] { max(t({0})); }}, {[] { max(none); }}},
          {"min", {[] { min(t({0})); }}, {[] { min(none); }}},
          {"mean", {[] { mean(i({2})); }}, {}}};
}

std::vector<Door> layouts() {
  return {
      {"reshape",
       {[] {
          reshape(t({2, 3}), {4});
        },
        [] {
          reshape(t({2}), {-2, -1});
        }},
       {[] { reshape(none, {2}); }}},
      {"flatten",
       {[] {
          flatten(t({2, 3}), 1, 0);
        },
        [] {
          flatten(t({2, 3}), 5);
        }},
       {[] { flatten(none); }}},
      {"transpose",
       {[] {
         transpose(t({2, 3}), 0, 2);
       }},
       {[] { transpose(none, 0, 1); }, [] { none.mT(); }}},
      {"expand", {[] { expand(t({2}), {3}); }, [] { expand(t({2}), {}); }}, {[] {
         expand(none, {2});
       }}},
      {"unsqueeze",
       {[] { unsqueeze(t({2}), 3); },
        [] {
          unsqueeze(t({1, 1, 1, 1, 1, 1, 1, 1}), 0);
        }},
       {[] { unsqueeze(none, 0); }}},
      along("squeeze", [](auto x, auto d) { squeeze(x, d); }),
      along("slice", [](auto x, auto d) { slice(x, d, 0, 1); }),
      {"slice", {[] { slice(t({2}), 0, 0, 2, 0); }}, {}},
      along("select", [](auto x, auto d) { select(x, d, 0); }),
      {"select", {[] { select(t({2}), 0, 2); }, [] { t({2})[-3]; }}, {[] { none[0]; }}},
      {"unslice", {[] { unslice(t({3}), 0, 3, 1); }, [] { unslice(t({3}), 1, 3, 1); }}, {[] {
         unslice(none, 0, 3, 0);
       }}},
      {"contiguous", {}, {[] { contiguous(none); }}},
      {"to", {}, {[] { to(none, DType::f64); }}},
      {"cat",
       {[] {
          cat({t({2}), t({2, 3})}, 0);
        },
        [] { cat({t({2})}, 1); }, [] { cat({}, 0); }},
       {[] {
          cat({t({2}), none}, 0);
        },
        [] { cat({none}, 0); }}},
      {"stack",
       {[] {
          stack({t({2}), t({3})}, 0);
        },
        [] { stack({t({2})}, 4); }, [] { stack({}, 0); }},
       {[] { stack({none}, 0); }}},
      {"index_select",
       {[] { index_select(t({3}), 0, t({2})); }, [] { index_select(t({3}), 0, i({1}, 3)); }},
       {[] { index_select(none, 0, i({1})); }, [] { index_select(t({3}), 0, none); }}},
      {"gather",
       {[] {
          gather(t({3}), 0, i({1, 1}));
        },
        [] { gather(t({3}), 0, i({1}, 3)); }},
       {[] { gather(none, 0, i({1})); }, [] { gather(t({3}), 0, none); }}},
      {"scatter_add",
       {[] { scatter_add(t({3}), 0, i({2}), t({1})); }},
       {[] { scatter_add(none, 0, i({1}), t({1})); }, [] { scatter_add(t({3}), 0, none, t({1})); },
        [] { scatter_add(t({3}), 0, i({1}), none); }}},
      {"split",
       {[] {
          split(t({3}), {1, 1});
        },
        [] { split(t({3}), 0); }, [] { split(t({3}), 1, 1); }},
       {[] { split(none, 1); }}},
      {"chunk", {[] { chunk(t({3}), 0); }, [] { chunk(t({3}), 1, 1); }}, {[] { chunk(none, 1); }}},
      {"pad",
       {[] { pad(t({3}), {1}); },
        [] {
          pad(t({3}), {-2, -2});
        }},
       {[] {
         pad(none, {1, 1});
       }}},
      along("roll", [](auto x, auto d) { roll(x, 1, d); }),
      {"repeat",
       {[] {
          repeat(t({2, 3}), {2});
        },
        [] { repeat(t({2}), {-1}); }},
       {[] { repeat(none, {2}); }}},
      {"tril", {[] { tril(t({3})); }}, {[] { tril(none); }}},
      {"triu", {[] { triu(t({3})); }}, {[] { triu(none); }}},
      {"diagonal",
       {[] { diagonal(t({3})); },
        [] {
          diagonal(t({2, 2}), 0, 1, 1);
        }},
       {[] { diagonal(none); }}},
      {"outer",
       {[] {
         outer(t({2, 2}), t({2}));
       }},
       {[] { outer(none, t({2})); }, [] { outer(t({2}), none); }}},
      {"einsum",
       {[] {
          einsum("ij,jk", {t({2, 3}), t({2, 3})});
        },
        [] { einsum("i", {}); }},
       {[] { einsum("ij->i", {none}); }}},
      {"masked_fill",
       {[] { masked_fill(t({2}), ones({3}, DType::b8), 0); },
        [] { masked_fill(t({2}), t({2}), 0); }},
       {[] { masked_fill(none, ones({3}, DType::b8), 0); }, [] { masked_fill(t({2}), none, 0); }}},
      {"one_hot",
       {[] { one_hot(i({2}, -1)); }, [] { one_hot(i({2}, 4), 4); }, [] { one_hot(t({2})); }},
       {[] { one_hot(none); }}},
      {"index_put",
       {[] { index_put(t({2}), {i({1}, 2)}, t({1})); },
        [] { index_put(t({2}), {i({3})}, t({2})); }},
       {[] { index_put(none, {i({1})}, t({1})); }, [] { index_put(t({2}), {none}, t({1})); },
        [] { index_put(t({2}), {i({1})}, none); }}},
      {"stop_gradient", {}, {[] { stop_gradient(none); }}},
      {"ste",
       {[] { ste(t({2}), t({3})); }},
       {[] { ste(none, t({2})); }, [] { ste(t({2}), none); }}}};
}

std::vector<Door> products() {
  return {{"matmul",
           {[] {
              matmul(t({2, 3}), t({2, 3}));
            },
            [] { matmul(t({3}), t({2})); }, [] { matmul(t({}), t({2})); }},
           {[] { matmul(none, t({2})); }, [] { matmul(t({2}), none); }}},
          {"addmm",
           {[] {
              addmm(t({5}), t({2, 3}), t({3, 4}));
            },
            [] {
              addmm(t({4}), t({2, 3}), t({2, 4}));
            }},
           {[] {
              addmm(none, t({2, 3}), t({3, 4}));
            },
            [] {
              addmm(t({4}), none, t({3, 4}));
            },
            [] {
              addmm(t({4}), t({2, 3}), none);
            }}},
          {"linear",
           {[] {
              linear(t({2, 3}), t({4, 2}));
            },
            [] {
              linear(t({2, 3}), t({4, 3}), t({5}));
            },
            [] {
              linear(t({2, 3}), t({3}));
            }},
           {[] {
              linear(none, t({4, 2}));
            },
            [] {
              linear(t({2, 3}), none);
            }}},
          {"linear_rows",
           {[] {
              linear_rows(t({2, 3}), t({4, 2}));
            },
            [] {
              linear_rows(t({2, 3}), t({4, 3}), t({5}));
            },
            [] {
              linear_rows(t({2, 3}), t({3}));
            }},
           {[] {
              linear_rows(none, t({4, 2}));
            },
            [] {
              linear_rows(t({2, 3}), none);
            }}},
          {"segment_attention",
           {[] {
              segment_attention(t({2, 6}), zeros({3}, DType::i64), 1);
            },
            [] {
              segment_attention(t({2, 6}), zeros({2}, DType::i64), 4);
            }},
           {[] { segment_attention(none, zeros({2}, DType::i64), 1); },
            [] {
              segment_attention(t({2, 6}), none, 1);
            }}},
          {"scaled_dot_product_attention",
           {[] {
              scaled_dot_product_attention(t({2, 3}), t({2, 4}), t({2, 3}));
            },
            [] {
              scaled_dot_product_attention(t({1, 2, 3}), t({1, 2, 3}), t({1, 3, 3}));
            },
            [] {
              scaled_dot_product_attention(t({2, 3}), t({2, 3}), t({2, 3}),
                                           {.mask = ones({3, 5}, DType::b8)});
            }},
           {[] {
              scaled_dot_product_attention(none, t({2, 3}), t({2, 3}));
            },
            [] {
              scaled_dot_product_attention(t({2, 3}), none, t({2, 3}));
            },
            [] {
              scaled_dot_product_attention(t({2, 3}), t({2, 3}), none);
            }}},
          {"eigh",
           {[] {
              eigh(t({2, 3}));
            },
            [] {
              eigh(i({2, 2}));
            }},
           {[] { eigh(none); }}},
          {"eigvalsh",
           {[] {
             eigvalsh(t({2, 3}));
           }},
           {[] { eigvalsh(none); }}},
          {"svd", {[] { svd(t({3})); }}, {[] { svd(none); }}},
          {"svdvals", {[] { svdvals(t({3})); }}, {[] { svdvals(none); }}},
          {"cholesky",
           {[] {
              cholesky(t({2, 3}));
            },
            [] { cholesky(-eye(2)); }},
           {[] { cholesky(none); }}},
          {"cholesky_solve",
           {[] {
             cholesky_solve(t({2, 1}), eye(3));
           }},
           {[] { cholesky_solve(none, eye(3)); },
            [] {
              cholesky_solve(t({3, 1}), none);
            }}},
          {"solve",
           {[] { solve(eye(3), t({2})); },
            [] {
              solve(zeros({2, 2}), t({2}));
            }},
           {[] { solve(none, t({2})); }, [] { solve(eye(2), none); }}},
          {"solve_triangular",
           {[] {
              solve_triangular(eye(3), t({2, 1}), true);
            },
            [] {
              solve_triangular(zeros({2, 2}), t({2, 1}), true);
            }},
           {[] {
              solve_triangular(none, t({2, 1}), true);
            },
            [] { solve_triangular(eye(2), none, true); }}},
          {"inverse",
           {[] {
              inverse(t({2, 3}));
            },
            [] {
              inverse(zeros({2, 2}));
            }},
           {[] { inverse(none); }}},
          {"slogdet",
           {[] {
             slogdet(t({2, 3}));
           }},
           {[] { slogdet(none); }}},
          {"det",
           {[] {
             det(t({2, 3}));
           }},
           {[] { det(none); }}}};
}

template <class F>
Door loss(const char* name, F f) {
  return {name,
          {[=] {
            f(t({2, 3}), t({2, 1}));
          }},
          {[=] {
             f(none, t({2, 3}));
           },
           [=] {
             f(t({2, 3}), none);
           }}};
}
template <class F>
Door labelled(const char* name, F f) {
  return {name,
          {[=] {
             f(t({2, 3}), i({3}));
           },
           [=] {
             f(t({2, 3}), i({2}, -1));
           },
           [=] {
             f(t({2, 3}), i({2}, 3));
           }},
          {[=] { f(none, i({2})); },
           [=] {
             f(t({2, 3}), none);
           }}};
}

std::vector<Door> losses() {
  return {loss("mse_loss", [](auto a, auto b) { mse_loss(a, b); }),
          loss("l1_loss", [](auto a, auto b) { l1_loss(a, b); }),
          loss("huber_loss", [](auto a, auto b) { huber_loss(a, b); }),
          loss("kl_div", [](auto a, auto b) { kl_div(a, b); }),
          loss("mse_loss_by_task", [](auto a, auto b) { mse_loss_by_task(a, b); }),
          loss("binary_cross_entropy_with_logits",
               [](auto a, auto b) { binary_cross_entropy_with_logits(a, b); }),
          {"binary_cross_entropy_with_logits",
           {[] {
              binary_cross_entropy_with_logits(t({2, 3}), t({2, 3}), {.weight = t({2})});
            },
            [] {
              binary_cross_entropy_with_logits(t({2, 3}), t({2, 3}), {.pos_weight = t({2, 2, 3})});
            },
            [] {
              binary_cross_entropy_with_logits(t({2}), t({2}), {.reduction = Reduction::batchmean});
            }},
           {}},
          labelled("nll_loss", [](auto a, auto b) { nll_loss(a, b); }),
          labelled("cross_entropy", [](auto a, auto b) { cross_entropy(a, b); }),
          labelled("cross_entropy_by_task", [](auto a, auto b) { cross_entropy_by_task(a, b); }),
          {"nll_loss",
           {[] {
              nll_loss(t({2, 3}), i({2}), {.weight = t({2})});
            },
            [] {
              nll_loss(t({2, 3}), t({2}));
            }},
           {}},
          {"cross_entropy",
           {[] {
              cross_entropy(t({2, 3}), i({2}), {.weight = t({2})});
            },
            [] {
              cross_entropy(t({2, 3}), i({2}), {.label_smoothing = 2});
            },
            [] {
              cross_entropy(t({2, 3}), t({2, 3}), {.ignore_index = 1});
            },
            [] {
              cross_entropy(t({2, 3}), t({2}));
            },
            [] {
              cross_entropy(i({2, 3}), i({2}));
            }},
           {}},
          {"cosine_similarity",
           {[] {
              cosine_similarity(t({2, 3}), t({2, 4}));
            },
            [] {
              cosine_similarity(t({2, 3}), t({2, 3}), 2);
            }},
           {[] {
              cosine_similarity(none, t({2, 3}));
            },
            [] {
              cosine_similarity(t({2, 3}), none);
            }}},
          {"pairwise_distance",
           {[] {
              pairwise_distance(t({2, 3}), t({2, 4}));
            },
            [] { pairwise_distance(t({}), t({})); }},
           {[] {
              pairwise_distance(none, t({2, 3}));
            },
            [] {
              pairwise_distance(t({2, 3}), none);
            }}},
          {"cdist",
           {[] {
              cdist(t({2, 3}), t({2, 4}));
            },
            [] {
              cdist(t({4, 2, 3}), t({3, 2, 3}));
            }},
           {[] {
              cdist(none, t({2, 3}));
            },
            [] {
              cdist(t({2, 3}), none);
            }}}};
}

template <class F>
Door image(const char* name, F f) {
  return {name, {[=] { f(t({2, 3})); }, [=] { f(i({1, 1, 4, 4})); }}, {[=] { f(none); }}};
}
template <class F>
Door conv(const char* name, F f, const Tensor& x, const Tensor& w) {
  return {name,
          {[=] { f(t({2}), t({2}), none); }, [=] { f(x, w.to(DType::f64), none); },
           [=] { f(x, w, t({7})); },
           [=] {
             f(x, t({5, 5, 5, 5}), none);
           }},
          {[=] { f(none, w, none); }, [=] { f(x, none, none); }}};
}

std::vector<Door> images() {
  return {
      conv(
          "conv2d", [](auto x, auto w, auto b) { conv2d(x, w, b); }, t({2, 3, 4, 4}),
          t({5, 3, 2, 2})),
      conv(
          "conv1d", [](auto x, auto w, auto b) { conv1d(x, w, b); }, t({2, 3, 4}), t({5, 3, 2})),
      conv(
          "conv_transpose2d", [](auto x, auto w, auto b) { conv_transpose2d(x, w, b); },
          t({2, 3, 4, 4}), t({3, 5, 2, 2})),
      {"conv1d",
       {[] {
          conv1d(t({2, 3, 5}), t({4, 2, 3}));
        },
        [] {
          conv1d(t({2, 3, 5}), t({4, 3, 9}));
        }},
       {}},
      image("max_pool2d", [](auto x) { max_pool2d(x, 2); }),
      image("avg_pool2d", [](auto x) { avg_pool2d(x, 2); }),
      image("adaptive_avg_pool2d", [](auto x) { adaptive_avg_pool2d(x, 2); }),
      image("adaptive_max_pool2d", [](auto x) { adaptive_max_pool2d(x, 3); }),
      {"max_pool2d",
       {[] {
          max_pool2d(t({1, 1, 2, 2}), 3);
        },
        [] {
          max_pool2d(t({1, 1, 2, 2}), 1 << 20);
        }},
       {}},
      {"avg_pool2d",
       {[] {
          avg_pool2d(t({1, 1, 2, 2}), 3);
        },
        [] {
          avg_pool2d(t({1, 1, 2, 2}), 2, {.dilation = 2});
        }},
       {}},
      {"adaptive_avg_pool2d",
       {[] {
         adaptive_avg_pool2d(t({1, 1, 2, 2}), 0);
       }},
       {}},
      {"adaptive_max_pool2d",
       {[] {
         adaptive_max_pool2d(t({1, 1, 0, 2}), 1);
       }},
       {}},
      {"interpolate",
       {[] {
          interpolate(t({2, 3}), 2);
        },
        [] {
          interpolate(t({1, 1, 2, 2}), 0);
        },
        [] {
          interpolate(t({1, 1, 2, 2}), 4, Interpolation::nearest, true);
        },
        [] {
          interpolate(i({1, 1, 2, 2}), 4, Interpolation::bilinear);
        }},
       {[] { interpolate(none, 2); }}},
      {"dropout", {[] { dropout(t({2}), 2, Random(0)); }}, {[] { dropout(none, 0.5, Random(0)); }}},
      {"dropout2d",
       {[] { dropout2d(t({2}), 0.5, Random(0)); },
        [] {
          dropout2d(t({1, 1, 2, 2}), 2, Random(0));
        }},
       {[] { dropout2d(none, 0.5, Random(0)); }}},
      {"gumbel_softmax",
       {[] { gumbel_softmax(t({2}), Random(0), 0); },
        [] { gumbel_softmax(t({2}), Random(0), 1, false, 3); }},
       {[] { gumbel_softmax(none, Random(0)); }}}};
}

const BatchStatistics seen{zeros({3}), ones({3})};

std::vector<Door> norms() {
  return {{"layer_norm",
           {[] {
              layer_norm(t({2, 3}), {2});
            },
            [] {
              layer_norm(t({2, 3}), {3}, t({2}));
            },
            [] {
              layer_norm(i({2, 3}), {3});
            }},
           {[] { layer_norm(none, {3}); }}},
          {"batch_norm",
           {[] { batch_norm(t({2}), {}, {}); },
            [] {
              batch_norm(t({2, 3, 2, 2}), t({2}), {});
            },
            [] {
              batch_norm(t({0, 3, 2, 2}), {}, {});
            },
            [] {
              batch_norm(t({2, 4, 2, 2}), seen, {}, {});
            },
            [] {
              batch_norm(t({2, 3, 2, 2}), seen, {}, {}, {.residual = t({2, 3, 3, 3})});
            },
            [] {
              batch_norm(t({2, 3, 2, 2}), {}, {}, {.max_pool = Window{5, 1, 0}});
            },
            [] {
              batch_norm(t({2, 3, 2, 2}), seen, {}, {}, {.max_pool = Window{5, 1, 0}});
            }},
           {[] { batch_norm(none, {}, {}); },
            [] {
              batch_norm(t({2, 3}), BatchStatistics{}, {}, {});
            },
            [] { batch_norm(none, seen, {}, {}); }}},
          {"group_norm",
           {[] {
              group_norm(t({2, 3}), 2);
            },
            [] {
              group_norm(t({2, 4, 2}), 2, t({3}));
            },
            [] {
              group_norm(i({2, 4, 2}), 2);
            }},
           {[] { group_norm(none, 1); }}},
          {"instance_norm",
           {[] {
              instance_norm(t({2, 3}));
            },
            [] {
              instance_norm(t({2, 4, 2}), t({3}));
            }},
           {[] { instance_norm(none); }}},
          {"res_norm",
           {[] {
             res_norm(t({2, 3}));
           }},
           {[] { res_norm(none); }}},
          {"sub_spectral_norm",
           {[] {
              sub_spectral_norm(t({2, 3, 4, 2}), 3, {}, {});
            },
            [] {
              sub_spectral_norm(t({2, 3, 4, 2}), 1, t({2}), {});
            },
            [] {
              sub_spectral_norm(t({2, 4, 4, 2}), 1, seen, {}, {});
            }},
           {[] { sub_spectral_norm(none, 1, {}, {}); },
            [] {
              sub_spectral_norm(t({2, 3, 4, 2}), 1, BatchStatistics{}, {}, {});
            }}},
          {"broadcast_residual",
           {[] {
             broadcast_residual(t({2, 3, 4, 2}), t({2, 3, 2, 2}));
           }},
           {[] {
              broadcast_residual(none, t({2, 3, 1, 2}));
            },
            [] {
              broadcast_residual(t({2, 3, 4, 2}), none);
            }}},
          {"fake_quantize",
           {[] {
              fake_quantize(i({2}), Range{0, 1});
            },
            [] {
              fake_quantize(t({2}), Ranges({{0, 1}, {0, 2}}));
            }},
           {[] {
             fake_quantize(none, Range{0, 1});
           }}},
          {"quantized_levels",
           {[] {
             quantized_levels(i({2}), Range{0, 1});
           }},
           {[] {
             quantized_levels(none, Range{0, 1});
           }}},
          {"weight_ranges", {}, {[] { weight_ranges(none); }}},
          {"MinMaxObserver::observe",
           {[] {
             MinMaxObserver(2).observe(t({2, 3}));
           }},
           {[] { MinMaxObserver().observe(none); }}},
          {"Int8Conv2d",
           {[] {
              Int8Conv2d(t({2, 3, 1, 1}), none, {.padding = "same"}, Range{0, 1});
            },
            [] {
              Int8Conv2d(t({2, 3}), none, {}, Range{0, 1});
            },
            [] {
              Int8Conv2d(t({2, 3, 1, 1}), none, {}, Range{0, 1})(t({1, 2, 2, 2}));
            }},
           {[] {
              Int8Conv2d(none, none, {}, Range{0, 1});
            },
            [] {
              Int8Conv2d(t({2, 3, 1, 1}), none, {}, Range{0, 1})(none);
            }}}};
}

std::vector<Door> sparse() {
  static const Csr a = csr_from_edges(i({2, 1}, 1), 2);
  return {{"sparse_csr_tensor",
           {[] { sparse_csr_tensor(i({2}), i({1}), t({2}), 1, 1); },
            [] { sparse_csr_tensor(i({3}), i({1}), t({1}), 2, 2); }},
           {[] { sparse_csr_tensor(none, i({1}), t({1}), 1, 1); },
            [] { sparse_csr_tensor(i({2}), none, t({1}), 1, 1); },
            [] { sparse_csr_tensor(i({2}), i({1}), none, 1, 1); }}},
          {"csr_from_edges",
           {[] {
              csr_from_edges(i({3, 1}), 2);
            },
            [] {
              csr_from_edges(i({2, 1}, 5), 2);
            }},
           {[] { csr_from_edges(none, 2); }}},
          {"with_values",
           {[] { with_values(a, t({7})); }},
           {[] { with_values(a, none); }, [] { with_values(Csr{}, t({1})); }}},
          {"transpose", {}, {[] { transpose(Csr{}); }}},
          {"row_indices", {}, {[] { row_indices(Csr{}); }}},
          {"to_dense", {}, {[] { to_dense(Csr{}); }}},
          {"spmm",
           {[] {
              spmm(a, t({3, 1}));
            },
            [] { spmm(a, t({2})); }},
           {[] { spmm(a, none); },
            [] {
              spmm(Csr{}, t({2, 1}));
            }}},
          {"sddmm",
           {[] {
              sddmm(a, t({3, 1}), t({2, 1}));
            },
            [] {
              sddmm(a, t({2, 1}), t({2, 2}));
            }},
           {[] {
              sddmm(a, none, t({2, 1}));
            },
            [] {
              sddmm(a, t({2, 1}), none);
            }}}};
}

std::vector<Door> factories() {
  const auto f = [](const Tensor& x) { return sum(square(x)); };
  const auto same = [](const Tensor& x) { return 2 * x; };
  return {
      {"full", {[] { full(huge, 1); }, [] { full({-1}, 1); }}, {}},
      {"zeros", {[] { zeros(huge); }}, {}},
      {"ones", {[] { ones(huge); }}, {}},
      {"eye", {[] { eye(int64_t{1} << 40); }, [] { eye(-1); }}, {}},
      {"arange", {[] { arange(0, 5, 0); }, [] { arange(0, 1e300); }, [] { arange(0, 5, -1); }}, {}},
      {"tensor",
       {[] {
         tensor({1.0, 2.0}, {3});
       }},
       {}},
      {"from_data", {[] { from_data(nullptr, huge, DType::f32); }}, {}},
      {"zeros_like", {}, {[] { zeros_like(none); }}},
      {"ones_like", {}, {[] { ones_like(none); }}},
      {"uniform",
       {[] { uniform(Random(0), huge); }, [] { uniform(Random(0), {2}, 0, 1, DType::i64); }},
       {}},
      {"normal",
       {[] { normal(Random(0), huge); }, [] { normal(Random(0), {2}, 0, 1, DType::i64); }},
       {}},
      {"randint",
       {[] { randint(Random(0), 0, 2, huge); }, [] { randint(Random(0), 2, 2, {1}); }},
       {}},
      {"randperm", {[] { randperm(Random(0), -1); }}, {}},
      {"vjp",
       {[=] { vjp(same, t({2}), t({3})); }},
       {[=] { vjp(same, none, t({2})); },
        [=] { vjp([](const Tensor&) { return Tensor(); }, t({2}), t({2})); }}},
      {"jvp", {[=] { jvp(same, t({2}), t({3})); }}, {[=] { jvp(same, none, t({2})); }}},
      {"hvp", {[=] { hvp(f, t({2}), t({3})); }, [=] { hvp(same, t({2}), t({2})); }}, {[=] {
         hvp(f, none, t({2}));
       }}},
      {"jacobian", {}, {[=] { jacobian(f, none); }}},
      {"hessian", {[=] { hessian(same, t({2})); }}, {[=] { hessian(f, none); }}},
      {"grad",
       {[] { grad(t({2}).requires_grad_() * 2, t({2})); }, [] { grad(t({}), t({})); }},
       {[] { grad(none, t({2})); }, [] { grad(sum(t({2}).requires_grad_()), none); }}}};
}

std::vector<Door> comparisons_with_numbers() {
  std::vector<Door> out;
  for (const auto& [name, f] :
       std::initializer_list<std::pair<const char*, void (*)(const Tensor&)>>{
           {"eq", [](const Tensor& x) { x == 1; }},
           {"ne", [](const Tensor& x) { 1.5 != x; }},
           {"lt", [](const Tensor& x) { x < 1; }},
           {"le", [](const Tensor& x) { x <= 1; }},
           {"gt", [](const Tensor& x) { 1 < x; }},
           {"ge", [](const Tensor& x) { x >= 0.5; }}})
    out.push_back({name, {}, {[f = f] { f(none); }}});
  return out;
}

std::vector<Door> selections() {
  const Tensor mask = ones({2}, DType::b8);
  return {
      {"nonzero", {}, {[] { nonzero(none); }}},
      {"masked_select",
       {[] { masked_select(t({2}), t({2})); }, [=] { masked_select(t({3}), mask); }},
       {[=] { masked_select(none, mask); }, [] { masked_select(t({2}), none); }}},
      {"bincount",
       {[] { bincount(t({2})); },
        [] {
          bincount(i({2, 1}));
        },
        [] { bincount(i({2}, -1)); }, [] { bincount(i({2}), t({3})); },
        [] { bincount(i({2}), {}, -1); }},
       {[] { bincount(none); }}},
      {"scatter",
       {[] { scatter(t({3}), 0, i({2}), t({1})); }, [] { scatter(t({3}), 1, i({2}), 1); },
        [] { scatter(t({3}), 0, i({2}, 3), t({2})); }, [] { scatter(t({3}), 0, t({2}), 1); },
        [] { scatter(t({3}), 0, i({2}), i({2})); }},
       {[] { scatter(none, 0, i({1}), t({1})); }, [] { scatter(t({3}), 0, none, t({1})); },
        [] { scatter(t({3}), 0, i({1}), none); }, [] { scatter(none, 0, i({1}), 1); }}},
      {"index_add",
       {[] { index_add(t({3}), 0, i({2}), t({3})); }, [] { index_add(t({3}), 1, i({1}), t({1})); },
        [] { index_add(t({3}), 0, i({1}, 3), t({1})); },
        [] { index_add(t({3}), 0, t({1}), t({1})); }},
       {[] { index_add(none, 0, i({1}), t({1})); }, [] { index_add(t({3}), 0, none, t({1})); },
        [] { index_add(t({3}), 0, i({1}), none); }}},
      {"embedding",
       {[] { embedding(i({2}), t({2})); },
        [] {
          embedding(t({2}), t({2, 3}));
        },
        [] {
          embedding(i({2}, 2), t({2, 3}));
        },
        [] {
          embedding(i({2}, -1), t({2, 3}));
        },
        [] {
          embedding(i({2}), t({2, 3}), 2);
        }},
       {[] {
          embedding(none, t({2, 3}));
        },
        [] { embedding(i({2}), none); }}},
      along("unbind", [](auto x, auto d) { unbind(x, d); }),
      {"unbind", {[] { unbind(t({})); }}, {}},
      {"diag",
       {[] { diag(t({})); },
        [] {
          diag(t({2, 2, 2}));
        },
        [] { diag(t({2}), INT64_MIN); }},
       {[] { diag(none); }}},
      {"meshgrid",
       {[] { meshgrid({}); },
        [] {
          meshgrid({t({2, 2})});
        },
        [] {
          meshgrid({t({2}), i({2})});
        },
        [] { meshgrid({t({2})}, "yx"); }},
       {[] {
         meshgrid({t({2}), none});
       }}},
      {"pad",
       {[] { pad(t({3}), {1}, PadMode::reflect); },
        [] {
          pad(t({3}), {3, 0}, PadMode::reflect);
        },
        [] {
          pad(t({3}), {4, 0}, PadMode::circular);
        },
        [] {
          pad(t({0}), {1, 0}, PadMode::replicate);
        },
        [] {
          pad(t({3}), {-2, -2}, PadMode::circular);
        }},
       {[] {
         pad(none, {1, 1}, PadMode::reflect);
       }}},
      along("median", [](auto x, auto d) { median(x, d); }),
      {"median",
       {[] { median(t({0})); },
        [] {
          median(t({0, 2}), 0);
        }},
       {[] { median(none); }}},
      along("quantile", [](auto x, auto d) { quantile(x, 0.5, d); }),
      {"quantile",
       {[] { quantile(t({2}), 1.5); }, [] { quantile(i({2}), 0.5); }, [] { quantile(t({0}), 0.5); },
        [] {
          quantile(t({2}), t({1, 1}));
        },
        [] { quantile(t({2}), ones({1}, DType::f64)); }},
       {[] { quantile(none, 0.5); }, [] { quantile(t({2}), none); }}}};
}

std::vector<Door> more_matrices() {
  return {{"qr",
           {[] { qr(t({2})); },
            [] {
              qr(i({2, 2}));
            },
            [] {
              qr(full({2, 2}, NAN));
            },
            [] {
              qr(t({2, 2}).requires_grad_());
            }},
           {[] { qr(none); }}},
          {"pinv",
           {[] { pinv(t({2})); },
            [] {
              pinv(full({2, 2}, NAN));
            },
            [] {
              pinv(t({2, 2}), -1);
            }},
           {[] { pinv(none); }}},
          {"lstsq",
           {[] {
              lstsq(t({3, 2}), t({2}));
            },
            [] {
              lstsq(t({3, 2}), ones({3}, DType::f64));
            },
            [] {
              lstsq(t({2, 3, 2}), t({3, 1}));
            }},
           {[] { lstsq(none, t({2})); },
            [] {
              lstsq(t({3, 2}), none);
            }}},
          {"rms_norm",
           {[] {
              rms_norm(t({2, 3}), {2});
            },
            [] {
              rms_norm(t({2, 3}), {3}, t({2}));
            },
            [] {
              rms_norm(i({2, 3}), {3});
            },
            [] {
              rms_norm(t({2, 3}), {3}, {}, -1);
            }},
           {[] { rms_norm(none, {3}); }}},
          loss("smooth_l1_loss", [](auto a, auto b) { smooth_l1_loss(a, b); }),
          {"smooth_l1_loss", {[] { smooth_l1_loss(t({2}), t({2}), -1); }}, {}},
          {"linspace", {[] { linspace(0, 1, -1); }}, {}}};
}

std::vector<Door> sequences() {
  const auto sequence = [](const char* name, auto f) {
    return Door{name, {[=] { f(t({3})); }, [=] { f(i({1, 2, 4})); }}, {[=] { f(none); }}};
  };
  return {conv(
              "conv_transpose1d", [](auto x, auto w, auto b) { conv_transpose1d(x, w, b); },
              t({2, 3, 4}), t({3, 5, 2})),
          sequence("max_pool1d", [](auto x) { max_pool1d(x, 2); }),
          sequence("avg_pool1d", [](auto x) { avg_pool1d(x, 2); }),
          sequence("adaptive_avg_pool1d", [](auto x) { adaptive_avg_pool1d(x, 3); }),
          sequence("adaptive_max_pool1d", [](auto x) { adaptive_max_pool1d(x, 3); }),
          image("max_pool2d_with_indices", [](auto x) { max_pool2d_with_indices(x, 2); }),
          {"max_pool2d",
           {[] {
             max_pool2d(t({1, 2, 2}), 5, {.stride = 1, .ceil_mode = true});
           }},
           {}},
          {"avg_pool2d",
           {[] {
             avg_pool2d(t({1, 2, 2}), 5, {.stride = 1, .ceil_mode = true});
           }},
           {}},
          {"conv2d",
           {[] {
             conv2d(t({1, 1, 4, 4}), t({1, 1, 3, 3}), {}, {.stride = 2, .padding = "same"});
           }},
           {}},
          {"conv_transpose2d",
           {[] {
             conv_transpose2d(t({1, 1, 4, 4}), t({1, 1, 3, 3}), {}, {.padding = "same"});
           }},
           {}}};
}

std::vector<Door> doors() {
  std::vector<Door> all;
  for (const auto& part : {arithmetic(), rows(), reductions(), layouts(), products(), losses(),
                           images(), norms(), sparse(), factories(), comparisons_with_numbers(),
                           selections(), more_matrices(), sequences()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

// What the call threw; empty: nothing.
std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

// A header's statements at namespace scope, each on one line, without comments and bodies.
std::vector<std::string> statements(const std::string& header) {
  std::ifstream file(std::string(REGRAD_ENGINE_FOLDER) + "/" + header);
  REQUIRE(file);
  std::string code;
  for (std::string line; std::getline(file, line);)
    if (line.rfind("namespace", 0) != 0 && line.rfind("}  // namespace", 0) != 0 &&
        line.rfind("#", 0) != 0)
      code += line.substr(0, line.find("//")) + " ";
  std::vector<std::string> out(1);
  int braces = 0, parentheses = 0;
  for (char ch : code) {
    parentheses += (ch == '(') - (ch == ')');
    braces += (ch == '{') - (ch == '}');
    if (braces == 0 && ch != '}') out.back() += ch;
    if (braces == (ch == '{') && parentheses == 0 && (ch == ';' || ch == '{' || ch == '}'))
      out.emplace_back();
  }
  return out;
}

// The functions that return tensors or take them, operators left out.
std::set<std::string> functions_of_tensors(const std::string& header) {
  const std::regex function("^.*?\\b(\\w+)\\((.*)"), other("\\b(operator|using|static_assert)\\b"),
      tensors("\\b(Tensor|TensorList|Extreme|Eigh|Svd|Qr|LeastSquares|SlogDet|Csr)\\b");
  std::set<std::string> out;
  for (const std::string& text : statements(header)) {
    std::smatch found;
    if (std::regex_match(text, found, function) && std::regex_search(text, tensors) &&
        !std::regex_search(text, other))
      out.insert(found[1]);
  }
  return out;
}

}  // namespace

TEST_CASE("errors begin with the function that was called") {
  for (const Door& door : doors()) {
    for (const auto* calls : {&door.bad, &door.undefined}) {
      for (size_t k = 0; k < calls->size(); ++k) {
        const std::string words = message_of((*calls)[k]);
        CAPTURE(std::string(door.name));
        CAPTURE(k);
        CAPTURE(words);
        CHECK(words.rfind(std::string(door.name) + ": ", 0) == 0);
        if (calls == &door.undefined) CHECK(words.find("undefined") != std::string::npos);
      }
    }
  }
}

TEST_CASE("every public function of tensors stands among them") {
  std::set<std::string> here;
  for (const Door& door : doors()) here.insert(door.name);
  // They cannot fail on their tensors: a number has every shape, every tensor can be written; a
  // blob's errors are test_tensor's.
  here.insert({"scalar", "from_blob", "adopt", "str"});
  std::map<std::string, int> seen_in;
  for (const char* header : {"ops.h", "functional.h", "conv.h", "linalg.h", "freq.h", "sparse.h",
                             "quantize.h", "random.h", "tensor.h", "autograd.h"}) {
    for (const std::string& name : functions_of_tensors(header)) {
      ++seen_in[header];
      CAPTURE(header);
      CHECK_MESSAGE(here.count(name), name);
    }
    CHECK(seen_in[header] > 0);
  }
}

TEST_CASE("an error within a composition shows what was given, and what failed inside") {
  const std::string words = message_of([] { conv1d(ones({2, 3, 5}), ones({4, 2, 3})); });
  CHECK(words.rfind("conv1d: x [2,3,5], weight [4,2,3] (conv2d: ", 0) == 0);
  CHECK(message_of([] {
          stack({ones({2}), ones({3})}, 0);
        }).rfind("stack: list [2] [3] (cat: ", 0) == 0);
  CHECK(message_of([] { cat({ones({2}), Tensor()}, 0); }) == "cat: list[1] is an undefined tensor");
  CHECK(message_of([] { linear(ones({2}), Tensor(), ones({1})); }) ==
        "linear: weight is an undefined tensor");
  // Tasks of the pool are within the call too, and after an error nothing is left of it.
  CHECK(message_of([] {
          inverse(zeros({4096, 2, 2}));
        }).rfind("inverse: a [4096,2,2] (solve: pivot 0 of matrix [0] is 0", 0) == 0);
  CHECK(message_of([] { Tensor().shape(); }) ==
        "shape: an undefined tensor has no shape, dtype or value");
}

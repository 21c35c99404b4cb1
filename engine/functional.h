// Losses, statistics, norms, attention, rearranging, indexing, random masks. Nearly all of them are
// composed of the ops in ops.h; norms and attention have rows of their own. Differentiable to any
// order.
//
//   Tensor loss = cross_entropy(linear(x, weight, bias), target);
//       // x [N,in], weight [out,in], target i64 [N]
//
// Losses take one leading task dimension where the name has by_task: [T, N, ...] with the mean
// over each task, giving [T].
// Names, defaults and edge cases are PyTorch's; errors are ShapeError and DTypeError as in ops.h.
#pragma once

#include <optional>
#include <string_view>

#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

namespace regrad {

// batchmean (kl_div alone): the sum divided by the first dim's size
enum class Reduction { none, mean, sum, batchmean };

// y = x W^T + b. x [..,in], weight [out,in], bias [out] (may be undefined); or with a task each: x
// [T,N,in], weight [T,out,in], bias [T,out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

// Losses. ShapeError where input and target differ in shape: a broadcast there is nearly always a
// mistake.
// (input - target)^2
Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
// |input - target|
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
// d^2/2 for |d| <= delta, else delta (|d| - delta/2), d = input - target
Tensor huber_loss(const Tensor& input, const Tensor& target, double delta = 1,
                  Reduction reduction = Reduction::mean);
// d^2/(2 beta) for |d| < beta, else |d| - beta/2, d = input - target; beta 0: l1_loss. ConfigError
// below 0.
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, double beta = 1,
                      Reduction reduction = Reduction::mean);
// target (log target - input), input = log q; 0 where target is 0. Reduction::mean divides by all
// elements, as PyTorch's "mean" does; batchmean is the divergence of a batch of distributions
// [N,..]. log_target: target = log p too, e^target (target - input).
struct KlDivOptions {
  Reduction reduction = Reduction::mean;
  bool log_target = false;
};
Tensor kl_div(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor kl_div(const Tensor& input, const Tensor& target, const KlDivOptions& options);
// weight (pos_weight t log(1 + e^-x) + (1 - t) log(1 + e^x)), t in [0, 1]. Both weights broadcast
// to input ([labels], for one); undefined: 1. Reduction::mean divides by all elements.
struct BceOptions {
  Tensor weight = {};
  Tensor pos_weight = {};
  Reduction reduction = Reduction::mean;
};
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        Reduction reduction = Reduction::mean);
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const BceOptions& options);
// -weight[target] input[target]. input [..,classes] of log probabilities, target i64 [..] in [0,
// classes): ShapeError where a label is outside. Targets equal to ignore_index (none by default;
// PyTorch's is -100) give 0 and have no gradient. Reduction::mean divides by the sum of
// weight[target] over the targets that count.
struct NllOptions {
  Tensor weight = {};  // [classes]
  std::optional<int64_t> ignore_index = {};
  Reduction reduction = Reduction::mean;
};
Tensor nll_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
Tensor nll_loss(const Tensor& input, const Tensor& target, const NllOptions& options);
// -log softmax(input)[target], with the options of nll_loss. label_smoothing e in [0, 1]: (1 - e)
// of that and e of the mean over the classes c of -weight[c] log softmax(input)[c]. A floating
// target of input's shape holds probabilities p: -sum_c weight[c] ((1 - e) p_c + e / classes) log
// softmax(input)[c], where Reduction::mean divides by the number of rows. ConfigError:
// label_smoothing outside [0, 1], ignore_index beside probabilities.
struct CrossEntropyOptions {
  Tensor weight = {};  // [classes]
  std::optional<int64_t> ignore_index = {};
  double label_smoothing = 0;
  Reduction reduction = Reduction::mean;
};
Tensor cross_entropy(const Tensor& input, const Tensor& target,
                     Reduction reduction = Reduction::mean);
Tensor cross_entropy(const Tensor& input, const Tensor& target, const CrossEntropyOptions& options);
// The mean over all but the first dim: [T]. cross_entropy: input [T,N,classes], target [T,N].
Tensor mse_loss_by_task(const Tensor& input, const Tensor& target);
Tensor cross_entropy_by_task(const Tensor& input, const Tensor& target);

// <a, b> / max(|a| |b|, eps) over dim, broadcast. eps guards each norm, as PyTorch's does:
// a/max(|a|, eps) . b/max(|b|, eps).
Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t dim = 1, double eps = 1e-8);
// |a - b + eps|_p over the last dim.
Tensor pairwise_distance(const Tensor& a, const Tensor& b, double p = 2, double eps = 1e-6);
// |a_i - b_j|_p: a [..,N,D], b [..,M,D] -> [..,N,M]. The gradient at distance 0 is 0.
Tensor cdist(const Tensor& a, const Tensor& b, double p = 2);

// Statistics over dims (none given: all). The gradient of std where all values are equal is 0.
// divides by max(n - correction, 0)
Tensor var(const Tensor& x, const Dims& dims = {}, double correction = 1, bool keepdim = false);
// call it as regrad::std
Tensor std(const Tensor& x, const Dims& dims = {}, double correction = 1, bool keepdim = false);
// (sum |x|^p)^(1/p), p > 0; p = infinity: the largest |x|. The gradient at the zero vector is 0.
Tensor norm(const Tensor& x, double p = 2, const Dims& dims = {}, bool keepdim = false);
// right with zeros, at every order
Tensor prod(const Tensor& x, int64_t dim, bool keepdim = false);
Tensor amin(const Tensor& x, const Dims& dims = {}, bool keepdim = false);
Extreme min(const Tensor& x, int64_t dim, bool keepdim = false);
Tensor min(const Tensor& x);  // amin over all dims
Tensor argmin(const Tensor& x, int64_t dim, bool keepdim = false);
// The element that half of the others do not exceed; of an even number the lower one of the two in
// the middle, as in PyTorch. NaN where any is. The gradient goes to the index; over all elements,
// equal ones share it. ShapeError over no elements.
Extreme median(const Tensor& x, int64_t dim, bool keepdim = false);
Tensor median(const Tensor& x);
// The element of rank q (n - 1) of the n sorted ones over dim (none given: all), linear between its
// neighbours. q in [0, 1] (ConfigError), a number or of x's dtype, [] or [k], which gives k results
// along a new first dim. NaN where any element is. ShapeError over no elements.
Tensor quantile(const Tensor& x, double q, std::optional<int64_t> dim = {}, bool keepdim = false);
Tensor quantile(const Tensor& x, const Tensor& q, std::optional<int64_t> dim = {},
                bool keepdim = false);
Tensor any(const Tensor& x, const Dims& dims = {}, bool keepdim = false);  // b8; any element not 0
Tensor all(const Tensor& x, const Dims& dims = {}, bool keepdim = false);  // b8; of nothing: true

// Norms over dims, any layout. standardize: (x - mean) / sqrt(var + eps), with the variance divided
// by the number of elements;
// inv_std: 1 / sqrt(var + eps), dims kept with size 1. eps > 0. ShapeError: no dims, or no
// elements.
Tensor standardize(const Tensor& x, const Dims& dims, double eps = 1e-5);
Tensor inv_std(const Tensor& x, const Dims& dims, double eps = 1e-5);
// standardize over the last dims, which must be normalized_shape; times weight, plus bias (of that
// shape; may be undefined).
Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

// x / sqrt(mean(x^2) + eps) over the last dims, which must be normalized_shape; times weight (of
// that shape; may be undefined). eps: by default the distance from 1 to the next number of x's
// dtype. ConfigError below 0.
Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                std::optional<double> eps = {});

// Images [N,C,H,W] (or [N,C], [N,C,L], or [T,N,C,H,W] with weight and bias [C] or [T,C]) by their
// channels' own statistics over all other dims (of a task):
//   h = (x - mean) / sqrt(var + eps), var divided by the number of elements;
//   z = h weight + bias + residual;  y = max_pool(relu(z))
// each where asked for. One pass over memory forward and two back at first order; every higher
// order by plain ops.
struct Window {
  int kernel = 2, stride = 2, padding = 0;
};
struct BatchNormOptions {
  double eps = 1e-5;
  bool relu = false;
  Tensor residual = {};                 // of x's shape
  std::optional<Window> max_pool = {};  // not beside a residual
};
// What a batch's channels were: [C] or [T,C], plain values; var divided by the number of elements.
struct BatchStatistics {
  Tensor mean, var;
};
// weight and bias may be undefined (ones and zeros). seen: where given, gets the statistics.
// ShapeError: no elements to take statistics of.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const BatchNormOptions& options = {}, BatchStatistics* seen = nullptr);
// The same by given statistics [C] or [T,C] (inference).
Tensor batch_norm(const Tensor& x, const BatchStatistics& given, const Tensor& weight,
                  const Tensor& bias, const BatchNormOptions& options = {});
// Each image's channels by themselves ([N,C,..]); and in `groups` of neighbouring channels. weight,
// bias [C], may be undefined.
Tensor instance_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {},
                     double eps = 1e-5);
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

struct AttentionOptions {
  // b8 or u8 (1: seen) or floating (added to the scores); broadcast to [.., L, S]. A query that
  // sees no key gets zeros, and no gradient.
  Tensor mask = {};
  bool is_causal = false;            // query i sees keys 0..i
  std::optional<double> scale = {};  // default 1/sqrt(D)
};
// softmax(scale q k^T) v: q [.., L, D], k [.., S, D], v [.., S, E] -> [.., L, E], equal leading
// dims. Without a mask no [L, S] matrix is kept.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});

// Self-attention among rows of one segment: qkv [n, 3 D], the queries, keys and values of `heads`
// heads side by side; segment i64 [n], rows of equal numbers see each other -> [n, D]. Texts of any
// length stand one after the other; each one's bits are the same in any company. scale: by default
// 1/sqrt(D / heads). The second derivative takes all n x n pairs at once.
Tensor segment_attention(const Tensor& qkv, const Tensor& segment, int64_t heads,
                         std::optional<double> scale = {});

// More elementwise functions.
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);  // derivative negative_slope at 0
// x > 0 ? x : alpha (e^x - 1); at 0 every derivative is alpha (PyTorch's second one is 0 there)
Tensor elu(const Tensor& x, double alpha = 1);

// Rearranging.
// pieces of `size`, the last one shorter
std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t dim = 0);
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t dim = 0);
// at most that many equal pieces
std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t dim = 0);
// as many as dim has, without it
std::vector<Tensor> unbind(const Tensor& x, int64_t dim = 0);
// Views of axes [n_i] (or []) along dim i of a grid [n_0, n_1, ..]: "ij"; "xy" swaps its first two
// dims. One dtype.
std::vector<Tensor> meshgrid(TensorList axes, std::string_view indexing = "ij");
// pads: {before, after} of the last dim, then of the one before it, ... (PyTorch's order); negative
// ones cut. What is added is `value`, or goes by mode, for a b c d (ShapeError beyond n - 1, n):
//   reflect c b|a b c d|c b (at most n - 1 of n elements), replicate a a|a b c d|d d,
//   circular c d|a b c d|a b (at most n)
enum class PadMode { constant, reflect, replicate, circular };
Tensor pad(const Tensor& x, const std::vector<int64_t>& pads, double value = 0);
Tensor pad(const Tensor& x, const std::vector<int64_t>& pads, PadMode mode);
Tensor flip(const Tensor& x, const Dims& dims);  // ShapeError where a dim is named twice
Tensor roll(const Tensor& x, int64_t shift, int64_t dim);
// as many or more entries than dims; new dims in front
Tensor repeat(const Tensor& x, const Shape& times);
// of the last two dims: zeros above the diagonal
Tensor tril(const Tensor& x, int64_t diagonal = 0);
Tensor triu(const Tensor& x, int64_t diagonal = 0);
// goes last
Tensor diagonal(const Tensor& x, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1);
// [n] -> the matrix with x on that diagonal and zeros elsewhere; a matrix -> its diagonal
Tensor diag(const Tensor& x, int64_t offset = 0);
// [n], [m] -> [n,m]
Tensor outer(const Tensor& a, const Tensor& b);
// Einstein sums: letters, "..." for broadcast dims in front, "->" or the sorted letters that occur
// once. Repeated letters of one operand take its diagonal.
Tensor einsum(std::string_view equation, TensorList operands);

// Indexing.
// mask b8 or u8, broadcast to x
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value);
// x's elements where mask (b8 or u8) is not 0, both broadcast: [count], row-major
Tensor masked_select(const Tensor& x, const Tensor& mask);
// The places of elements that are not 0 (NaN is not), row-major: i64 [count, dims of x].
Tensor nonzero(const Tensor& x);
// How often 0, 1, .. occur in x [n] (i64 or u8, not negative): i64 [max(largest + 1, minlength)];
// or the sums of weights [n] at each, in the weights' dtype (f64 of integers).
Tensor bincount(const Tensor& x, const Tensor& weights = {}, int64_t minlength = 0);
// x with source (or a number) at index along dim: y[i][index[i][j]] = source[i][j] for dim 1. index
// of x's rank, no larger than source, nor than x but along dim. At equal places the last one wins,
// and has the gradient.
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, double value);
// x with alpha source[.., i, ..] added at place index[i] of dim. index [n]; source of x's shape,
// but n along dim.
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                 double alpha = 1);
// Rows of weight [entries, size] by index i64 [..] in [0, entries) (ShapeError outside): [..,
// size]. The row padding_idx (negative: from the end) has no gradient.
Tensor embedding(const Tensor& index, const Tensor& weight,
                 std::optional<int64_t> padding_idx = {});
// i64 [..] -> i64 [.., classes]; -1: the largest index + 1
Tensor one_hot(const Tensor& index, int64_t classes = -1);
// x with values at (indices[0][i], indices[1][i], ...) of its first dims. values broadcast to
// [index dims.., rest of x]; equal positions: the last one wins, or with accumulate all are added.
Tensor index_put(const Tensor& x, TensorList indices, const Tensor& values,
                 bool accumulate = false);

// Random masks, from named streams.
// each element is 0 with probability p, else x / (1 - p). ConfigError outside [0, 1].
Tensor dropout(const Tensor& x, double p, const Random& r);
// softmax((logits + Gumbel noise) / tau) over dim; hard: its one-hot maximum, with the soft
// gradient (straight through).
Tensor gumbel_softmax(const Tensor& logits, const Random& r, double tau = 1, bool hard = false,
                      int64_t dim = -1);

// Straight through. stop_gradient: the value, without a graph. ste: the value of `forward` with the
// derivatives of `gradient`, at every order: where `gradient` is linear (as in STE proper) second
// derivatives are zero, where it is a soft surrogate they are the surrogate's. Equal shapes and
// dtypes.
Tensor stop_gradient(const Tensor& x);
Tensor ste(const Tensor& forward, const Tensor& gradient);

}  // namespace regrad

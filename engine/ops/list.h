// Every row of regrad, named once. Rows are listed, never self-registered: a static library drops what nobody names.
// A row is defined as `constinit const Op NAME_op = row({...})` in the file of its family.
#pragma once

#include <regrad/engine/ops/op.h>

namespace regrad {

#define REGRAD_ROWS(X)                                                                                                                              \
  X(affine)                                                                                                                                         \
  X(div_scalar)                                                                                                                                     \
  X(abs)                                                                                                                                            \
  X(sign)                                                                                                                                           \
  X(floor)                                                                                                                                          \
  X(ceil)                                                                                                                                           \
  X(round)                                                                                                                                          \
  X(exp) X(expm1) X(log) X(log1p) X(sqrt) X(rsqrt) X(sin) X(cos) X(tanh) X(sigmoid) X(relu) X(erf) X(erfc) X(gelu) X(silu) X(softplus) X(clamp)     \
      X(pow_scalar) X(add) X(mul) X(div) X(pow) X(minimum) X(maximum) X(relu_grad) X(eq) X(ne) X(lt) X(le) X(gt) X(ge) X(where) X(sum) X(amax)      \
          X(argmax) X(logsumexp) X(softmax) X(log_softmax) X(reshape) X(permute) X(expand) X(slice) X(unslice) X(contiguous) X(to) X(cat)           \
              X(index_select) X(gather) X(scatter_add) X(matmul) X(addmm) X(standardize) X(inv_std) X(norm_grad) X(attention) X(cumsum) X(argsort)  \
                  X(over_gaps) X(eigh) X(eigvalsh) X(svd) X(svdvals) X(solve_triangular) X(cholesky) X(solve) X(slogdet) X(conv2d) X(conv2d_input)  \
                      X(conv2d_weight) X(pool_index) X(pool_gather) X(pool_scatter) X(avg_pool2d) X(avg_pool2d_grad) X(batch_norm) X(spmm) X(sddmm) \
                          X(res_norm) X(sub_spectral) X(band_affine) X(broadcast_residual)

#define X(name) extern const Op name##_op;
REGRAD_ROWS(X)
#undef X

// Stops the build at a row without samples or reference, or with neither vjp nor a declared zero for an input.
consteval Op row(Op op) {
  if (!complete(op)) throw "a row needs a name, infer, forward (views: none), a vjp or declared_zero for each input, a reference and samples";
  return op;
}

inline constexpr const Op* all_ops[] = {
#define X(name) &name##_op,
    REGRAD_ROWS(X)
#undef X
};

}  // namespace regrad

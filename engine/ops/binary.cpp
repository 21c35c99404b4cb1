// Elementwise functions of two tensors that have a kernel, comparisons, where. formulas.cpp has
// those without.
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {
namespace {

using kernels::Binary;
using kernels::Compare;
using kernels::Params;

std::vector<double> add_reference(const RefCall& c) {
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  for (size_t i = 0; i < y.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    y[i] =
        broadcast_at(c.in[0], c.out, at) + c.attrs<Params>().p0 * broadcast_at(c.in[1], c.out, at);
  }
  return y;
}

// 0 where it loses, g/2 at ties, g elsewhere: how PyTorch shares the gradient of minimum and
// maximum (where one is NaN, each gets all of it).
Tensor share(const Tensor& g, const Tensor& loses, const Tensor& ties) {
  return where(loses, scalar(0, g.dtype()), where(ties, g * 0.5, g));
}
// Where both hold.
Tensor both(const Tensor& a, const Tensor& b) {
  return to(to(a, DType::i64) * to(b, DType::i64), DType::b8);
}

void where_infer(const Call& c) {
  const Tensor &cond = c.in(0), &a = c.in(1), &b = c.in(2);
  if (cond.dtype() != DType::b8 && cond.dtype() != DType::u8)
    throw DTypeError(std::string("where: the condition is ") + name(cond.dtype()) +
                     ", must be b8 or u8");
  if (a.dtype() != b.dtype())
    throw DTypeError(std::string("where: ") + name(a.dtype()) + " with " + name(b.dtype()) +
                     "; convert one with x.to(dtype)");
  detail::kernel_dtype(c, a.dtype());
  c.out(broadcast(cond.shape(), broadcast(a.shape(), b.shape(), "where"), "where"), a.dtype());
}
std::vector<double> where_reference(const RefCall& c) {
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  for (size_t i = 0; i < y.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    y[i] = broadcast_at(c.in[broadcast_at(c.in[0], c.out, at) != 0 ? 1 : 2], c.out, at);
  }
  return y;
}
void where_samples(Samples& s) {
  const Domain mask{.kind = Domain::mask};
  for (const auto& shapes : std::vector<std::vector<Shape>>{{{}, {}, {}},
                                                            {{5}, {5}, {5}},
                                                            {{2, 3}, {2, 3}, {2, 3}},
                                                            {{3}, {2, 3}, {2, 3}},
                                                            {{2, 3}, Shape{}, {3}},
                                                            {{2, 1}, {1, 3}, {2, 3}},
                                                            {{0}, {0}, {1}},
                                                            {{2, 2, 2}, {2, 1, 2}, {2}}})
    s.add(shapes, {mask, {}, {}});
  s.bad({{2}, {3}, {3}});
}

// No derivative. Integers, so that there are ties too.
template <Compare K, double (*F)(double, double)>
consteval Op comparison(const char* name, const char* doc) {
  return kinked(binary_row({.name = name,
                            .doc = doc,
                            .infer = broadcast_mask,
                            .forward = compare<K>,
                            .vjp = {declared_zero, declared_zero},
                            .reference = pointwise2<F>,
                            .samples = [](Samples& s) {
                              const Domain whole{.low = 0, .high = 3, .kind = Domain::index};
                              binary_shapes(s);
                              binary_shapes(s, whole, whole);
                            }}));
}

// minimum and maximum: loses(a, b) is where b is taken.
template <Binary K, Tensor (*loses)(const Tensor&, const Tensor&), double (*F)(double, double)>
consteval Op extreme(const char* name, const char* doc) {
  return kinked(binary_row({.name = name,
                            .doc = doc,
                            .keep = keep_0 | keep_1,
                            .infer = broadcast_two,
                            .forward = binary<K>,
                            .vjp = {[](const Call& c) {
                                      const Tensor &a = c.in(0), &b = c.in(1);
                                      return sum_to(share(c.g(), loses(a, b), eq(a, b)), a.shape());
                                    },
                                    [](const Call& c) {
                                      const Tensor &a = c.in(0), &b = c.in(1);
                                      return sum_to(share(c.g(), loses(b, a), eq(a, b)), b.shape());
                                    }},
                            .reference = pointwise2<F>,
                            .samples = [](Samples& s) {
                              binary_shapes(s, {.kind = Domain::distinct},
                                            {.kind = Domain::distinct});
                            }}));
}

}  // namespace

constinit const Op add_op =
    binary_row({.name = "add",
                .doc = "y = a + p0 b",
                .infer = broadcast_two,
                .forward = binary<Binary::add, true>,
                .vjp = {[](const Call& c) { return sum_to(c.g(), c.in(0).shape()); },
                        [](const Call& c) {
                          const double alpha = c.attrs<Params>().p0;
                          return alpha == 1 ? sum_to(c.g(), c.in(1).shape())
                                            : sum_to(c.g(), c.in(1).shape()) * alpha;
                        }},
                .reference = add_reference,
                .samples = [](Samples& s) {
                  for (double alpha : {1.0, -1.0, 0.3}) binary_shapes(s, {}, {}, Params{alpha, 0});
                }});

constinit const Op mul_op =
    binary_row({.name = "mul",
                .doc = "y = a b",
                .keep = keep_0 | keep_1,
                .infer = broadcast_two,
                .forward = binary<Binary::mul>,
                .vjp = {[](const Call& c) { return sum_to(c.g() * c.in(1), c.in(0).shape()); },
                        [](const Call& c) { return sum_to(c.g() * c.in(0), c.in(1).shape()); }},
                .reference = pointwise2<([](double a, double b) { return a * b; })>,
                .samples = [](Samples& s) { binary_shapes(s); }});

constinit const Op div_op = binary_row(
    {.name = "div",
     .doc = "y = a / b, d/da = 1/b, d/db = -y/b",
     .keep = keep_1 | keep_y,
     .forward = binary<Binary::div>,
     .vjp = {[](const Call& c) { return sum_to(c.g() / c.in(1), c.in(0).shape()); },
             [](const Call& c) { return sum_to(-(c.g() * c.y() / c.in(1)), c.in(1).shape()); }},
     .reference = pointwise2<([](double a, double b) { return a / b; })>,
     .samples = [](Samples& s) { binary_shapes(s, {}, {.low = 0.7, .high = 3}); }});

// d/da is 0 where b = 0 and that power is no number, d/db where a = 0 and b >= 0. What is left out
// there is not computed, as 0 times its infinity would come back at the next order.
constinit const Op pow_op =
    binary_row({.name = "pow",
                .doc = "y = a^b, d/da = b a^(b-1), d/db = y log a",
                .keep = keep_0 | keep_1 | keep_y,
                .forward = binary<Binary::pow>,
                .vjp = {[](const Call& c) {
                          const Tensor &a = c.in(0), &b = c.in(1), zero = scalar(0, b.dtype());
                          const Tensor flat =
                              both(eq(b, zero), eq(abs(a) > zero, scalar(0, DType::i64)));
                          const Tensor safe = where(flat, scalar(1, a.dtype()), a);
                          return sum_to(where(flat, zero, c.g() * b * pow(safe, b - 1)), a.shape());
                        },
                        [](const Call& c) {
                          const Tensor &a = c.in(0), &b = c.in(1), zero = scalar(0, b.dtype());
                          const Tensor gone = both(eq(a, zero), b >= zero),
                                       safe = where(gone, scalar(1, a.dtype()), a);
                          return sum_to(where(gone, zero, c.g() * c.y() * log(safe)), b.shape());
                        }},
                .reference = pointwise2<std::pow>,
                .samples = [](Samples& s) {
                  binary_shapes(s, {.low = 0.5, .high = 2}, {.low = -1.5, .high = 2.5});
                }});

constinit const Op minimum_op =
    extreme<Binary::minimum, gt, ([](double a, double b) { return std::min(a, b); })>(
        "minimum", "the smaller of a and b; at ties each gets half the gradient");
constinit const Op maximum_op =
    extreme<Binary::maximum, lt, ([](double a, double b) { return std::max(a, b); })>(
        "maximum", "the larger of a and b; at ties each gets half the gradient");

// Linear in g; its mask does not change in y.
constinit const Op relu_grad_op = kinked(binary_row(
    {.name = "relu_grad",
     .doc = "g where y > 0, else 0",
     .keep = keep_1,
     .forward = binary<Binary::relu_grad>,
     .vjp = {[](const Call& c) { return sum_to(relu_grad(c.g(), c.in(1)), c.in(0).shape()); },
             declared_zero},
     .reference = pointwise2<([](double g, double y) { return (y <= 0) ? 0 : g; })>,
     .samples = [](Samples& s) { binary_shapes(s, {}, {.away_from_zero = 0.1}); }}));

constinit const Op eq_op =
    comparison<Compare::eq, ([](double a, double b) { return double(a == b); })>("eq", "a == b");
constinit const Op ne_op =
    comparison<Compare::ne, ([](double a, double b) { return double(a != b); })>("ne", "a != b");
constinit const Op lt_op =
    comparison<Compare::lt, ([](double a, double b) { return double(a < b); })>("lt", "a < b");
constinit const Op le_op =
    comparison<Compare::le, ([](double a, double b) { return double(a <= b); })>("le", "a <= b");
constinit const Op gt_op =
    comparison<Compare::gt, ([](double a, double b) { return double(a > b); })>("gt", "a > b");
constinit const Op ge_op =
    comparison<Compare::ge, ([](double a, double b) { return double(a >= b); })>("ge", "a >= b");

constinit const Op where_op = row(
    {.name = "where",
     .doc = "a where cond is not 0, else b",
     .arity = 3,
     .keep = keep_0,
     .layout = Layout::elementwise,
     .infer = where_infer,
     .forward =
         [](const Call& c) {
           detail::walk(c, kernels::table().where[detail::kernel_dtype(c, c.in(1).dtype())], {});
         },
     .vjp = {declared_zero,
             [](const Call& c) {
               return sum_to(where(c.in(0), c.g(), scalar(0, c.g().dtype())), c.in(1).shape());
             },
             [](const Call& c) {
               return sum_to(where(c.in(0), scalar(0, c.g().dtype()), c.g()), c.in(2).shape());
             }},
     .smooth = true,
     .reference = where_reference,
     .samples = where_samples});

namespace {

// Two dtypes become one: the larger of b8 < u8 < i64 < floating; f32 and f64 are left for the shape
// rule to refuse. Arithmetic on b8 and u8 is i64's.
bool needs_promotion(const Tensor& a, const Tensor& b) {
  return a.defined() && b.defined() && (a.dtype() != b.dtype() || a.dtype() > DType::i64);
}
DType promoted(const Tensor& a, const Tensor& b) {
  if (is_floating(a.dtype())) return a.dtype();
  return is_floating(b.dtype()) ? b.dtype() : DType::i64;
}
// What is one of two bytes, or two bools, is one again.
Tensor in_kind(const Tensor& a, const Tensor& b, Tensor y) {
  return a.dtype() > DType::i64 && a.dtype() == b.dtype() ? y.to(a.dtype()) : y;
}
Tensor as(const Tensor& x, DType t) { return is_floating(x.dtype()) ? x : x.to(t); }

template <class A = NoAttrs>
Tensor two(const Op& op, const Tensor& a, const Tensor& b, const A& attrs = {}) {
  if (!needs_promotion(a, b)) return apply2(op, a, b, attrs);
  const DType t = promoted(a, b);
  return apply2(op, as(a, t), as(b, t), attrs);
}
template <class A = NoAttrs>
Tensor two_given(const Op& op, Tensor&& a, const Tensor& b, const A& attrs = {}) {
  const Tensor own = std::move(a);
  return needs_promotion(own, b) ? two(op, own, b, attrs) : apply2(op, own, b, attrs, 1);
}

}  // namespace

// The public functions that are a row of two tensors and nothing else.
#define X(name)
#define X1(name)
#define X2(name) \
  Tensor name(const Tensor& a, const Tensor& b) { return two(name##_op, a, b); }
#include <regrad/engine/ops/rows.def>

Tensor add(const Tensor& a, const Tensor& b, double alpha) {
  return two(add_op, a, b, Params{alpha, 0});
}
Tensor add(Tensor&& a, const Tensor& b, double alpha) {
  return two_given(add_op, std::move(a), b, Params{alpha, 0});
}
Tensor sub(const Tensor& a, const Tensor& b, double alpha) {
  const detail::Called as("sub(a, b)", a, b);
  return add(a, b, -alpha);
}
Tensor sub(Tensor&& a, const Tensor& b, double alpha) {
  const detail::Called as("sub(a, b)", a, b);
  return add(std::move(a), b, -alpha);
}
Tensor mul(Tensor&& a, const Tensor& b) { return two_given(mul_op, std::move(a), b); }
Tensor div(Tensor&& a, const Tensor& b) { return two_given(div_op, std::move(a), b); }
Tensor pow(const Tensor& x, const Tensor& exponent) {
  const detail::Called as("pow(x, exponent)", x, exponent);
  return two(pow_op, x, exponent);
}
Tensor minimum(const Tensor& a, const Tensor& b) { return in_kind(a, b, two(minimum_op, a, b)); }
Tensor maximum(const Tensor& a, const Tensor& b) { return in_kind(a, b, two(maximum_op, a, b)); }
Tensor where(const Tensor& cond, const Tensor& a, const Tensor& b) {
  const detail::Called called("where(cond, a, b)", cond, a, b);
  if (!needs_promotion(a, b)) return apply3(where_op, cond, a, b);
  const DType t = promoted(a, b);
  return in_kind(a, b, apply3(where_op, cond, as(a, t), as(b, t)));
}

}  // namespace regrad

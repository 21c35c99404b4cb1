// The row: all that belongs to one op, in one place. Tests, benchmarks and the reference page
// (README.md here) walk the list of rows (list.h). The shortest one, of one tensor and without a
// kernel of its own:
//
//   constinit const Op tan_op =
//       unary_row({.name = "tan",
//                  .doc = "y = tan x, dy/dx = 1 + y^2",
//                  .keep = keep_y,
//                  .forward = formula1<([](auto x) { return std::tan(x); })>,
//                  .vjp = {[](const Call& c) { return c.g() * (square(c.y()) + 1); }},
//                  .reference = pointwise<std::tan>,
//                  .samples = [](Samples& s) { between(s, -1, 1); }});
//
// Beside it an op takes its name in rows.def, a declaration in ops.h and a golden case
// (tests/golden/make.py). A vjp uses public ops only, so that every derivative can be
// differentiated again.
#pragma once

#include <cmath>
#include <vector>

#include <regrad/engine/internal/node.h>

namespace regrad {

// What a row is called with. In `infer` the node's shape and dtype are still to be set; in
// `forward` its memory is there; in a vjp there is a gradient too.
class Call {
 public:
  explicit Call(detail::Node* n, const Tensor* g = nullptr, const Tensor* y = nullptr,
                int index = 0)
      : n_(n), g_(g), y_(y), index_(index) {}

  int n_in() const { return n_->n_in; }
  const Tensor& in(int i) const { return n_->in(i); }
  const Tensor& x() const { return n_->in(0); }
  template <class A>
  const A& attrs() const {
    static_assert(std::is_trivially_copyable_v<A> && sizeof(A) <= detail::attr_room);
    return *std::launder(reinterpret_cast<const A*>(n_->attrs));
  }
  // vjp only: the upstream gradient, the output, and which input's gradient is asked for (for rows
  // with any number of inputs).
  const Tensor& g() const { return *g_; }
  const Tensor& y() const { return *y_; }
  int index() const { return index_; }
  // For fused gradients, which read memory without an op: Error where t's data was freed because
  // `keep` does not name it.
  void need_kept(const Tensor& t) const;

  // infer only.
  void out(const Shape& shape, DType t) const {
    n_->shape = shape;
    n_->dtype = t;
  }
  // Views only: same storage as input 0.
  void view(const Shape& shape, const Shape& strides, int64_t offset) const {
    n_->shape = shape;
    n_->strides = strides;
    n_->offset = offset;
  }
  detail::Node* node() const { return n_; }

 private:
  detail::Node* n_;
  const Tensor* g_;
  const Tensor* y_;
  int index_;
};

// A row's kernel for f32 and the one for f64, chosen by the first input: .forward =
// typed<forward_of<float>, forward_of<double>>.
template <auto of_f32, auto of_f64>
void typed(const Call& c) {
  c.x().dtype() == DType::f32 ? of_f32(c) : of_f64(c);
}
template <auto of_f32, auto of_f64>
void typed(const Call& c, Tensor* out) {
  c.x().dtype() == DType::f32 ? of_f32(c, out) : of_f64(c, out);
}

using Vjp = Tensor (*)(const Call&);
// The derivative is zero wherever it exists, and declared so.
Tensor declared_zero(const Call&);

// Which data a vjp, at any order, reads: bits for inputs 0, 1, 2 (bit 2 stands for all later ones
// too) and for the output.
enum Keep : uint8_t { keep_none = 0, keep_0 = 1, keep_1 = 2, keep_2 = 4, keep_y = 8 };

enum class Layout : uint8_t {
  fresh,  // a new contiguous tensor
  // a new tensor [.., c, h, w] with neighbouring channels in memory, as convolutions read and write
  // images
  channels_last,
  // inputs of the output's shape; takes the layout of the first such input that is dense, or its
  // buffer where the caller gave it away
  elementwise,
  view,  // shares input 0's storage
};

// Inputs for the harness. Values are drawn in [low, high], kept `away` from `kinks` by the domain.
struct Domain {
  double low = -2, high = 2;
  // distinct: no two closer than 0.05; index: i64 in [low, high), place: u8 in it; mask: b8;
  // spread: matrices with 2, 4, 6, .. added along the diagonal, which are positive definite and
  // well conditioned, with eigenvalues and singular values apart (the table test never repeats
  // their rows); csr: the packed structure (sparse.h) of a matrix of `low` rows and `high` columns
  // (never repeated)
  enum Kind : uint8_t { real, distinct, index, place, mask, spread, csr } kind = real;
  double away_from_zero = 0;  // |value| at least this
};
struct Sample {
  std::vector<Shape> shapes;
  std::vector<Domain> domains;  // one per shape, or one for all
  alignas(8) std::byte attrs[detail::attr_room] = {};
  int attr_bytes = 0;
  bool layouts = true;  // multiply by layouts (false: layout is the sample's point)
};
class Samples {
 public:
  std::vector<Sample> list;
  template <class A>
  void add(std::vector<Shape> shapes, std::vector<Domain> domains, const A& attrs) {
    static_assert(std::is_trivially_copyable_v<A> && sizeof(A) <= detail::attr_room);
    Sample s{std::move(shapes), std::move(domains)};
    std::memcpy(s.attrs, &attrs, sizeof(A));
    s.attr_bytes = sizeof(A);
    list.push_back(std::move(s));
  }
  void add(std::vector<Shape> shapes, std::vector<Domain> domains) {
    list.push_back(Sample{std::move(shapes), std::move(domains)});
  }
  // Shapes that do not fit: the row must throw ShapeError (or DTypeError) on them.
  template <class A>
  void bad(std::vector<Shape> shapes, const A& attrs) {
    add(std::move(shapes), {{}}, attrs);
    wrong.push_back(std::move(list.back()));
    list.pop_back();
  }
  void bad(std::vector<Shape> shapes) { wrong.push_back(Sample{std::move(shapes), {{}}}); }
  std::vector<Sample> wrong;
};

// Plain loops in double over row-major inputs: the independent truth of the forward pass.
struct RefIn {
  Shape shape;
  std::vector<double> v;
};
struct RefCall {
  const std::vector<RefIn>& in;
  const std::byte* raw;
  Shape out;  // the shape rule's answer
  template <class A>
  const A& attrs() const {
    return *std::launder(reinterpret_cast<const A*>(raw));
  }
};
using Reference = std::vector<double> (*)(const RefCall&);

struct Op {
  const char* name;
  const char* doc = nullptr;  // one line for the reference page, with the formula
  int arity = 1;              // -1: any number, at least one
  uint8_t keep = keep_none;
  Layout layout = Layout::fresh;
  // shape and dtype of the output, or the typed error
  void (*infer)(const Call&) = nullptr;
  void (*forward)(const Call&) = nullptr;  // null for views
  // What users call, where that does more than evaluate the row (a reshape that must copy first).
  Tensor (*entry)(const Tensor& x, const std::byte* attrs) = nullptr;
  Vjp vjp[3] = {};  // gradient of each input; a row of any number of inputs has one for all
  // Instead of vjp, where the inputs' gradients share work: all at once, by public ops. out[i], for
  // at most four inputs, is left undefined where there is none.
  void (*gradients)(const Call& c, Tensor* out) = nullptr;
  // All gradients at once by kernels, for sweeps that record nothing; out[i] is left undefined
  // where there is none. The table test holds it equal to vjp.
  void (*fused)(const Call& c, Tensor* out) = nullptr;
  bool smooth = false;  // third order is checked too
  Reference reference = nullptr;
  void (*samples)(Samples&) = nullptr;
};

// What the list demands of a row; see list.h.
constexpr bool complete(const Op& op) {
  const int n = op.arity < 0 ? 1 : op.arity;
  for (int i = 0; i < n; ++i)
    if (!op.vjp[i] && !op.gradients) return false;
  return op.name && op.doc && op.doc[0] && op.infer && op.reference && op.samples &&
         (op.forward || op.layout == Layout::view) && n <= 3;
}

// Evaluates a row on n inputs and records it where gradients are wanted. `given`: a bit for each
// input whose handle the caller gives away.
Tensor apply(const Op& op, const Tensor* const* in, int n, const void* attrs, int attr_bytes,
             unsigned given = 0);

struct NoAttrs {};
template <class A = NoAttrs>
Tensor apply(const Op& op, const Tensor& a, const A& attrs = {}, unsigned given = 0) {
  const Tensor* in[] = {&a};
  return apply(op, in, 1, &attrs, std::is_empty_v<A> ? 0 : sizeof(A), given);
}
template <class A = NoAttrs>
Tensor apply2(const Op& op, const Tensor& a, const Tensor& b, const A& attrs = {},
              unsigned given = 0) {
  const Tensor* in[] = {&a, &b};
  return apply(op, in, 2, &attrs, std::is_empty_v<A> ? 0 : sizeof(A), given);
}
template <class A = NoAttrs>
Tensor apply3(const Op& op, const Tensor& a, const Tensor& b, const Tensor& c, const A& attrs = {},
              unsigned given = 0) {
  const Tensor* in[] = {&a, &b, &c};
  return apply(op, in, 3, &attrs, std::is_empty_v<A> ? 0 : sizeof(A), given);
}

}  // namespace regrad

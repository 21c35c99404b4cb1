// Arrays of jets, row-major, and the few loops that all of the interpreter's ops are written in.
#pragma once

#include <functional>
#include <stdexcept>
#include <vector>

#include <regrad/engine/shape.h>

#include "number.h"

namespace regrad::programs {

// A program that makes no sense, which a smaller one may become while it is shrunk.
struct Unfit : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void need(bool fit) {
  if (!fit) throw Unfit("the program does not fit");
}

struct Array {
  Shape shape;
  std::vector<Jet> v;

  Array() = default;
  explicit Array(const Shape& s, const Jet& all = {}) : shape(s) {
    for (int64_t n : s) need(n >= 0);
    need(s.numel() <= 20000);
    v.assign(static_cast<size_t>(s.numel()), all);
  }
  int dim() const { return shape.size(); }
  int64_t size(int64_t d) const { return shape[wrap(d)]; }
  int wrap(int64_t d) const {
    need(d >= -dim() && d < dim());
    return static_cast<int>(d < 0 ? d + dim() : d);
  }
  size_t place(const Shape& at) const;
  Jet& operator[](const Shape& at) { return v[place(at)]; }
  const Jet& operator[](const Shape& at) const { return v[place(at)]; }
};

using Multi = const Shape&;
// f(at) for every multi-index of `sizes`, row-major.
void each(const Shape& sizes, const std::function<void(Multi)>& f);
// An array of `sizes` by its elements.
Array build(const Shape& sizes, const std::function<Jet(Multi)>& f);
Array map(const Array& x, const std::function<Jet(const Jet&)>& f);
Shape broadcast_shape(const Shape& a, const Shape& b);
// The place in an array of `sizes` that a broadcast to a longer shape reads at `at`.
Shape broadcast_place(const Shape& sizes, Multi at);
Array map2(const Array& a, const Array& b, const std::function<Jet(const Jet&, const Jet&)>& f);
Array broadcast_to(const Array& x, const Shape& sizes);

using Line = std::vector<Jet>;
// Reductions: f of all elements over dims (none: all).
Array reduce(const Array& x, const std::vector<int64_t>& dims, bool keepdim,
             const std::function<Jet(const Line&)>& f);
// f of each line along dim, whose results (of any one length) take its place.
Array along(const Array& x, int64_t dim, const std::function<Line(const Line&)>& f);
// f of the elements over dims, whose results (as many) take their places.
Array over(const Array& x, const std::vector<int64_t>& dims,
           const std::function<Line(const Line&)>& f);

Array transposed(const Array& x, int64_t a, int64_t b);
Array reshaped(const Array& x, Shape sizes);

}  // namespace regrad::programs

#include "array.h"

namespace regrad::programs {

size_t Array::place(const Shape& at) const {
  need(at.size() == dim());
  int64_t p = 0;
  for (int d = 0; d < dim(); ++d) {
    need(at[d] >= 0 && at[d] < shape[d]);
    p = p * shape[d] + at[d];
  }
  return static_cast<size_t>(p);
}

void each(const Shape& sizes, const std::function<void(Multi)>& f) {
  Shape at = sizes;
  for (int64_t& i : at) i = 0;
  if (sizes.numel() == 0) return;
  while (true) {
    f(at);
    int d = sizes.size() - 1;
    while (d >= 0 && ++at[d] == sizes[d]) at[d--] = 0;
    if (d < 0) return;
  }
}
Array build(const Shape& sizes, const std::function<Jet(Multi)>& f) {
  Array y(sizes);
  size_t i = 0;
  each(sizes, [&](Multi at) { y.v[i++] = f(at); });
  return y;
}
Array map(const Array& x, const std::function<Jet(const Jet&)>& f) {
  Array y = x;
  for (Jet& j : y.v) j = f(j);
  return y;
}

Shape broadcast_shape(const Shape& a, const Shape& b) {
  Shape out = a.size() >= b.size() ? a : b;
  const Shape& other = a.size() >= b.size() ? b : a;
  for (int d = 1; d <= other.size(); ++d) {
    need(out[-d] == other[-d] || out[-d] == 1 || other[-d] == 1);
    if (out[-d] == 1) out[-d] = other[-d];
  }
  return out;
}
Shape broadcast_place(const Shape& sizes, Multi at) {
  need(at.size() >= sizes.size());
  Shape p = sizes;
  for (int d = 1; d <= sizes.size(); ++d) p[-d] = sizes[-d] == 1 ? 0 : at[-d];
  return p;
}
Array map2(const Array& a, const Array& b, const std::function<Jet(const Jet&, const Jet&)>& f) {
  return build(broadcast_shape(a.shape, b.shape), [&](Multi at) {
    return f(a[broadcast_place(a.shape, at)], b[broadcast_place(b.shape, at)]);
  });
}
Array broadcast_to(const Array& x, const Shape& sizes) {
  need(broadcast_shape(x.shape, sizes) == sizes);
  return build(sizes, [&](Multi at) { return x[broadcast_place(x.shape, at)]; });
}

namespace {
std::vector<bool> chosen(const Array& x, const std::vector<int64_t>& dims) {
  std::vector<bool> in(static_cast<size_t>(x.dim()), dims.empty());
  std::vector<bool> named(in.size());
  for (int64_t d : dims) {
    const size_t at = static_cast<size_t>(x.wrap(d));
    need(!named[at]);
    named[at] = in[at] = true;
  }
  return in;
}
}  // namespace

Array over(const Array& x, const std::vector<int64_t>& dims,
           const std::function<Line(const Line&)>& f) {
  const std::vector<bool> in = chosen(x, dims);
  Shape outer = x.shape, inner = x.shape;
  for (int d = 0; d < x.dim(); ++d) (in[static_cast<size_t>(d)] ? outer : inner)[d] = 1;
  Array y(x.shape);
  each(outer, [&](Multi o) {
    const auto at = [&](Multi i) {
      Shape both = o;
      for (int d = 0; d < both.size(); ++d) both[d] += i[d];
      return both;
    };
    Line line;
    each(inner, [&](Multi i) { line.push_back(x[at(i)]); });
    const Line out = f(line);
    need(out.size() == line.size());
    size_t k = 0;
    each(inner, [&](Multi i) { y[at(i)] = out[k++]; });
  });
  return y;
}
Array reduce(const Array& x, const std::vector<int64_t>& dims, bool keepdim,
             const std::function<Jet(const Line&)>& f) {
  const std::vector<bool> in = chosen(x, dims);
  Shape outer = x.shape, inner = x.shape, kept;
  for (int d = 0; d < x.dim(); ++d) {
    (in[static_cast<size_t>(d)] ? outer : inner)[d] = 1;
    if (!in[static_cast<size_t>(d)]) kept.push_back(x.shape[d]);
  }
  Array y = build(outer, [&](Multi o) {
    Line line;
    each(inner, [&](Multi i) {
      Shape both = o;
      for (int d = 0; d < both.size(); ++d) both[d] += i[d];
      line.push_back(x[both]);
    });
    return f(line);
  });
  if (!keepdim) y.shape = kept;
  return y;
}
Array along(const Array& x, int64_t dim, const std::function<Line(const Line&)>& f) {
  const int d = x.wrap(dim);
  Shape outer = x.shape;
  outer[d] = 1;
  Array y;
  bool first = true;
  each(outer, [&](Multi o) {
    Line line;
    Shape at = o;
    for (int64_t i = 0; i < x.shape[d]; ++i) {
      at[d] = i;
      line.push_back(x[at]);
    }
    const Line out = f(line);
    if (first) {
      Shape sizes = x.shape;
      sizes[d] = static_cast<int64_t>(out.size());
      y = Array(sizes);
      first = false;
    }
    for (size_t i = 0; i < out.size(); ++i) {
      at[d] = static_cast<int64_t>(i);
      y[at] = out[i];
    }
  });
  if (first) {  // no lines: their length is f's of an empty one's at best
    Shape sizes = x.shape;
    sizes[d] = static_cast<int64_t>(f(Line(static_cast<size_t>(x.shape[d]))).size());
    y = Array(sizes);
  }
  return y;
}

Array transposed(const Array& x, int64_t a, int64_t b) {
  const int p = x.wrap(a), q = x.wrap(b);
  Shape sizes = x.shape;
  std::swap(sizes[p], sizes[q]);
  return build(sizes, [&](Multi at) {
    Shape from = at;
    std::swap(from[p], from[q]);
    return x[from];
  });
}
Array reshaped(const Array& x, Shape sizes) {
  int open = -1;
  int64_t rest = 1;
  for (int d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == -1) {
      need(open < 0);
      open = d;
    } else {
      rest *= sizes[d];
    }
  }
  if (open >= 0) {
    need(rest > 0 && x.shape.numel() % rest == 0);
    sizes[open] = x.shape.numel() / rest;
  }
  need(sizes.numel() == x.shape.numel());
  Array y = x;
  y.shape = sizes;
  return y;
}

}  // namespace regrad::programs

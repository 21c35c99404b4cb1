#include "op_inputs.h"

#include <regrad/engine/ops.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "../tests/engine/op_draw.h"

namespace regrad::bench {
namespace {

int64_t largest(const std::vector<Shape>& shapes) {
  int64_t n = 0;
  for (const Shape& s : shapes) n = std::max(n, s.numel());
  return n;
}

Sample scaled(const Sample& sample, int64_t factor) {
  Sample out = sample;
  for (Shape& s : out.shapes)
    for (int64_t& n : s)
      if (n > 1) n *= factor;
  return out;
}

// The largest factor that keeps every input at `elements` or below.
int64_t factor_for(const Sample& sample, int64_t elements) {
  int64_t factor = 1;
  while (factor < elements && largest(scaled(sample, factor + 1).shapes) <= elements &&
         largest(scaled(sample, 2).shapes) > largest(sample.shapes)) {
    ++factor;
  }
  return factor;
}

std::vector<Tensor> inputs(const Op& op, const Sample& sample) {
  std::vector<Tensor> in = test::draw_inputs(Random(7) / op.name, sample);
  for (Tensor& t : in)
    if (t.dtype() == DType::f64) t = t.to(DType::f32);
  return in;
}

Point at_sample(const Op& op, const Sample& sample) {
  Point p{inputs(op, sample), {}, ""};
  p.evaluate = [&op, sample](const std::vector<Tensor>& in) {
    std::vector<const Tensor*> pointers;
    for (const Tensor& t : in) pointers.push_back(&t);
    return apply(op, pointers.data(), static_cast<int>(pointers.size()), sample.attrs,
                 sample.attr_bytes);
  };
  return p;
}

// Views and their kin of x, [2 side, side].
struct Sized {
  std::string_view name;
  Tensor (*call)(const Tensor& x);
};
constexpr Sized sized[] = {
    {"reshape",
     [](const Tensor& x) {
       return reshape(x, {x.size(1), -1});
     }},
    {"expand",
     [](const Tensor& x) {
       return expand(x, {4, x.size(0), x.size(1)});
     }},
    {"slice", [](const Tensor& x) { return slice(x, 1, x.size(1) / 4, x.size(1)); }},
    {"unslice", [](const Tensor& x) { return unslice(x, 1, 2 * x.size(1), x.size(1) / 2); }},
};

bool works(const Point& p) try {
  p.evaluate(p.in);
  return true;
} catch (const Error&) {
  return false;
}

Point labelled(Point p) {
  for (const Tensor& t : p.in) p.label += (p.label.empty() ? "" : " ") + str(t.shape());
  return p;
}

}  // namespace

Point point_of(const Op& op, int64_t elements) {
  for (const Sized& s : sized) {
    if (s.name != op.name) continue;
    const auto side = static_cast<int64_t>(std::sqrt(static_cast<double>(elements) / 2));
    const auto call = s.call;
    return labelled({{uniform(Random(7) / op.name, {2 * side, side}, -2, 2)},
                     [call](const std::vector<Tensor>& in) { return call(in[0]); },
                     ""});
  }
  Samples samples;
  op.samples(samples);
  const auto smaller = [](const Sample& a, const Sample& b) {
    return largest(a.shapes) < largest(b.shapes);
  };
  const Sample& sample = *std::max_element(samples.list.begin(), samples.list.end(), smaller);
  Point big = at_sample(op, scaled(sample, factor_for(sample, elements)));
  return labelled(works(big) ? std::move(big) : at_sample(op, sample));
}

}  // namespace regrad::bench

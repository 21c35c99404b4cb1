#include "op_cases.h"
#include "op_draw.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace regrad::test {
namespace {

using Function = std::function<Tensor(const std::vector<Tensor>&)>;  // leaves -> [n], flat

int long_dim(const Shape& s) {
  for (int d = 0; d < s.size(); ++d)
    if (s[d] > 1) return d;
  return -1;
}

bool possible(Lay lay, const Shape& s) {
  switch (lay) {
    case Lay::contiguous: return true;
    case Lay::transposed: return s.size() >= 2 && s[-1] > 1 && s[-2] > 1;
    case Lay::offset:
    case Lay::strided: return s.size() >= 1;
    case Lay::pitched: return s.size() >= 2;
    case Lay::permuted: return s.size() >= 3;
    default: return long_dim(s) >= 0 && s.numel() > 0;
  }
}

// x's values (for expanded: those of the first entry) in the given layout, as a function of x.
// Never x itself: rows must not live off a caller's handle.
Tensor arrange(const Tensor& x, Lay lay) {
  const Shape& s = x.shape();
  switch (lay) {
    case Lay::contiguous:
      if (x.dtype() == DType::b8 || x.dtype() == DType::u8) return x.to(DType::i64).to(x.dtype());
      return x + 0.0;
    case Lay::transposed: return contiguous(x.mT()).mT();
    case Lay::offset: return slice(unslice(x, 0, s[0] + 3, 2), 0, 2, 2 + s[0]);
    case Lay::strided: return slice(unslice(x, -1, 2 * s[-1] + 1, 1, 2), -1, 1, 2 * s[-1] + 1, 2);
    case Lay::pitched: return slice(unslice(x, -1, s[-1] + 3, 1), -1, 1, 1 + s[-1]);
    case Lay::permuted: return contiguous(x.transpose(0, -1)).transpose(0, -1);
    default: return expand(slice(x, long_dim(s), 0, 1), s);
  }
}

std::vector<Tensor> inputs_of(const Case& c) {
  return draw_inputs(Random(7) / c.op->name, *c.sample);
}

Tensor evaluate(const Case& c, const std::vector<Tensor>& in) {
  std::vector<Tensor> arranged;
  for (size_t i = 0; i < in.size(); ++i) arranged.push_back(arrange(in[i], c.lays[i]));
  if (c.call) return (*c.call)(arranged);
  if (c.op->entry) return c.op->entry(arranged[0], c.sample->attrs);
  std::vector<const Tensor*> pointers;
  for (const Tensor& t : arranged) pointers.push_back(&t);
  return apply(*c.op, pointers.data(), static_cast<int>(pointers.size()), c.sample->attrs,
               c.sample->attr_bytes);
}

// Replaces the floating inputs of a case by leaves.
Function base(const Case& c, const std::vector<Tensor>& in) {
  return [&c, in](const std::vector<Tensor>& leaves) {
    std::vector<Tensor> all = in;
    size_t next = 0;
    for (Tensor& t : all)
      if (is_floating(t.dtype())) t = leaves[next++];
    const Tensor y = evaluate(c, all);
    return reshape(y, {y.numel()});
  };
}

// (x, u) -> d <u, f(x)> / dx, flat: the gradient as a function again.
Function derivative(const Function& f, size_t leaves, bool create_graph = true) {
  return [f, leaves, create_graph](const std::vector<Tensor>& x) {
    const std::vector<Tensor> at(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(leaves));
    const Tensor y = f(at);
    std::vector<Tensor> g;
    if (y.requires_grad()) {
      g = grad(TensorList(y), TensorList(at),
               {.grad_outputs = x[leaves].to(y.dtype()),
                .create_graph = create_graph,
                .allow_unused = true});
    } else {
      g.resize(leaves);
    }
    std::vector<Tensor> flat;
    for (size_t i = 0; i < leaves; ++i)
      flat.push_back(g[i].defined() ? reshape(g[i], {g[i].numel()})
                                    : zeros({at[i].numel()}, at[i].dtype()));
    return cat(flat, 0);
  };
}

std::vector<Tensor> leaves_of(const std::vector<Tensor>& values, DType t) {
  std::vector<Tensor> out;
  for (const Tensor& v : values) out.push_back(v.detach().to(t).detach().requires_grad_());
  return out;
}

std::vector<double> values(const Function& f, const std::vector<Tensor>& x) {
  return f(leaves_of(x, x[0].dtype())).to_vector();
}

// Row i: the gradient of f's i-th element with respect to all leaves.
std::vector<std::vector<double>> jacobian_by_sweeps(const Function& f,
                                                    const std::vector<Tensor>& x) {
  std::vector<std::vector<double>> rows;
  const std::vector<Tensor> leaves = leaves_of(x, DType::f64);
  const Tensor y = f(leaves);
  for (int64_t i = 0; i < y.numel(); ++i) {
    std::vector<double> row;
    std::vector<Tensor> g(leaves.size());
    if (y.requires_grad())
      g = grad(TensorList(select(y, 0, i)), TensorList(leaves),
               {.retain_graph = true, .allow_unused = true});
    for (size_t k = 0; k < leaves.size(); ++k) {
      const std::vector<double> v =
          g[k].defined() ? g[k].to_vector()
                         : std::vector<double>(static_cast<size_t>(leaves[k].numel()));
      row.insert(row.end(), v.begin(), v.end());
    }
    rows.push_back(row);
  }
  return rows;
}

std::string compare_with_differences(const Function& f, const std::vector<Tensor>& x) {
  const auto rows = jacobian_by_sweeps(f, x);
  const double h = 1e-5;
  size_t column = 0;
  for (size_t k = 0; k < x.size(); ++k) {
    std::vector<double> v = x[k].to_vector();
    for (size_t j = 0; j < v.size(); ++j, ++column) {
      std::vector<Tensor> moved = x;
      const double before = v[j];
      v[j] = before + h;
      moved[k] = tensor(v, x[k].shape(), DType::f64);
      const std::vector<double> up = values(f, moved);
      v[j] = before - h;
      moved[k] = tensor(v, x[k].shape(), DType::f64);
      const std::vector<double> down = values(f, moved);
      v[j] = before;
      for (size_t i = 0; i < up.size(); ++i) {
        const double expected = (up[i] - down[i]) / (2 * h), got = rows[i][column];
        if (!(std::abs(got - expected) <= 1e-6 + 1e-4 * std::abs(expected)) &&
            !(std::isnan(got) && std::isnan(expected))) {
          return "element " + std::to_string(i) + " by leaf " + std::to_string(k) + "[" +
                 std::to_string(j) + "]: sweep " + std::to_string(got) + ", difference " +
                 std::to_string(expected);
        }
      }
    }
  }
  return "";
}

// What f32 leaves where a sum cancels to nothing: 16 roundings of a value of at most 2.
constexpr double cancelled = 16 * 6e-8 * 2;

// Within `of_largest` of the largest magnitude, or within `floor`, which is for sums that cancel to
// nothing.
std::string close(const std::vector<double>& got, const std::vector<double>& expected,
                  double of_largest, const char* what, double floor = 1e-30) {
  if (got.size() != expected.size())
    return std::string(what) + ": " + std::to_string(got.size()) + " elements, expected " +
           std::to_string(expected.size());
  double largest = 0;
  for (double v : expected)
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < got.size(); ++i) {
    const bool same = got[i] == expected[i] || (std::isnan(got[i]) && std::isnan(expected[i]));
    if (!same && !(std::abs(got[i] - expected[i]) <= of_largest * largest + floor)) {
      return std::string(what) + ": element " + std::to_string(i) + " is " +
             std::to_string(got[i]) + ", expected " + std::to_string(expected[i]);
    }
  }
  return "";
}

std::vector<Tensor> floating(const std::vector<Tensor>& in) {
  std::vector<Tensor> out;
  for (const Tensor& t : in)
    if (is_floating(t.dtype())) out.push_back(t);
  return out;
}

// The function whose Jacobian order k checks, and the point: the inputs and k - 1 upstream
// gradients.
std::pair<Function, std::vector<Tensor>> at_order(const Case& c, const std::vector<Tensor>& in,
                                                  int order) {
  Function f = base(c, in);
  std::vector<Tensor> x = floating(in);
  for (int k = 1; k < order; ++k) {
    const int64_t n = f(leaves_of(x, DType::f64)).numel();
    f = derivative(f, x.size());
    x.push_back(draw(Random(11) / "upstream" / k, {n}, {}));
  }
  return {f, x};
}

}  // namespace

std::string Case::name() const {
  static const char* names[] = {"contiguous", "transposed", "offset",  "strided",
                                "pitched",    "permuted",   "expanded"};
  std::string out = std::string(op->name) + "(";
  for (size_t i = 0; i < lays.size(); ++i)
    out += (i ? ", " : "") + str(sample->shapes[i]) + " " + names[static_cast<int>(lays[i])];
  return out + ")";
}

std::vector<Case> cases_of(const Op& op, const Samples& samples) {
  std::vector<Case> out;
  std::set<std::string> seen;
  constexpr int lays = static_cast<int>(Lay::count);
  for (const Sample& s : samples.list) {
    const size_t n = s.shapes.size();
    // Every input in the same layout, and each rotation of the layouts against the inputs.
    for (int first = 0; first < lays; ++first) {
      for (int step = 0; step < (n > 1 ? lays : 1); ++step) {
        Case c{&op, &s, {}};
        for (size_t i = 0; i < n; ++i) {
          const Lay lay = static_cast<Lay>((first + step * static_cast<int>(i)) % lays);
          // Ties and singular matrices on purpose have their own tests.
          const Domain::Kind kind = domain(s, i).kind;
          const bool repeats =
              lay == Lay::expanded &&
              (kind == Domain::distinct || kind == Domain::csr ||
               (kind == Domain::spread && long_dim(s.shapes[i]) >= s.shapes[i].size() - 2));
          c.lays.push_back(possible(lay, s.shapes[i]) && !repeats ? lay : Lay::contiguous);
        }
        const std::string key = c.name() + std::string(reinterpret_cast<const char*>(s.attrs),
                                                       static_cast<size_t>(s.attr_bytes));
        if (seen.insert(key).second) out.push_back(c);
      }
    }
  }
  return out;
}

std::string check_value(const Case& c) {
  const std::vector<Tensor> in = inputs_of(c);
  const Tensor y = evaluate(c, in);
  std::vector<RefIn> ref;
  if (c.op->reference) {
    for (size_t i = 0; i < in.size(); ++i)
      ref.push_back({in[i].shape(), arrange(in[i], c.lays[i]).to_vector()});
    const std::vector<double> expected = c.op->reference(RefCall{ref, c.sample->attrs, y.shape()});
    if (std::string fault = close(y.to_vector(), expected, 1e-12, "value"); !fault.empty())
      return fault;
  }
  std::vector<Tensor> low = in;
  for (Tensor& t : low)
    if (t.dtype() == DType::f64) t = t.to(DType::f32);
  return close(evaluate(c, low).to_vector(), y.to_vector(), is_floating(y.dtype()) ? 2e-4 : 0,
               "f32 value", cancelled);
}

std::string check_order(const Case& c, int order) {
  const std::vector<Tensor> in = inputs_of(c);
  if (floating(in).empty()) return "";
  const auto [f, x] = at_order(c, in, order);
  if (std::string fault = compare_with_differences(f, x); !fault.empty())
    return "order " + std::to_string(order) + ", " + fault;
  const Function g = derivative(f, x.size());
  std::vector<Tensor> at = x, low;
  at.push_back(draw(Random(13) / "upstream", {f(leaves_of(x, DType::f64)).numel()}, {}));
  for (const Tensor& t : at) low.push_back(t.to(DType::f32));
  std::string fault = close(values(g, low), values(g, at), 2e-4, "f32 gradient", cancelled);
  // The sweeps above that record nothing took the fused gradient where the row has one: the vjp
  // must be the same.
  if (fault.empty())
    fault = close(values(g, at), values(derivative(f, x.size(), false), at), 1e-9,
                  "vjp against the fused gradient", 1e-12);
  return fault.empty() ? "" : "order " + std::to_string(order) + ", " + fault;
}

namespace {

std::string check_cases(const std::vector<Case>& cases, bool smooth) {
  for (const Case& c : cases) {
    std::string fault;
    try {
      fault = check_value(c);
      for (int order = 1; order <= (smooth ? 3 : 2) && fault.empty(); ++order)
        fault = check_order(c, order);
      if (fault.empty()) fault = check_recompute(c);
    } catch (const Error& e) {
      fault = e.what();
    }
    if (!fault.empty()) return c.name() + ": " + fault;
  }
  return "";
}

}  // namespace

std::string check_recompute(const Case& c) {
  const std::vector<Tensor> in = inputs_of(c);
  std::vector<Tensor> x = floating(in);
  if (x.empty()) return "";
  Function f = base(c, in);
  for (int k = 1; k <= 2; ++k) {
    const int64_t n = f(leaves_of(x, DType::f64)).numel();
    x.push_back(draw(Random(11) / "upstream" / k, {n}, {}));
    const size_t leaves = x.size() - 1;
    for (const bool graph : {true, false}) {
      const Function g = derivative(f, leaves, graph);
      for (const DType t : {DType::f32, DType::f64}) {
        const std::vector<double> kept = g(leaves_of(x, t)).to_vector();
        const Recompute lean;
        const std::vector<double> again = g(leaves_of(x, t)).to_vector();
        if (std::memcmp(kept.data(), again.data(), kept.size() * sizeof(double)) != 0)
          return "computed again, the gradient of order " + std::to_string(k) +
                 (graph ? " with a graph" : "") + " has other bits (" + name(t) + ")";
      }
    }
    f = derivative(f, leaves);
  }
  return "";
}

std::string check_row(const Op& op) {
  Samples samples;
  op.samples(samples);
  return check_cases(cases_of(op, samples), op.smooth);
}

Checked check_composition(const Composition& c) {
  Samples samples;
  c.samples(samples);
  const Op named{.name = c.name, .samples = c.samples};
  std::vector<Case> cases = cases_of(named, samples);
  for (Case& each : cases) each.call = &c.call;
  return {check_cases(cases, c.smooth), static_cast<int64_t>(cases.size())};
}

}  // namespace regrad::test

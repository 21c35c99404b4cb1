// Runs a program on the engine and compares.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>

#include "program.h"

namespace regrad::programs {

Tally tally;

namespace {

// The caller's memory, one item off its start and ending with the last.
Tensor blob(const Tensor& x) {
  const size_t item = static_cast<size_t>(item_size(x.dtype())),
               bytes = static_cast<size_t>(x.numel()) * item;
  char* memory = static_cast<char*>(std::malloc(bytes + item));
  const Tensor flat = contiguous(x);
  if (bytes)
    std::memcpy(memory + item,
                x.dtype() == DType::f32 ? static_cast<const void*>(flat.data<float>())
                                        : flat.data<double>(),
                bytes);
  return from_blob(memory + item, x.shape(), x.dtype(), [memory](void*) { std::free(memory); });
}

Tensor laid_out(const Tensor& x, Lay lay) {
  const Shape& s = x.shape();
  const int n = s.size();
  switch (lay) {
    case Lay::transposed: return n >= 2 ? contiguous(x.mT()).mT() : x;
    case Lay::offset: return n >= 1 ? slice(unslice(x, 0, s[0] + 3, 2), 0, 2, 2 + s[0]) : x;
    case Lay::strided:
      return n >= 1 ? slice(unslice(x, -1, 2 * s[-1] + 1, 1, 2), -1, 1, 2 * s[-1] + 1, 2) : x;
    case Lay::pitched: return n >= 2 ? slice(unslice(x, -1, s[-1] + 3, 1), -1, 1, 1 + s[-1]) : x;
    case Lay::channels_last:
      return n >= 3 ? contiguous(x.transpose(-3, -2).transpose(-2, -1))
                          .transpose(-2, -1)
                          .transpose(-3, -2)
                    : x;
    default: return x;
  }
}

struct Run {
  std::vector<Tensor> values, outputs, leaves, weights;
  std::vector<int> wanted;  // the leaves' nodes
};

Tensor pattern(int stream, int node, const Shape& s, DType t) {
  std::vector<double> v;
  for (int64_t k = 0; k < s.numel(); ++k) v.push_back(weight(stream, node, k));
  return tensor(v, s, t);
}

Tensor make_leaf(const Program& p, int at, Run& run) {
  const Node& n = p.nodes[static_cast<size_t>(at)];
  const DType t = n.leaf == Leaf::real ? p.dtype : n.leaf == Leaf::mask ? DType::b8 : DType::i64;
  Tensor x = tensor(n.values, n.shape, t);
  if (n.leaf != Leaf::real) return x;
  if (n.lay == Lay::blob) x = blob(x);
  if (!n.wanted) return laid_out(x, n.lay);
  if (!n.recorded) x = laid_out(x, n.lay).detach();
  x.requires_grad_();
  run.leaves.push_back(x);
  run.wanted.push_back(at);
  return n.recorded ? laid_out(x, n.lay) : x;
}

Run run_engine(const Program& p) {
  Run run;
  for (size_t k = 0; k < p.nodes.size(); ++k) {
    const Node& n = p.nodes[k];
    if (!n.row) {
      run.values.push_back(make_leaf(p, static_cast<int>(k), run));
      continue;
    }
    Args a{n, p.dtype, {}};
    for (int i : n.in) a.t.push_back(i < 0 ? Tensor() : run.values[static_cast<size_t>(i)]);
    run.values.push_back(n.row->engine(a));
  }
  for (int s : p.sinks()) {
    const Tensor& y = run.values[static_cast<size_t>(s)];
    if (!y.requires_grad()) continue;
    run.outputs.push_back(y);
    run.weights.push_back(pattern(0, s, y.shape(), y.dtype()));
  }
  return run;
}

std::string shown(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", v);
  return text;
}

// Empty where got is the interpreter's value.
bool agrees(const Number& right, double got) {
  if (std::isnan(right.v) || std::isinf(right.v))
    return std::isnan(right.v) ? std::isnan(got) : got == right.v;
  return std::abs(got - right.v) <= slack * right.e;
}

std::string compare_values(const Program& p, const Interpreted& right,
                           const std::vector<Tensor>& values, const char* kind) {
  for (size_t k = 0; k < p.nodes.size(); ++k) {
    if (!p.nodes[k].row) continue;
    const Array& r = right.nodes[k];
    const std::string where =
        std::string(kind) + ": node " + std::to_string(k) + " (" + p.nodes[k].row->name + ") ";
    if (r.shape != values[k].shape())
      return where + "has shape " + str(values[k].shape()) + ", not " + str(r.shape);
    if (values[k].dtype() != p.dtype) return where + "has dtype " + name(values[k].dtype());
    const std::vector<double> got = values[k].to_vector();
    for (size_t e = 0; e < got.size(); ++e) {
      ++tally.values;
      if (!agrees(r.v[e].c[0], got[e]))
        return where + "element " + std::to_string(e) + " is " + shown(got[e]) + ", not " +
               shown(r.v[e].v()) + " within " + shown(slack * r.v[e].c[0].e);
    }
  }
  return "";
}

using Gradients = std::vector<Tensor>;

// The next derivative's gradients: of <g, direction> to the leaves; undefined ones are zeros.
Gradients next(const Gradients& g, const Run& run, int stream, bool create_graph) {
  Gradients outputs, directions;
  for (size_t k = 0; k < g.size(); ++k) {
    if (!g[k].defined() || !g[k].requires_grad()) continue;
    outputs.push_back(g[k]);
    directions.push_back(pattern(stream, run.wanted[k], g[k].shape(), g[k].dtype()));
  }
  if (outputs.empty()) return Gradients(run.leaves.size());
  return grad(outputs, run.leaves,
              {.grad_outputs = directions, .create_graph = create_graph, .allow_unused = true});
}

std::string compare_derivative(const Run& run, const Gradients& g, const Jet& loss, int order) {
  static constexpr int sets[] = {0, 1, 3, 7};
  double got = 0;
  for (size_t k = 0; k < g.size(); ++k) {
    if (!g[k].defined()) continue;
    if (g[k].shape() != run.leaves[k].shape())
      return "order " + std::to_string(order) + ": a gradient of shape " + str(g[k].shape()) +
             " for " + str(run.leaves[k].shape());
    const std::vector<double> v = g[k].to_vector();
    for (size_t e = 0; e < v.size(); ++e)
      got += v[e] * weight(order, run.wanted[k], static_cast<int64_t>(e));
  }
  const int s = sets[order];
  const Number right = (loss.live >> s & 1) ? loss.c[s] : Number{};
  ++tally.derivatives;
  tally.sharp += right.e * slack <= 1e-3 * std::max(1.0, std::abs(right.v));
  if (!agrees(right, got))
    return "order " + std::to_string(order) + ": " + shown(got) + ", not " + shown(right.v) +
           " within " + shown(slack * right.e);
  return "";
}

// With and without a graph the first gradient is the same, element for element, also where it is no
// number.
std::string compare_ways(const Run& run, const Gradients& plain, const Gradients& recorded) {
  for (size_t k = 0; k < plain.size(); ++k) {
    if (plain[k].defined() != recorded[k].defined())
      return "two ways: leaf " + std::to_string(run.wanted[k]) + " has one gradient";
    if (!plain[k].defined()) continue;
    const std::vector<double> a = plain[k].to_vector(), b = recorded[k].to_vector();
    for (size_t e = 0; e < a.size(); ++e)
      if (std::isfinite(a[e]) != std::isfinite(b[e]))
        return "two ways: the gradient of leaf " + std::to_string(run.wanted[k]) + " at " +
               std::to_string(e) + " is " + shown(a[e]) + ", with a graph " + shown(b[e]);
  }
  return "";
}

// A few elements of the gradient by themselves: also where others are no numbers.
std::string compare_elements(const Program& p, const Run& run, const Gradients& plain,
                             const Gradients& recorded) {
  int64_t count = 0;
  for (const Tensor& x : run.leaves) count += x.numel();
  const int64_t most = p.special ? 12 : 2, step = std::max<int64_t>(1, count / most);
  int64_t before = 0;
  for (size_t k = 0; k < run.leaves.size(); before += run.leaves[k++].numel()) {
    std::vector<double> values[2];
    for (int64_t e = 0; e < run.leaves[k].numel(); ++e) {
      if ((before + e) % step != 0) continue;
      const Element element{run.wanted[k], e};
      const Interpreted right = interpret(p, &element);
      if (!right.smooth || !right.decided) continue;
      const Number expected = (right.loss.live & 2) ? right.loss.c[1] : Number{};
      for (int way = 0; way < 2; ++way) {
        const Tensor& g = way ? recorded[k] : plain[k];
        if (values[way].empty() && g.defined()) values[way] = g.to_vector();
        const double got = g.defined() ? values[way][static_cast<size_t>(e)] : 0;
        ++tally.elements;
        if (!agrees(expected, got))
          return std::string(way ? "recorded" : "plain") + " element: of the gradient of leaf " +
                 std::to_string(run.wanted[k]) + " at " + std::to_string(e) + ": " + shown(got) +
                 ", not " + shown(expected.v) + " within " + shown(slack * expected.e);
      }
    }
  }
  return "";
}

// Nothing is reported of a program whose numbers are all finite.
std::string watched(const Program& p) {
  const DetectAnomaly watch;
  const Run run = run_engine(p);
  if (!run.outputs.empty() && !run.leaves.empty())
    grad(run.outputs, run.leaves,
         {.grad_outputs = run.weights, .create_graph = true, .allow_unused = true});
  return "";
}

std::string compare_derivatives(const Program& p, const Interpreted& right) {
  const Run run = run_engine(p);
  if (std::string fault = compare_values(p, right, run.values, "value"); !fault.empty())
    return fault;
  if (run.leaves.empty() || run.outputs.empty()) return "";
  const auto first = [&](bool create_graph) {
    return grad(run.outputs, run.leaves,
                {.grad_outputs = run.weights,
                 .create_graph = create_graph,
                 .retain_graph = true,
                 .allow_unused = true});
  };
  const Gradients plain = first(false);
  Gradients g = first(true);
  if (std::string fault = compare_ways(run, plain, g); !fault.empty()) return fault;
  if (std::string fault = compare_elements(p, run, plain, g); !fault.empty()) return fault;
  const Gradients h = next(g, run, 1, true), t = next(h, run, 2, false);
  if (!right.smooth) return "";
  std::string fault = compare_derivative(run, plain, right.loss, 1);
  if (!fault.empty()) return "plain " + fault;
  fault = compare_derivative(run, g, right.loss, 1);
  // Where a zero masks an infinite slope, second sweeps multiply the two before they mask
  // (PyTorch's as well).
  if (right.singular) return fault;
  if (fault.empty()) fault = compare_derivative(run, h, right.loss, 2);
  if (fault.empty()) fault = compare_derivative(run, t, right.loss, 3);
  return fault.empty() && !p.special ? watched(p) : fault;
}

}  // namespace

std::string check(const Program& p) {
  const Interpreted right = interpret(p);
  ++tally.programs;
  if (!right.decided) {
    ++tally.undecided;
    return "";
  }
  tally.nodes += static_cast<int64_t>(p.nodes.size());
  try {
    {
      NoGrad without;
      Program free = p;
      for (Node& n : free.nodes) n.wanted = false;
      if (std::string fault =
              compare_values(p, right, run_engine(free).values, "value without a graph");
          !fault.empty())
        return fault;
    }
    return compare_derivatives(p, right);
  } catch (const NumericError& e) {
    // Decompositions refuse gradients that are no numbers.
    return right.smooth ? std::string("error: ") + e.what() : "";
  } catch (const Error& e) {
    return std::string("error: ") + e.what();
  }
}

std::string kind_of(const std::string& fault) {
  const size_t colon = fault.find(':');
  const std::string kind = fault.substr(0, colon);
  if (kind == "error") return fault.substr(0, fault.find(':', colon + 1));
  if (kind.find("element") != std::string::npos || kind.find("order 1") != std::string::npos)
    return "order 1";
  return kind.rfind("value", 0) == 0 ? "value" : kind;
}

}  // namespace regrad::programs

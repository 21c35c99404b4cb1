// Smaller programs with the same kind of fault: fewer outputs, ops replaced by their values, plain
// layouts, rounder numbers, smaller sizes.
#include <cmath>
#include <functional>

#include "program.h"

namespace regrad::programs {
namespace {

// Without nodes that no output reads.
Program pruned(const Program& p, const std::vector<int>& outputs) {
  std::vector<bool> read(p.nodes.size());
  for (int s : outputs) read[static_cast<size_t>(s)] = true;
  for (size_t k = p.nodes.size(); k-- > 0;)
    if (read[k])
      for (int i : p.nodes[k].in)
        if (i >= 0) read[static_cast<size_t>(i)] = true;
  Program out{p.dtype, p.special, {}};
  std::vector<int> at(p.nodes.size(), -1);
  for (size_t k = 0; k < p.nodes.size(); ++k) {
    if (!read[k]) continue;
    at[k] = static_cast<int>(out.nodes.size());
    out.nodes.push_back(p.nodes[k]);
    for (int& i : out.nodes.back().in)
      if (i >= 0) i = at[static_cast<size_t>(i)];
  }
  return out;
}

class Shrinker {
 public:
  Shrinker(const Program& p, const std::string& kind) : best_(p), kind_(kind) {}
  Program run() {
    bool smaller = true;
    for (int round = 0; smaller && round < 12 && left_ > 0; ++round)
      smaller = structure() | sizes() | leaves();
    return best_;
  }

 private:
  bool attempt(const Program& p) {
    if (--left_ < 0) return false;
    try {
      if (kind_of(check(p)) != kind_) return false;
    } catch (const Unfit&) {
      return false;
    } catch (const std::out_of_range&) {
      return false;
    }
    best_ = p;
    return true;
  }

  bool structure() {
    bool any = false;
    for (size_t k = best_.nodes.size(); k-- > 0;) {
      if (k >= best_.nodes.size()) continue;
      if (best_.nodes[k].row) any = attempt(pruned(best_, {static_cast<int>(k)})) || any;
      if (k >= best_.nodes.size() || !best_.nodes[k].row) continue;
      any = as_leaf(k) || skip(k) || any;
    }
    return any;
  }
  // The node as a leaf of its value.
  bool as_leaf(size_t k) {
    const std::vector<int> outputs = best_.sinks();
    Node leaf;
    const Array y = interpret(best_).nodes[k];
    leaf.shape = y.shape;
    for (const Jet& j : y.v)
      leaf.values.push_back(
          best_.dtype == DType::f32 ? static_cast<double>(static_cast<float>(j.v())) : j.v());
    for (bool wanted : {false, true}) {
      Program p = best_;
      leaf.wanted = wanted;
      p.nodes[k] = leaf;
      if (!p.sinks().empty() && attempt(pruned(p, p.sinks()))) return true;
    }
    return false;
  }
  // Whatever reads the node reads its operand instead.
  bool skip(size_t k) {
    for (int operand : best_.nodes[k].in) {
      if (operand < 0 || best_.nodes[static_cast<size_t>(operand)].leaf != Leaf::real) continue;
      Program p = best_;
      for (Node& n : p.nodes)
        for (int& i : n.in)
          if (i == static_cast<int>(k)) i = operand;
      std::vector<int> outputs = p.sinks();
      for (size_t s = outputs.size(); s-- > 0;)
        if (outputs[s] == static_cast<int>(k))
          outputs.erase(outputs.begin() + static_cast<std::ptrdiff_t>(s));
      if (!outputs.empty() && attempt(pruned(p, outputs))) return true;
    }
    return false;
  }

  // One size of every leaf that has it at that place made smaller; the ops' own checks decide
  // whether the rest still fits.
  bool sizes() {
    bool any = false;
    for (size_t k = 0; k < best_.nodes.size(); ++k) {
      if (best_.nodes[k].row) {
        any = arguments(k) || any;
        continue;
      }
      for (int d = 0; d < best_.nodes[k].shape.size(); ++d)
        while (best_.nodes[k].shape[d] > 1 && (cut(k, d, best_.nodes[k].shape[d] / 2, true) ||
                                               cut(k, d, best_.nodes[k].shape[d] - 1, true) ||
                                               cut(k, d, best_.nodes[k].shape[d] / 2, false) ||
                                               cut(k, d, best_.nodes[k].shape[d] - 1, false)))
          any = true;
    }
    return any;
  }
  static void cut_leaf(Node& n, int d, int64_t size) {
    Shape sizes = n.shape;
    sizes[d] = size;
    std::vector<double> kept;
    int64_t inner = 1;
    for (int e = d + 1; e < sizes.size(); ++e) inner *= sizes[e];
    for (int64_t e = 0; e < n.shape.numel(); ++e)
      if (e / inner % n.shape[d] < size) kept.push_back(n.values[static_cast<size_t>(e)]);
    n.shape = sizes;
    n.values = kept;
  }
  bool cut(size_t k, int d, int64_t size, bool all) {
    Program p = best_;
    const int64_t before = p.nodes[k].shape[d];
    cut_leaf(p.nodes[k], d, size);
    if (all)
      for (Node& n : p.nodes)
        if (&n != &p.nodes[k] && !n.row)
          for (int e = 0; e < n.shape.size(); ++e)
            if (n.shape[e] == before) cut_leaf(n, e, size);
    return attempt(p);
  }
  bool arguments(size_t k) {
    bool any = false;
    for (size_t a = 0; a < best_.nodes[k].i.size(); ++a)
      for (int64_t to : {int64_t{0}, int64_t{1}, best_.nodes[k].i[a] - 1}) {
        if (std::abs(to) >= std::abs(best_.nodes[k].i[a])) continue;
        Program p = best_;
        p.nodes[k].i[a] = to;
        if (attempt(p)) {
          any = true;
          break;
        }
      }
    return any;
  }

  bool leaves() {
    bool any = false;
    for (size_t k = 0; k < best_.nodes.size(); ++k) {
      if (best_.nodes[k].row) continue;
      const auto change = [&](const std::function<bool(Node&)>& f) {
        Program p = best_;
        if (f(p.nodes[k]) && attempt(p)) any = true;
      };
      change([](Node& n) { return std::exchange(n.lay, Lay::contiguous) != Lay::contiguous; });
      change([](Node& n) { return std::exchange(n.wanted, false); });
      for (double to : {0.0, 1.0})
        change([to](Node& n) {
          bool moved = false;
          for (double& v : n.values) moved = std::exchange(v, to) != to || moved;
          return moved && n.leaf == Leaf::real;
        });
      for (size_t e = 0; e < best_.nodes[k].values.size(); ++e) simplify(k, e, any);
    }
    if (best_.dtype == DType::f32) {
      Program p = best_;
      p.dtype = DType::f64;
      any = attempt(p) || any;
    }
    return any;
  }
  void simplify(size_t k, size_t e, bool& any) {
    const double v = best_.nodes[k].values[e];
    if (v == 0 || v == 1) return;
    for (double to : {0.0, 1.0, std::isfinite(v) ? std::rint(v) : v,
                      std::isfinite(v) ? std::rint(v * 4) / 4 : v}) {
      if (to == v || (std::isnan(to) && std::isnan(v))) continue;
      Program p = best_;
      p.nodes[k].values[e] = to;
      if (attempt(p)) {
        any = true;
        return;
      }
    }
  }

  Program best_;
  std::string kind_;
  int left_ = 4000;
};

}  // namespace

Program shrink(const Program& p) { return Shrinker(p, kind_of(check(p))).run(); }

}  // namespace regrad::programs

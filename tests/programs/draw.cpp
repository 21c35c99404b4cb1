#include "draw.h"

#include <cmath>

namespace regrad::programs {

double Draw::real() {
  return static_cast<double>(once_in(4) ? whole(-2, 2) : whole(-8, 8)) / (flag() ? 4 : 5);
}

Shape Draw::shape(int least, int most) {
  Shape s;
  for (int64_t d = whole(least, most); d > 0; --d)
    s.push_back(once_in(40) ? 0 : once_in(3) ? 1 : once_in(40) ? whole(6, 40) : whole(2, 5));
  while (s.numel() > 600) s[static_cast<int>(whole(0, s.size() - 1))] = 1;
  return s;
}

double Draw::value(Fill fill) {
  const double inf = std::numeric_limits<double>::infinity(), u = unit();
  const bool single = p_.dtype == DType::f32;
  double v = fill == Fill::positive      ? 0.25 + 2 * u
             : fill == Fill::probability ? u
             : fill == Fill::small       ? u - 0.5
                                         : 4 * u - 2;
  if (fill == Fill::any && style_ == 0) v = std::rint(v * 1.25);
  if (fill == Fill::probability && once_in(5)) v = std::rint(v);
  if (p_.special && fill == Fill::any && once_in(5)) {
    const double ends[] = {inf,
                           -inf,
                           std::numeric_limits<double>::quiet_NaN(),
                           0.0,
                           -0.0,
                           single ? 1e-40 : 1e-310,
                           single ? -1e-30 : -1e-200,
                           30,
                           -30,
                           100,
                           -200,
                           single ? 1e9 : 1e30};
    v = ends[whole(0, 11)];
  }
  return single ? static_cast<double>(static_cast<float>(v)) : v;
}

int Draw::leaf(const Shape& s, Fill fill) {
  Node n;
  n.shape = s;
  style_ = static_cast<int>(whole(0, 3));
  for (int64_t k = 0; k < s.numel(); ++k) n.values.push_back(value(fill));
  if (fill == Fill::spread) {
    for (int64_t k = 0; k < s.numel(); ++k) {
      double& v = n.values[static_cast<size_t>(k)];
      v = v / 2 + (k % s[-1] == k / s[-1] % s[-2] ? 3 + static_cast<double>(k % s[-1]) : 0);
      if (p_.dtype == DType::f32) v = static_cast<double>(static_cast<float>(v));
    }
  }
  n.lay =
      flag() ? Lay::contiguous : static_cast<Lay>(whole(0, static_cast<int64_t>(Lay::count) - 1));
  n.wanted = !once_in(4);
  n.recorded = flag();
  p_.nodes.push_back(n);
  arrays.push_back(interpret(p_, static_cast<int>(p_.nodes.size()) - 1, arrays));
  return static_cast<int>(p_.nodes.size()) - 1;
}
int Draw::index(const Shape& s, int64_t low, int64_t high) {
  Node n;
  n.shape = s;
  n.leaf = Leaf::index;
  for (int64_t k = 0; k < s.numel(); ++k)
    n.values.push_back(static_cast<double>(whole(low, high - 1)));
  p_.nodes.push_back(n);
  arrays.push_back(interpret(p_, static_cast<int>(p_.nodes.size()) - 1, arrays));
  return static_cast<int>(p_.nodes.size()) - 1;
}
int Draw::mask(const Shape& s) {
  const int at = index(s, 0, 2);
  p_.nodes.back().leaf = Leaf::mask;
  return at;
}

int Draw::any(int least, int most) {
  for (int tries = 0; tries < 6 && !p_.nodes.empty(); ++tries) {
    const int64_t last = static_cast<int64_t>(p_.nodes.size()) - 1,
                  at = flag() ? last - std::min(last, whole(0, 1)) : whole(0, last);
    const Node& n = p_.nodes[static_cast<size_t>(at)];
    const Shape& s = of(static_cast<int>(at));
    if ((n.row || n.leaf == Leaf::real) && s.size() >= least && s.size() <= most)
      return static_cast<int>(at);
  }
  return leaf(shape(least, std::max(least, std::min(most, 4))));
}
int Draw::like(const Shape& s) {
  for (int tries = 0; tries < 3 && !p_.nodes.empty(); ++tries) {
    const int at = static_cast<int>(whole(0, static_cast<int64_t>(p_.nodes.size()) - 1));
    const Node& n = p_.nodes[static_cast<size_t>(at)];
    if ((n.row || n.leaf == Leaf::real) && of(at) == s) return at;
  }
  return leaf(s);
}
int Draw::to(const Shape& s) {
  Shape part = s;
  while (!part.empty() && once_in(4)) part.erase(0);
  for (int64_t& n : part)
    if (once_in(3)) n = 1;
  return like(part);
}
int Draw::beside(const Shape& s) {
  if (once_in(3)) return like(s);
  Shape other = s;
  for (int64_t& n : other)
    if (n == 1 && once_in(3)) n = whole(1, 4);
  if (other.size() < 4 && once_in(8)) other.insert(0, whole(1, 3));
  return broadcast_shape(s, other).numel() > 800 ? like(s) : to(other);
}
std::vector<int64_t> Draw::dims(int node, int least) {
  std::vector<int64_t> out;
  const int n = of(node).size();
  for (int d = 0; d < n; ++d)
    if (flag()) out.push_back(flag() ? d : d - n);
  while (static_cast<int>(out.size()) < least && n > 0) out = {dim(node)};
  for (size_t k = 1; k < out.size(); ++k)
    if (flag()) std::swap(out[k], out[k - 1]);
  return out;
}

bool draw_one(Draw& d, Node& n) {
  n.in = {d.any()};
  return true;
}
bool draw_two(Draw& d, Node& n) {
  const int a = d.any(), b = d.beside(d.of(a));
  n.in = d.flag() ? std::vector<int>{a, b} : std::vector<int>{b, a};
  return true;
}
bool draw_dim(Draw& d, Node& n) {
  n.in = {d.any(1)};
  n.i = {d.dim(n.in[0])};
  return true;
}
bool draw_dims(Draw& d, Node& n) {
  n.in = {d.any()};
  n.i = d.dims(n.in[0]);
  n.i.insert(n.i.begin(), d.flag());
  return true;
}

namespace {

// All coefficients are finite, not large and not blurred, so that what follows can be compared
// closely.
bool tame(const Array& a) {
  for (const Jet& j : a.v)
    for (int s = 0; s < 8; ++s) {
      const Number& n = j.c[s];
      if ((j.live >> s & 1) &&
          !(std::abs(n.v) < (s ? 1e7 : 1e4) && n.e < 1e3 * rounding.unit * (std::abs(n.v) + 1)))
        return false;
    }
  return true;
}

const Row* pick(Draw& d) {
  static const std::vector<const Row*> often = [] {
    std::vector<const Row*> list;
    for (const Row* r : rows()) list.insert(list.end(), static_cast<size_t>(r->chance), r);
    return list;
  }();
  return often[static_cast<size_t>(d.whole(0, static_cast<int64_t>(often.size()) - 1))];
}

}  // namespace

Program draw_program(uint64_t seed, int64_t number, const Row* only) {
  Program p;
  Draw d(Random(seed) / number, p);
  p.dtype = d.once_in(3) ? DType::f64 : DType::f32;
  p.special = d.once_in(6);
  const int64_t ops = d.once_in(4) ? 1 : d.whole(1, 12);
  int64_t done = 0;
  for (int tries = 0; done < ops && tries < 60; ++tries) {
    const size_t before = p.nodes.size();
    Node n;
    n.row = only ? only : pick(d);
    bool good = n.row->draw(d, n);
    if (good) {
      p.nodes.push_back(n);
      rounding.clear();
      try {
        Array y = interpret(p, static_cast<int>(p.nodes.size()) - 1, d.arrays);
        good =
            y.v.size() <= 1500 && !rounding.undecided && (p.special || (tame(y) && !rounding.huge));
        d.arrays.push_back(std::move(y));
      } catch (const Unfit&) {
        good = false;
      }
    }
    if (good) {
      ++done;
    } else {
      p.nodes.resize(before);
      d.arrays.resize(before);
    }
  }
  return p;
}

}  // namespace regrad::programs

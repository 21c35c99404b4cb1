// A stream of choices for one program: the same seed and number make the same ones.
#pragma once

#include <regrad/engine/random.h>

#include "program.h"

namespace regrad::programs {

// spread: matrices with a dominant diagonal
enum class Fill : uint8_t { any, positive, spread, small, probability };

class Draw {
 public:
  Draw(const Random& r, Program& p) : r_(r), p_(p) {}
  int64_t whole(int64_t low, int64_t high) { return low + r_.integer(n_++, high - low + 1); }
  double unit() { return r_.uniform(n_++); }
  bool once_in(int64_t n) { return whole(1, n) == 1; }
  bool flag() { return once_in(2); }
  double real();  // an argument: a short decimal in [-2, 2]

  Shape shape(int least, int most);
  int leaf(const Shape& s, Fill fill = Fill::any);
  int index(const Shape& s, int64_t low, int64_t high);  // in [low, high)
  int mask(const Shape& s);

  // A real node: any; with so many dims; a node or new leaf of a shape, or one that broadcasts with
  // it.
  int any(int least = 0, int most = 8);
  int like(const Shape& s);
  int beside(const Shape& s);
  int to(const Shape& s);  // one that broadcasts to s
  const Shape& of(int node) const { return arrays[static_cast<size_t>(node)].shape; }
  const Array& array(int node) const { return arrays[static_cast<size_t>(node)]; }
  int64_t dim(int node) { return whole(-of(node).size(), of(node).size() - 1); }
  std::vector<int64_t> dims(int node, int least = 0);

  std::vector<Array> arrays;  // of the nodes so far

 private:
  double value(Fill fill);
  Random r_;
  Program& p_;
  uint64_t n_ = 0;
  int style_ = -1;
};

// Shared draws.
bool draw_one(Draw& d, Node& n);   // any operand
bool draw_two(Draw& d, Node& n);   // two that broadcast
bool draw_dim(Draw& d, Node& n);   // an operand and a dim
bool draw_dims(Draw& d, Node& n);  // an operand, keepdim, dims..

}  // namespace regrad::programs

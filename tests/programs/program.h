// A program: leaves and ops on earlier nodes, all of one floating dtype. Its sinks (nodes that no
// other reads) are its outputs.
#pragma once

#include <string>
#include <vector>

#include <regrad/engine/tensor.h>

#include "array.h"

namespace regrad::programs {

struct Row;

// How a leaf lies in memory. blob: the caller's memory from its second item to its last, so that a
// read past the end is one past the allocation.
enum class Lay : uint8_t {
  contiguous,
  transposed,
  offset,
  strided,
  pitched,
  channels_last,
  blob,
  count
};
enum class Leaf : uint8_t { real, index, mask };

struct Node {
  const Row* row = nullptr;  // none: a leaf
  std::vector<int> in;       // earlier nodes; -1: an undefined tensor
  std::vector<int64_t> i;    // arguments
  std::vector<double> d;
  // Leaves.
  Leaf leaf = Leaf::real;
  Shape shape = {};
  std::vector<double> values = {};
  Lay lay = Lay::contiguous;
  bool wanted = false;    // its gradient is asked for
  bool recorded = false;  // the layout is made by recorded ops; else the leaf itself lies so
};

struct Program {
  DType dtype = DType::f32;
  bool special = false;  // nan, infinities, huge and tiny numbers may occur
  std::vector<Node> nodes;
  std::vector<int> sinks() const;
};

// The weights of outputs (stream 0) and the directions of derivatives (1, 2, 3): quarters in [-2,
// 2], never 0, the same for a node and element.
double weight(int stream, int node, int64_t element);

// What an op's loops are given.
struct In {
  const Node& node;
  std::vector<const Array*> arrays;
  const Array& x(size_t k = 0) const {
    need(k < arrays.size() && arrays[k]);
    return *arrays[k];
  }
  bool has(size_t k) const { return k < arrays.size() && arrays[k]; }
  int64_t i(size_t k) const { return node.i.at(k); }
  double d(size_t k) const { return node.d.at(k); }
  std::vector<int64_t> rest(size_t k) const {
    return {node.i.begin() + static_cast<std::ptrdiff_t>(k), node.i.end()};
  }
  // An index operand's elements, of which negative ones count from n.
  std::vector<int64_t> whole(size_t k, int64_t n = 0) const;
};
// What a call of the engine is given.
struct Args {
  const Node& node;
  DType dtype;  // the program's
  std::vector<Tensor> t;
  const Tensor& operator[](size_t k) const { return t.at(k); }
  int64_t i(size_t k) const { return node.i.at(k); }
  int narrow(size_t k) const { return static_cast<int>(node.i.at(k)); }
  double d(size_t k) const { return node.d.at(k); }
  Shape rest(size_t k) const {
    Shape s;
    for (; k < node.i.size(); ++k) s.push_back(node.i[k]);
    return s;
  }
};

class Draw;
const char* equation(int64_t k);  // einsum's
// An op of the fuzzer, in one place.
struct Row {
  const char* name;
  bool (*draw)(Draw& d, Node& n);  // operands and arguments; false where none fit
  Array (*loops)(const In& in);
  Tensor (*engine)(const Args& a);
  // C++: $k an operand, #k and @k arguments, #k.. the arguments from there on, % an equation
  const char* text;
  int chance = 2;  // how often it is drawn, against others
};
// Every row.
const std::vector<const Row*>& rows();
using Table = std::vector<Row>;
const Table& elementwise_rows();
const Table& reduction_rows();
const Table& order_rows();
const Table& view_rows();
const Table& index_rows();
const Table& selection_rows();
const Table& product_rows();
const Table& matrix_rows();
const Table& image_rows();
const Table& norm_rows();
const Table& loss_rows();

// The program of that number. `only`: its ops are this row's alone.
Program draw_program(uint64_t seed, int64_t number, const Row* only = nullptr);

// An element of a leaf, whose direction alone is e1.
struct Element {
  int leaf;
  int64_t at;
};
// One node's array from those before it.
Array interpret(const Program& p, int node, const std::vector<Array>& before,
                const Element* only = nullptr);
struct Interpreted {
  std::vector<Array> nodes;
  Jet loss;  // sum of weights times outputs
  // all values and derivatives are finite (of one element: all derivatives): they can be compared
  bool smooth;
  bool decided;   // no comparison that rounding may turn
  bool singular;  // some derivative at a point without one, masked or not
};
Interpreted interpret(const Program& p, const Element* only = nullptr);

// Empty where engine and interpreter agree, else what differs: a kind ("value", "order 2", ..), a
// colon and the numbers.
std::string check(const Program& p);
std::string kind_of(const std::string& fault);
// How many comparisons check made so far, and of what sharpness.
struct Tally {
  int64_t programs = 0, undecided = 0, nodes = 0, values = 0, derivatives = 0, sharp = 0,
          elements = 0;
};
extern Tally tally;

// A smaller program with the same kind of fault.
Program shrink(const Program& p);
// The program as C++ text, to paste into a test.
std::string to_text(const Program& p);

}  // namespace regrad::programs

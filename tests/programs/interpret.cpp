#include "program.h"

namespace regrad::programs {

const std::vector<const Row*>& rows() {
  static const std::vector<const Row*> list = [] {
    std::vector<const Row*> all;
    for (const Table* t : {&elementwise_rows(), &reduction_rows(), &order_rows(), &view_rows(),
                           &index_rows(), &selection_rows(), &product_rows(), &matrix_rows(),
                           &image_rows(), &norm_rows(), &loss_rows()})
      for (const Row& r : *t) all.push_back(&r);
    return all;
  }();
  return list;
}

std::vector<int> Program::sinks() const {
  std::vector<bool> read(nodes.size());
  for (const Node& n : nodes)
    for (int i : n.in)
      if (i >= 0) read[static_cast<size_t>(i)] = true;
  std::vector<int> out;
  for (size_t k = 0; k < nodes.size(); ++k)
    if (!read[k] && nodes[k].row) out.push_back(static_cast<int>(k));
  return out;
}

double weight(int stream, int node, int64_t element) {
  uint64_t h = static_cast<uint64_t>(element) * 0x9e3779b97f4a7c15u +
               static_cast<uint64_t>(stream * 1009 + node) * 0xd1342543de82ef95u +
               0x2545f4914f6cdd1du;
  h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9u;
  h ^= h >> 32;
  const int quarter = static_cast<int>(h % 16) - 8;
  return (quarter >= 0 ? quarter + 1 : quarter) / 4.0;
}

std::vector<int64_t> In::whole(size_t k, int64_t n) const {
  std::vector<int64_t> out;
  for (const Jet& j : x(k).v) out.push_back(static_cast<int64_t>(j.v()) + (j.v() < 0 ? n : 0));
  return out;
}

namespace {
Array of_leaf(const Node& n, int at, const Element* only) {
  Array y(n.shape);
  need(n.values.size() == y.v.size());
  for (size_t k = 0; k < y.v.size(); ++k) {
    y.v[k] = Jet(n.values[k]);
    if (!n.wanted) continue;
    if (only) {
      if (only->leaf != at || only->at != static_cast<int64_t>(k)) continue;
      y.v[k].live = 1 << 0 | 1 << 1;
      y.v[k].c[1].v = 1;
      continue;
    }
    y.v[k].live = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 4;
    for (int s : {1, 2, 4}) y.v[k].c[s].v = weight(s == 4 ? 3 : s, at, static_cast<int64_t>(k));
  }
  return y;
}
}  // namespace

Array interpret(const Program& p, int node, const std::vector<Array>& before, const Element* only) {
  rounding.unit = p.dtype == DType::f32 ? 0x1p-24 : 0x1p-53;
  rounding.tiny = p.dtype == DType::f32 ? 0x1p-126 : 0x1p-1022;
  rounding.largest = p.dtype == DType::f32 ? std::numeric_limits<float>::max()
                                           : std::numeric_limits<double>::max();
  const Node& n = p.nodes[static_cast<size_t>(node)];
  if (!n.row) return of_leaf(n, node, only);
  In in{n, {}};
  for (int i : n.in) in.arrays.push_back(i < 0 ? nullptr : &before[static_cast<size_t>(i)]);
  return n.row->loops(in);
}

Interpreted interpret(const Program& p, const Element* only) {
  Interpreted out;
  rounding.clear();
  out.smooth = true;
  for (size_t k = 0; k < p.nodes.size(); ++k) {
    out.nodes.push_back(interpret(p, static_cast<int>(k), out.nodes, only));
    for (const Jet& j : out.nodes.back().v)
      for (int s = only ? 1 : 0; s < 8; ++s)
        if ((j.live >> s & 1) && !std::isfinite(j.c[s].v)) out.smooth = false;
  }
  std::vector<Jet> terms;
  for (int s : p.sinks()) {
    const Array& y = out.nodes[static_cast<size_t>(s)];
    for (size_t k = 0; k < y.v.size(); ++k)
      terms.push_back(Jet(weight(0, s, static_cast<int64_t>(k))) * y.v[k]);
  }
  out.loss = total(terms);
  out.smooth = out.smooth && !rounding.huge && !rounding.lost;
  out.singular = rounding.singular;
  out.decided = !rounding.undecided;
  return out;
}

}  // namespace regrad::programs

// Planetoid's files of a graph, as Python 2 pickled them: what the reader is held against where the
// real ones are not at hand.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace regrad::test {

// Opcodes of protocol 2.
class Pickled {
 public:
  std::string bytes = "\x80\x02";

  Pickled& put(const std::string& opcodes) {
    bytes += opcodes;
    return *this;
  }
  Pickled& number(int64_t v) {
    const auto u = static_cast<uint32_t>(v);
    if (v >= 0 && v < 256) return put("K").little(u, 1);
    if (v >= 0 && v < 65536) return put("M").little(u, 2);
    return put("J").little(u, 4);
  }
  Pickled& text(const std::string& s) {
    const auto n = static_cast<uint32_t>(s.size());
    return (n < 256 ? put("U").little(n, 1) : put("T").little(n, 4)).put(s);
  }
  // numpy.ndarray of one or two dimensions, in C's order.
  template <class T>
  Pickled& array(const std::vector<int64_t>& shape, const std::vector<T>& v, const char* dtype) {
    put("cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n").number(0).put("\x85");
    text("b").put("\x87R(").number(1);
    for (int64_t n : shape) number(n);
    put(shape.size() == 1 ? "\x85" : "\x86").put("cnumpy\ndtype\n").text(dtype);
    put("\x89\x88\x87R(").number(3).text("<").put("NNN").number(-1).number(-1).number(0);
    put("tb\x89");
    std::string raw(v.size() * sizeof(T), '\0');
    std::memcpy(raw.data(), v.data(), raw.size());
    return text(raw).put("tb");
  }

 private:
  Pickled& little(uint32_t v, int count) {
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(v >> (8 * i) & 255);
    return *this;
  }
};

struct PlanetoidGraph {
  int64_t classes = 0, words = 0, train = 0, rest = 0;  // rows of x; of allx
  std::vector<std::vector<int32_t>> words_of;           // of each node, ascending; each once
  std::vector<int32_t> label;
  std::vector<std::vector<int64_t>> neighbours;  // both ends have an edge
  std::vector<int64_t> test;                     // nodes, in the order of tx
};

// Part -> bytes.
inline std::map<std::string, std::string> planetoid_files(const PlanetoidGraph& g) {
  const auto sparse = [&](const std::vector<int64_t>& nodes) {
    std::vector<int32_t> starts{0}, columns;
    for (int64_t i : nodes) {
      const std::vector<int32_t>& row = g.words_of[static_cast<size_t>(i)];
      columns.insert(columns.end(), row.begin(), row.end());
      starts.push_back(static_cast<int32_t>(columns.size()));
    }
    Pickled p;
    p.put("cscipy.sparse.csr\ncsr_matrix\n)\x81}(").text("_shape");
    p.number(static_cast<int64_t>(nodes.size())).number(g.words).put("\x86");
    const auto n = static_cast<int64_t>(columns.size());
    p.text("data").array({n}, std::vector<float>(columns.size(), 1), "f4");
    p.text("indices").array({n}, columns, "i4");
    p.text("indptr").array({static_cast<int64_t>(starts.size())}, starts, "i4");
    return p.put("ub.").bytes;
  };
  const auto one_hot = [&](const std::vector<int64_t>& nodes) {
    std::vector<int32_t> v(nodes.size() * static_cast<size_t>(g.classes), 0);
    for (size_t r = 0; r < nodes.size(); ++r)
      v[r * static_cast<size_t>(g.classes) +
        static_cast<size_t>(g.label[static_cast<size_t>(nodes[r])])] = 1;
    return Pickled().array({static_cast<int64_t>(nodes.size()), g.classes}, v, "i4").put(".").bytes;
  };
  std::vector<int64_t> all(static_cast<size_t>(g.rest));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  const std::vector<int64_t> train(all.begin(), all.begin() + g.train);
  Pickled lists;
  lists.put("ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R(");
  for (size_t i = 0; i < g.neighbours.size(); ++i) {
    lists.number(static_cast<int64_t>(i)).put("](");
    for (int64_t n : g.neighbours[i]) lists.number(n);
    lists.put("e");
  }
  std::string test;
  for (int64_t i : g.test) test += std::to_string(i) + "\n";
  return {{"x", sparse(train)},
          {"y", one_hot(train)},
          {"allx", sparse(all)},
          {"ally", one_hot(all)},
          {"tx", sparse(g.test)},
          {"ty", one_hot(g.test)},
          {"graph", lists.put("u.").bytes},
          {"test.index", test}};
}

}  // namespace regrad::test

#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/archive.h>
#include <regrad/datasets/internal/edges.h>
#include <regrad/datasets/internal/pickle.h>
#include <regrad/datasets/internal/table.h>
#include <regrad/datasets/internal/unpack.h>
#include <regrad/datasets/planetoid.h>

#include <algorithm>
#include <numeric>

namespace regrad {
namespace {

using detail::DenseArray;
using detail::SparseRows;

constexpr const char* parts[] = {"x", "y", "tx", "ty", "allx", "ally", "graph", "test.index"};
constexpr int64_t validation_nodes = 500;

class Reader {
 public:
  Reader(const std::map<std::string, std::string>& files, const std::string& where,
         int64_t most_bytes)
      : files_(files), where_(where) {
    int64_t total = 0;
    for (const auto& [part, bytes] : files) total += static_cast<int64_t>(bytes.size());
    most_ = detail::allowance(total, most_bytes);
  }

  Planetoid read() {
    const SparseRows x = sparse("x"), tx = sparse("tx"), allx = sparse("allx");
    const DenseArray y = dense("y"), ty = dense("ty"), ally = dense("ally");
    fits("y", x.rows == y.rows, "has other rows than x");
    fits("tx", tx.columns == allx.columns && x.columns == allx.columns,
         "has other columns than x or allx");
    fits("ally", allx.rows == ally.rows && x.rows <= allx.rows,
         "has other rows than allx, or fewer than x");
    fits("ty", ty.rows == tx.rows && ty.columns == ally.columns && y.columns == ally.columns,
         "has other rows than tx, or columns than ally");
    fits("ally", ally.rows >= 1 && ally.columns >= 1, "has no rows or no classes");
    Planetoid out;
    const auto lists = detail::neighbour_lists(detail::read_pickle(file("graph"), name("graph")));
    n_ = static_cast<int64_t>(lists.size());
    const std::vector<int64_t> test = test_index(allx.rows);
    fits("test.index", static_cast<int64_t>(test.size()) == tx.rows,
         "has other lines than tx has rows");
    fits("graph", allx.rows <= n_, "has fewer nodes than allx");
    out.graph.features = features(allx, tx, test);
    out.graph.labels = labels(ally, ty, test);
    out.graph.edges = edges(lists, out.links);
    for (int64_t c = 0; c < ally.columns; ++c) out.graph.classes.push_back(std::to_string(c));
    for (int64_t i = 0; i < n_; ++i) out.graph.names.push_back(std::to_string(i));
    out.train = arange(0, static_cast<double>(x.rows));
    out.validation = arange(static_cast<double>(x.rows),
                            static_cast<double>(std::min(x.rows + validation_nodes, allx.rows)));
    std::vector<int64_t> sorted = test;
    std::sort(sorted.begin(), sorted.end());
    out.test = detail::adopt(std::move(sorted), {static_cast<int64_t>(test.size())});
    return out;
  }

 private:
  std::string name(const std::string& part) const { return where_ + "." + part; }
  const std::string& file(const std::string& part) const {
    const auto one = files_.find(part);
    if (one == files_.end()) throw IOError(name(part) + ": is not there");
    return one->second;
  }
  void fits(const char* part, bool holds, const char* what) const {
    if (!holds) throw IOError(name(part) + ": byte 0: " + what);
  }
  SparseRows sparse(const char* part) const {
    return detail::sparse_rows(detail::read_pickle(file(part), name(part)));
  }
  DenseArray dense(const char* part) const {
    return detail::dense_array(detail::read_pickle(file(part), name(part)));
  }

  // A number per line: nodes, each once, behind those of allx.
  std::vector<int64_t> test_index(int64_t first) const {
    std::vector<int64_t> out;
    std::vector<char> seen(static_cast<size_t>(n_), 0);
    detail::Records records(file("test.index"), name("test.index"), '\t');
    for (std::vector<std::string_view> fields; records.next(fields);) {
      const std::string_view digits = fields[0];
      int64_t node = 0;
      bool good = fields.size() == 1 && digits.size() <= 9;
      for (size_t i = 0; good && i < digits.size(); ++i) {
        good = digits[i] >= '0' && digits[i] <= '9';
        node = 10 * node + (digits[i] - '0');
      }
      if (!good || node < first || node >= n_ || seen[static_cast<size_t>(node)])
        records.fail("should be a node from " + std::to_string(first) + " to " +
                     std::to_string(n_ - 1) + ", each once");
      seen[static_cast<size_t>(node)] = 1;
      out.push_back(node);
    }
    return out;
  }

  Tensor features(const SparseRows& allx, const SparseRows& tx,
                  const std::vector<int64_t>& test) const {
    int64_t bytes = 4;
    const bool overflow = __builtin_mul_overflow(bytes, n_, &bytes) ||
                          __builtin_mul_overflow(bytes, allx.columns, &bytes);
    if (overflow || bytes > most_)
      throw IOError(name("allx") + ": byte 0: features of " + std::to_string(n_) + " x " +
                    std::to_string(allx.columns) + " take more than the " + std::to_string(most_) +
                    " bytes they may");
    std::vector<float> out(static_cast<size_t>(n_ * allx.columns), 0.f);
    const auto put = [&](const SparseRows& from, int64_t row, int64_t node) {
      for (int64_t k = from.starts[static_cast<size_t>(row)];
           k < from.starts[static_cast<size_t>(row) + 1]; ++k)
        out[static_cast<size_t>(node * allx.columns + from.columns_of[static_cast<size_t>(k)])] +=
            from.items[static_cast<size_t>(k)];
    };
    for (int64_t i = 0; i < allx.rows; ++i) put(allx, i, i);
    for (int64_t i = 0; i < tx.rows; ++i) put(tx, i, test[static_cast<size_t>(i)]);
    return detail::adopt(std::move(out), {n_, allx.columns});
  }

  // The one class whose column is 1; -1 for a row of zeros (CiteSeer's ally has such).
  int64_t label(const DenseArray& y, int64_t row, const char* part) const {
    int64_t found = -1;
    for (int64_t c = 0; c < y.columns; ++c) {
      const double v = y.items[static_cast<size_t>(row * y.columns + c)];
      if (v == 0) continue;
      if (v != 1 || found >= 0)
        throw IOError(name(part) + ": record " + std::to_string(row) +
                      ": a row of labels is zeros and at most one 1");
      found = c;
    }
    return found;
  }
  Tensor labels(const DenseArray& ally, const DenseArray& ty,
                const std::vector<int64_t>& test) const {
    std::vector<int64_t> out(static_cast<size_t>(n_), -1);
    for (int64_t i = 0; i < ally.rows; ++i) out[static_cast<size_t>(i)] = label(ally, i, "ally");
    for (int64_t i = 0; i < ty.rows; ++i)
      out[static_cast<size_t>(test[static_cast<size_t>(i)])] = label(ty, i, "ty");
    return detail::adopt(std::move(out), {n_});
  }

  Tensor edges(const std::vector<std::pair<int64_t, std::vector<int64_t>>>& lists,
               EdgeCounts& counts) const {
    std::vector<std::pair<int64_t, int64_t>> links;
    for (const auto& [node, neighbours] : lists) {
      if (node < 0 || node >= n_)
        throw IOError(name("graph") + ": record " + std::to_string(node) +
                      ": no such node; there are " + std::to_string(n_));
      for (const int64_t other : neighbours) {
        if (other < 0 || other >= n_)
          throw IOError(name("graph") + ": record " + std::to_string(node) + ": a link to " +
                        std::to_string(other) + "; nodes are 0 to " + std::to_string(n_ - 1));
        links.emplace_back(node, other);
      }
    }
    counts.links = static_cast<int64_t>(links.size());
    return detail::undirected(std::move(links), counts);
  }

  const std::map<std::string, std::string>& files_;
  const std::string& where_;
  int64_t most_ = 0, n_ = 0;  // nodes: the graph's
};

}  // namespace

Planetoid parse_planetoid(const std::map<std::string, std::string>& files, const std::string& where,
                          int64_t most_bytes) {
  return typed_memory([&] { return Reader(files, where, most_bytes).read(); });
}

Planetoid load_planetoid(const std::string& folder, const std::string& name, int64_t most_bytes) {
  return typed_memory([&] {
    std::map<std::string, std::string> files;
    for (const char* part : parts)
      files[part] = detail::read_unpacked(detail::find_file(folder, {"ind." + name + "." + part}));
    return parse_planetoid(files, folder + "/ind." + name, most_bytes);
  });
}

}  // namespace regrad

// Planetoid's files of Cora, CiteSeer and PubMed (Yang, Cohen and Salakhutdinov 2016): ind.NAME.x,
// .y, .tx, .ty, .allx, .ally, .graph, .test.index.
//
//   const Planetoid cora = load_planetoid("data/planetoid", "cora");
//       // 2,708 nodes, 5,278 edges; 140, 500 and 1,000 nodes to learn and test on
//
// Seven of them are Python 2's pickles of arrays. They are read as data by a reader of just what
// they hold; nothing that a pickle names is called. Node i < rows of allx has features allx[i] and
// label ally[i]; node test.index[i] has tx[i] and ty[i]; a node that neither names (CiteSeer has
// 15) has zeros and label -1.
// IOError naming file and byte (test.index: line): opcodes and names that these files do not hold,
// shapes that do not belong together, nodes outside the graph, a label that is not one of its
// classes, a file that is not there.
#pragma once

#include <regrad/datasets/graph.h>

#include <map>

namespace regrad {

struct Planetoid {
  Graph graph;                     // classes and names are numbers: the files have no others
  Tensor train, validation, test;  // i64: the first rows of x; the next 500; test.index, ascending
  EdgeCounts links;                // each edge of the files stands there from both ends
};

// Each file plain, .gz or .xz. most_bytes: of the features; -1: 64 times the files' bytes and 16
// MiB more.
Planetoid load_planetoid(const std::string& folder, const std::string& name,
                         int64_t most_bytes = -1);
// The same from memory: "x", "y", "tx", "ty", "allx", "ally", "graph", "test.index" -> bytes (not
// packed). Messages begin with `where`.x, ...
Planetoid parse_planetoid(const std::map<std::string, std::string>& files,
                          const std::string& where = "ind", int64_t most_bytes = -1);

}  // namespace regrad

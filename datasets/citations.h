// Citation graphs in the two text files of LINQS (Sen et al. 2008): Cora, CiteSeer. Plain, gz or
// xz.
//
//   const Citations cora = load_citations("data/cora.content.gz", "data/cora.cites.gz");
//       // 2,708 nodes, 5,278 edges
//   const Citations citeseer = find_citations("data", "citeseer", Dangling::count);
//       // 3,312 nodes; .links.dangling == 17
//
// .content: a line per paper, tab-separated: id, words (each 0 or 1, as many on every line), class.
// .cites: a line per link: cited id, citing id.
// A byte order mark, CRLF and fields in quotes are read as what they stand for; empty lines are
// passed over.
// IOError naming file and line: a word that is neither 0 nor 1, a line with another number of words
// or without a class, an id twice, a link that is not two ids; and whatever keeps a file from being
// read or unpacked.
#pragma once

#include <regrad/datasets/graph.h>

#include <string_view>

namespace regrad {

// A link with an id that no paper has (CiteSeer holds 17): an IOError, or left out and counted.
enum class Dangling : bool { refuse, count };

struct Citations {
  Graph graph;  // nodes in the order of .content; classes sorted by name
  EdgeCounts links;
};

Citations load_citations(const std::string& content, const std::string& cites,
                         Dangling dangling = Dangling::refuse);
// The same from name.content and name.cites in a folder, each of them plain, .gz or .xz.
Citations find_citations(const std::string& folder, const std::string& name,
                         Dangling dangling = Dangling::refuse);
// The same from memory (not packed); `where` and ".content" or ".cites" begin messages.
Citations parse_citations(std::string_view content, std::string_view cites,
                          Dangling dangling = Dangling::refuse, const std::string& where = "graph");

}  // namespace regrad

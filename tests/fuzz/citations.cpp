// .content, a zero byte, .cites.
#include <regrad/datasets/citations.h>

#include <algorithm>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [n](std::string_view bytes) {
    const size_t middle = std::min(bytes.find('\0'), bytes.size());
    const std::string_view cites = middle < bytes.size() ? bytes.substr(middle + 1) : "";
    const Citations c = parse_citations(bytes.substr(0, middle), cites,
                                        n % 2 ? Dangling::count : Dangling::refuse, "fuzz");
    const int64_t nodes = c.graph.nodes(), e = c.graph.edges.size(1);
    fuzz::must(c.graph.features.numel() <= static_cast<int64_t>(bytes.size()),
               "more words than the file can hold");
    fuzz::must(c.links.links == e + c.links.dangling + c.links.loops + c.links.repeated,
               "links are lost");
    for (int64_t i = 0; i < e; ++i) {
      const int64_t a = c.graph.edges.data<int64_t>()[i], b = c.graph.edges.data<int64_t>()[e + i];
      fuzz::must(a >= 0 && a < b && b < nodes, "an edge that leads nowhere");
    }
  });
}

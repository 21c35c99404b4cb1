// The first byte chooses what the pickle is taken for.
#include <regrad/datasets/internal/pickle.h>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    if (bytes.empty()) throw IOError("fuzz: empty");
    const detail::Pickle p = detail::read_pickle(bytes.substr(1), "fuzz");
    fuzz::must(p.values.size() <= 2 * bytes.size(), "more values than opcodes");
    const auto kind = static_cast<unsigned char>(bytes[0]) % 3;
    if (kind == 0)
      fuzz::must(detail::dense_array(p).items.size() <= bytes.size(), "more items than bytes");
    if (kind == 1) {
      const detail::SparseRows m = detail::sparse_rows(p);
      fuzz::must(m.items.size() <= bytes.size(), "more items than bytes");
      for (const int64_t c : m.columns_of) fuzz::must(c >= 0 && c < m.columns, "an item outside");
    }
    if (kind == 2) {
      size_t listed = 0;
      for (const auto& [node, neighbours] : detail::neighbour_lists(p)) listed += neighbours.size();
      fuzz::must(listed <= 2 * bytes.size(), "more neighbours than bytes");
    }
  });
}

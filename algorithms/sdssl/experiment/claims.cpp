#include <regrad/algorithms/sdssl/experiment/table.h>

namespace regrad::sdssl {

using experiment::Claims;

// The paper's direction (text-and-ssl.md 2.4): lower layers clearly better, the last at least
// level. By k-NN and by the linear probe.
std::vector<experiment::Claim> directions(const experiment::Result& result, int64_t depth) {
  Claims c(result);
  const std::string last = ", layer " + std::to_string(depth);
  for (const char* how : {"k-NN", "linear"}) {
    const std::string lower = std::string(how) + ", lower layers", end = how + last;
    for (const char* sd : {"sd", "sd-sum", "sd-no-pred"}) {
      const auto of = [&](const char* m, const std::string& metric) { return c.items(m, metric); };
      c.above(lower + ": " + sd + " above base", of(sd, lower), of("base", lower));
      c.above(end + ": " + sd + " above base", of(sd, end), of("base", end));
    }
  }
  for (const char* trained : {"base", "sd"}) {
    const std::string end = "k-NN" + last;
    c.above(end + ": " + trained + " above random weights", c.items(trained, end),
            c.items("random", end));
    c.above(end + ": " + trained + " above raw pixels, standardized", c.items(trained, end),
            c.items("pixels", "k-NN, standardized pixels"));
  }
  return c.list;
}

}  // namespace regrad::sdssl

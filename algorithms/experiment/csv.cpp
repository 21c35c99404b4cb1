#include <fmt/format.h>
#include <regrad/algorithms/experiment/csv.h>

#include <cmath>

namespace regrad::experiment {
namespace {

std::string cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

}  // namespace

std::string to_csv(const Job& job, const Line& line) {
  std::string out;
  for (const auto& [name, value] : line.moment)
    out +=
        fmt::format("{},{},{},{},{},{}\n", cell(job.method), cell(job.variant), job.seed, line.step,
                    cell(name), std::isfinite(value) ? fmt::format("{}", value) : std::string());
  return out;
}

}  // namespace regrad::experiment

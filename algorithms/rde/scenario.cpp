#include <regrad/algorithms/rde/scenario.h>
#include <regrad/engine/error.h>

#include <algorithm>

namespace regrad::rde {
namespace {

struct Rates {
  int64_t rows, successes, right;
  // N_max / (r_s r_a)
  double attacked(int64_t most) const {
    const auto n = static_cast<double>(rows);
    return static_cast<double>(most) /
           (static_cast<double>(successes) / n * (static_cast<double>(right) / n));
  }
};

[[noreturn]] void too_few(int64_t successes) {
  throw ConfigError("scenario: " + std::to_string(successes) +
                    " successful attacks are too few to draw adversarial texts from");
}

Rates rates(const std::vector<LogRow>& log, const ScenarioOptions& o) {
  if (o.most < 1)
    throw ConfigError("scenario: at most " + std::to_string(o.most) +
                      " adversarial texts; it must be at least 1");
  Rates r{static_cast<int64_t>(log.size()), 0, 0};
  for (const LogRow& row : log) {
    r.successes += row.result == Result::success;
    r.right += row.result != Result::wrong;
  }
  if (r.successes == 0) too_few(0);
  return r;
}

std::vector<LogRow> shuffled(const std::vector<LogRow>& log, const Random& random) {
  std::vector<LogRow> out;
  for (const int64_t i : randperm(random, static_cast<int64_t>(log.size())).to_vector<int64_t>())
    out.push_back(log[static_cast<size_t>(i)]);
  return out;
}

void count(Scenario& s) {
  for (const Sample& x : s.samples) ++(x.adversarial ? s.adversarial : s.clean);
}

}  // namespace

Result result_of(int64_t truth, int64_t original_output, int64_t perturbed_output) {
  if (original_output != truth) return Result::wrong;
  return perturbed_output != original_output ? Result::success : Result::fail;
}

std::vector<LogRow> log_of(const std::vector<int64_t>& truth,
                           const std::vector<int64_t>& original_output,
                           const std::vector<int64_t>& perturbed_output) {
  if (truth.size() != original_output.size() || truth.size() != perturbed_output.size())
    throw ShapeError("log_of: " + std::to_string(truth.size()) + " labels, " +
                     std::to_string(original_output.size()) + " outputs before and " +
                     std::to_string(perturbed_output.size()) + " after");
  std::vector<LogRow> log;
  for (size_t i = 0; i < truth.size(); ++i)
    log.push_back(
        {static_cast<int64_t>(i), result_of(truth[i], original_output[i], perturbed_output[i])});
  return log;
}

Scenario scenario_1(const std::vector<LogRow>& log, const ScenarioOptions& options,
                    const Random& random) {
  constexpr double largest = 0.4;
  const Rates r = rates(log, options);
  const auto rows = static_cast<double>(r.rows);
  Scenario out;
  out.most_adversarial = options.most;
  // a share beyond all rows is one, however far
  const double attacked = std::min(r.attacked(options.most), rows);
  out.share = static_cast<double>(static_cast<int64_t>(attacked)) / rows;
  if (out.share >= largest) {
    const auto of_successes = [&] {
      return static_cast<double>(out.most_adversarial) / static_cast<double>(r.successes);
    };
    while (out.most_adversarial > 0 && of_successes() >= largest)
      out.most_adversarial -= out.most_adversarial > 10 ? 10 : 1;
    if (out.most_adversarial <= 0) too_few(r.successes);
    out.share = of_successes();
  }
  const std::vector<LogRow> order = shuffled(log, random);
  // 1e-9: a share that was int(..) / rows comes back whole
  const auto first = static_cast<size_t>(out.share * rows + 1e-9);
  for (size_t i = 0; i < first; ++i) {
    const bool taken = order[i].result == Result::success ||
                       (options.failed_attacks && order[i].result == Result::fail);
    if (taken) out.samples.push_back({order[i].id, true});
  }
  const size_t n = out.samples.size();
  if (n == 0) too_few(r.successes);
  for (size_t i = first; i < std::min(first + n, order.size()); ++i)
    out.samples.push_back({order[i].id, false});
  count(out);
  return out;
}

Scenario scenario_2(const std::vector<LogRow>& log, const ScenarioOptions& options,
                    const Random& random) {
  const Rates r = rates(log, options);
  Scenario out;
  out.most_adversarial = options.most;
  const auto rows = static_cast<double>(r.rows);
  const auto first = static_cast<size_t>(std::min(r.attacked(options.most), rows));
  out.share = static_cast<double>(first) / rows;
  const std::vector<LogRow> order = shuffled(log, random);
  for (size_t i = 0; i < first; ++i)
    if (order[i].result == Result::success) out.samples.push_back({order[i].id, true});
  if (out.samples.empty()) too_few(r.successes);
  for (size_t i = 0; i < first; ++i) out.samples.push_back({order[i].id, false});
  count(out);
  return out;
}

Split split_log(int64_t n, const Random& random, double validation) {
  if (n < 0 || !(validation >= 0 && validation <= 1))
    throw ConfigError("split_log: the share of validation must lie in [0, 1]");
  const std::vector<int64_t> order = randperm(random, n).to_vector<int64_t>();
  const auto cut = static_cast<int64_t>(validation * static_cast<double>(n) + 1e-9);
  return {{order.begin(), order.begin() + cut}, {order.begin() + cut, order.end()}};
}

}  // namespace regrad::rde

#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/pqk/experiment/rows.h>

#include <algorithm>
#include <cmath>

namespace regrad::pqk {
namespace {

// Of phase 2, in whole epochs as second_phase() has it.
double share_of_second(const Settings& s) {
  return 1 - static_cast<double>(std::llround(s.second * s.epochs)) / s.epochs;
}

}  // namespace

std::string name(const Point& p) {
  return experiment::percent(p.sparsity) + " " + std::to_string(p.bits) + " bits";
}

std::vector<Point> points(const Settings& s) {
  std::vector<Point> out;
  for (const double p : s.sparsities)
    for (const int b : s.bits) out.push_back({p, b});
  if (s.corner > 0 && !s.bits.empty())
    out.push_back({s.corner, *std::min_element(s.bits.begin(), s.bits.end())});
  return out;
}

Point point(const std::string& wanted, const Settings& s) {
  for (const Point& p : points(s))
    if (name(p) == wanted) return p;
  throw ConfigError("pqk: no point of the table is called '" + wanted + "'");
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {"dense", "float, nothing is pruned", true, false, false, Teacher::none, false, false},
      {"qat", "few bits, nothing is pruned", true, false, true, Teacher::none, false, false},
      {"prune", "pruned, float", true, true, false, Teacher::none, false, false},
      {"pq", "phase 1 goes on through phase 2: pruned, few bits, no teacher", true, true, true,
       Teacher::none, false, false},
      {"pq-kd", "the same with a dense teacher that was trained before (Hinton et al.)", true, true,
       true, Teacher::given, false, false},
      {"pqk", "PQK: the teacher is the net with all of its weights", true, true, true,
       Teacher::within, false, false},
      {"pqk-mutual", "PQK, the teacher learns from the student too", true, true, true,
       Teacher::within, true, false},
      {"pqk-shared", "PQK, kept weights also learn from the teacher's loss", true, true, true,
       Teacher::within, false, true},
  };
  return all;
}
const Row& row(const std::string& name) { return experiment::find_method(rows(), name); }

bool has_point(const Row& row, const Point& p, const Settings& s) {
  for (const Point& q : points(s)) {
    const bool same =
        (!row.prunes || q.sparsity == p.sparsity) && (!row.quantizes || q.bits == p.bits);
    if (same) return q.sparsity == p.sparsity && q.bits == p.bits;
  }
  return false;
}

Options options(const Row& row, const Settings& s, const Point& p) {
  Options o;
  o.few = {.bits = p.bits, .edge_bits = s.edge_bits, .momentum = s.range_momentum};
  o.quantize = row.quantizes, o.prune = row.prunes;
  o.second = s.second, o.teacher = row.teacher, o.temperature = s.temperature;
  o.mutual = row.mutual, o.shared = row.shared;
  o.given_share = s.hinton_share, o.given_temperature = s.hinton_temperature;
  return o;
}

pruning::Schedule schedule(const Row& row, const Settings& s, const Point& p, int64_t batches,
                           uint64_t seed) {
  return {
      .sparsity = row.prunes ? p.sparsity : 0,
      .epochs = s.epochs,
      .batches = batches,
      .target = s.target * s.second,
      .refresh = s.refresh,
      .masks = {.per_layer = s.threshold == "layer"},
      .sgd = {.momentum = s.momentum, .weight_decay = s.weight_decay, .nesterov = s.momentum > 0},
      .random = Random(seed) / "pqk"};
}

int64_t steps(const Row& row, const Settings& s, int64_t batches) {
  return batches * s.epochs * (row.teacher == Teacher::given ? 2 : 1);
}

double lr(const pruning::Schedule& t, const Settings& s, int64_t i) {
  const double at = static_cast<double>(i), climb = s.warmup * static_cast<double>(t.steps());
  if (at < climb) return s.lr * at / climb;
  const int64_t epoch = t.epoch(i), change = t.at_share(s.second);
  double rate = s.lr;
  if (epoch >= change) {
    rate *= s.restart;
    const auto rest = static_cast<double>(t.epochs - change);
    return epoch >= change + std::llround(s.restart_milestone * rest) ? rate * s.gamma : rate;
  }
  for (const double m : s.milestones)
    if (epoch >= std::llround(m * static_cast<double>(change))) rate *= s.gamma;
  return rate;
}

double training_cost(const Row& row, const Settings& s) {
  const double second = share_of_second(s);
  if (row.teacher == Teacher::within) return 1 + second;
  return row.teacher == Teacher::given ? 2 + second / 3 : 1;
}

}  // namespace regrad::pqk

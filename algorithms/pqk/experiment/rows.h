// The rows of pruning.md section 4.4, and the points of the table: a sparsity and bits.
#pragma once

#include <regrad/algorithms/experiment/trial.h>
#include <regrad/algorithms/pqk/experiment/settings.h>
#include <regrad/algorithms/pqk/pqk.h>

#include <string>
#include <vector>

namespace regrad::pqk {

struct Point {
  double sparsity;
  int bits;
};
std::string name(const Point& p);  // "90% 4 bits"
// Each sparsity with each number of bits, then the corner.
std::vector<Point> points(const Settings& s);
Point point(const std::string& name, const Settings& s);  // ConfigError: none of that name

struct Row {
  const char *name, *help;
  bool by_default;
  bool prunes, quantizes;
  Teacher teacher;
  bool mutual, shared;
};
const std::vector<Row>& rows();
const Row& row(const std::string& name);  // ConfigError: none of that name

// A row that does not prune, or not quantize, is in the table once for each number of bits, or
// sparsity: at the first point that has it.
bool has_point(const Row& row, const Point& p, const Settings& s);

Options options(const Row& row, const Settings& s, const Point& p);
pruning::Schedule schedule(const Row& row, const Settings& s, const Point& p, int64_t batches,
                           uint64_t seed);
// Steps of a trial: pq-kd trains its teacher first, for as many epochs as the rest.
int64_t steps(const Row& row, const Settings& s, int64_t batches);
// The step size at step i of the schedule, the same for all rows: a climb, milestones of phase 1,
// restart * lr at phase 2's beginning, gamma once in it.
double lr(const pruning::Schedule& t, const Settings& s, int64_t i);
// Multiply-adds of training, as a multiple of the dense net's: a forward pass is a third of a step.
double training_cost(const Row& row, const Settings& s);

}  // namespace regrad::pqk

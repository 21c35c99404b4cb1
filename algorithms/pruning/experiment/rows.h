// The rows of both tables: MAP, DCIL and what stands beside them (pruning.md section 1).
#pragma once

#include <regrad/algorithms/experiment/trial.h>
#include <regrad/algorithms/pruning/experiment/settings.h>
#include <regrad/algorithms/pruning/method.h>

#include <string>
#include <vector>

namespace regrad::pruning {

struct Row {
  const char *name, *help;
  Method method;
  bool by_default = false;
  int times = 1;           // epochs, in units of the table's
  MaskOptions masks = {};  // whole filters, or the same sparsity in every layer
  // The schedule's sparsity is not read: trained once, scored at all of the table's.
  bool shared = false;
};

// In the table's order.
std::vector<Row> rows(const Settings& s);
// ConfigError where there is none of that name.
Row row(const std::string& name, const Settings& s);

// The settings' schedule for a row: `batches` steps an epoch, `sparsity` in the end.
Schedule schedule(const Row& row, const Settings& s, double sparsity, int64_t batches,
                  uint64_t seed);
// The row's step size at step i: a climb over the warm-up (by epochs: constant inside one), then
// gamma at each milestone.
double lr(const Schedule& t, const Settings& s, int64_t i);

}  // namespace regrad::pruning

// What PQK's abstract claims, of a table, and what it must be measured beside.
#pragma once

#include <regrad/algorithms/experiment/claims.h>

#include <string>

namespace regrad::pqk {

// The teacher inside the net helps; it needs no teacher that was trained before ("as good" is ours:
// a row that has one is not a point above it). The other two are asked by us.
inline void claims(experiment::Claims& c, const std::string& variant) {
  const auto of = [&](const char* row) {
    return c.items(row, experiment::on("accuracy", variant));
  };
  const auto at = " at " + variant;
  c.above("pqk above pq" + at, of("pqk"), of("pq"));
  c.not_above("pq-kd not 1 point above pqk" + at, of("pq-kd"), of("pqk"), 1);
  c.above("pq-kd above pq" + at, of("pq-kd"), of("pq"));
  c.above("pqk-mutual above pqk" + at, of("pqk-mutual"), of("pqk"));
  c.above("pqk above pqk-shared" + at, of("pqk"), of("pqk-shared"));
}

}  // namespace regrad::pqk

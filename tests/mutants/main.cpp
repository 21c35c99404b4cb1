// Runs every mutant against the table test of its own row, and prints one line each. sites.h is
// written by mutants.py.
#include "../engine/op_cases.h"
#include "mutant.h"
#include "sites.h"

#include <cstdio>
#include <cstring>

using namespace regrad;

int main() {
  static const char* names[] = {"sign", "scale", "dropped", "index"};
  int killed = 0, total = 0;
  for (const Site& s : sites) {
    const Op* row = nullptr;
    for (const Op* op : all_ops)
      if (std::strcmp(op->name, s.row) == 0) row = op;
    if (!row) continue;
    for (int kind = 0; kind < mutant::kinds; ++kind) {
      if (kind == mutant::index && (!s.indexed || row->arity == 1)) continue;
      mutant::active = s.number * mutant::kinds + kind;
      std::string fault;
      try {
        fault = test::check_row(*row);
      } catch (const std::exception& e) {
        fault = e.what();
      }
      mutant::active = -1;
      ++total;
      killed += !fault.empty();
      std::printf("%s %s:%d %s %s: %s\n", fault.empty() ? "SURVIVED" : "killed", s.file, s.line,
                  s.row, names[kind], fault.empty() ? s.text : fault.substr(0, 100).c_str());
      std::fflush(stdout);
    }
  }
  std::printf("%d of %d mutants killed (%.1f%%) at %zu places\n", killed, total,
              100.0 * killed / total, std::size(sites));
  return killed * 10 >= total * 9 ? 0 : 1;
}

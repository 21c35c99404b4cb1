// A table's methods are a list of rows, each with a name, a line of help, whether it is in the
// table by default, and what the method is made of.
//
//   struct Method { const char *name, *help; FreqNorm norm; bool by_default = true; };
//   const Method& m = find_method(methods(), "rfn");
//   card.methods = method_cards(methods());
#pragma once

#include <regrad/algorithms/experiment/trial.h>
#include <regrad/engine/error.h>

namespace regrad::experiment {

// The row of that name. ConfigError with the nearest name where there is none.
template <class Method>
const Method& find_method(const std::vector<Method>& methods, const std::string& name) {
  std::vector<std::string> known;
  for (const Method& m : methods) {
    if (name == m.name) return m;
    known.push_back(m.name);
  }
  throw ConfigError("no method is called '" + name + "'" + did_you_mean(name, known, "", ""));
}

// For the card. trained_by is taken where rows have it.
template <class Method>
std::vector<MethodCard> method_cards(const std::vector<Method>& methods) {
  std::vector<MethodCard> out;
  for (const Method& m : methods) {
    out.push_back({m.name, m.help, "", m.by_default});
    if constexpr (requires { m.trained_by; }) out.back().trained_by = m.trained_by;
  }
  return out;
}

}  // namespace regrad::experiment

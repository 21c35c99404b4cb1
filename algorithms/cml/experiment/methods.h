// The methods of regrad-cml's table: which of MAML's family, with or without the co-learner, and
// how the trained net is read. Every task has all of them.
#pragma once

#include <regrad/algorithms/experiment/methods.h>

namespace regrad::cml {

enum class Family { maml, plus_plus, boil, sharp };

struct Method {
  const char *name, *help;
  Family family = Family::maml;
  // The co-learner: `none`: gamma = 0. `frozen`: it stays at its initial values. `trained`: CML's.
  // `adapted`: CL, adapted in the inner loop too.
  enum CoLearner { none, frozen, trained, adapted } cohead = none;
  double gamma = -1;        // below 0: the setting
  bool by_default = false;  // in the table unless --methods names others
  // not empty: nothing is trained; that method's net is read at the un-adapted co-learner (dagger)
  const char* trained_by = "";
};

// In the table's order.
const std::vector<Method>& methods();
// ConfigError where there is none of that name.
const Method& method(const std::string& name);
// The method that reads what `name` trained at its co-learner; nullptr where there is none.
const Method* dagger_of(const std::string& name);

}  // namespace regrad::cml

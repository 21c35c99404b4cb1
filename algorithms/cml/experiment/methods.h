// The methods of regrad-cml's table: which of MAML's family, with or without the co-learner, and
// how the trained net is read. Every task has all of them.
#pragma once

#include <regrad/algorithms/experiment/methods.h>

namespace regrad::cml {

enum class Family { maml, plus_plus, boil, sharp };

// none: gamma = 0. frozen: it stays at its initial values. trained: CML's. adapted: CL, adapted in
// the inner loop too.
enum class CoLearner { none, frozen, trained, adapted };

struct Method {
  const char* name;
  Family family;
  CoLearner cohead;
  const char* help;
  // not empty: nothing is trained; that method's net is read at the un-adapted co-learner (dagger)
  const char* trained_by = "";
  bool by_default = false;  // in the table unless --methods names others
  double gamma = -1;        // below 0: the setting
};

// In the table's order.
inline const std::vector<Method>& methods() {
  using enum Family;
  using enum CoLearner;
  static const std::vector<Method> all = {
      {"maml", maml, none, "model-agnostic meta-learning", "", true},
      {"cml", maml, trained, "CML, co-learner dropped at test", "", true},
      {"dagger", maml, trained, "CML, the un-adapted co-learner predicts at test", "cml", true},
      {"noise", maml, frozen, "control: the co-learner stays at its initial values", "", true},
      {"cl", maml, adapted,
       "control: the co-learner is adapted in the inner loop too (its inner loss is ours)", "",
       true},
      {"cml-g1", maml, trained, "CML with gamma = 1", "", false, 1},
      {"cml-g0.5", maml, trained, "CML with gamma = 0.5", "", false, 0.5},
      {"maml++", plus_plus, none, "MAML++: learned step sizes, a loss after every inner step"},
      {"maml++-cml", plus_plus, trained, "CML on MAML++"},
      {"maml++-dagger", plus_plus, trained, "the same, read at the co-learner", "maml++-cml"},
      {"boil", boil, none, "BOIL: the inner loop leaves the head alone"},
      {"boil-cml", boil, trained, "CML on BOIL"},
      {"boil-dagger", boil, trained, "the same, read at the co-learner", "boil-cml"},
      {"sharp", sharp, none, "Sharp-MAML: sharpness-aware steps"},
      {"sharp-cml", sharp, trained, "CML on Sharp-MAML"},
      {"sharp-dagger", sharp, trained, "the same, read at the co-learner", "sharp-cml"}};
  return all;
}
// ConfigError where there is none of that name.
inline const Method& method(const std::string& name) {
  return experiment::find_method(methods(), name);
}
// The method that reads what `name` trained at its co-learner; nullptr where there is none.
inline const Method* dagger_of(const std::string& name) {
  for (const Method& m : methods())
    if (m.trained_by == name) return &m;
  return nullptr;
}

}  // namespace regrad::cml

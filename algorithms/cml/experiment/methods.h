// The methods of regrad-cml's table: which of MAML's family, with or without the co-learner, and
// how the trained net is read. Every task has all of them.
#pragma once

#include <vector>

#include <regrad/algorithms/experiment/methods.h>

namespace regrad::cml {

enum class Family { maml, plus_plus, boil, sharp };

// none: gamma = 0. frozen: it stays at its initial values. trained: CML's. adapted: CL, adapted in
// the inner loop too.
enum class CoLearner { none, frozen, trained, adapted };

// What predicts on the adapted body psi'. head: theta'. dagger: phi, un-adapted. cohead: phi',
// where the inner loop adapts it (CL).
enum class Reading { head, dagger, cohead };

struct Method {
  const char* name;
  Family family;
  CoLearner cohead;
  const char* help;
  const char* trained_by = "";  // not empty: nothing is trained; that method's net is read
  bool by_default = false;      // in the table unless --methods names others
  double gamma = -1;            // below 0: the setting
  Reading reading = Reading::head;
};

// In the table's order.
inline const std::vector<Method>& methods() {
  using enum Family;
  using enum CoLearner;
  using enum Reading;
  static const std::vector<Method> all = {
      {"maml", maml, none, "model-agnostic meta-learning", "", true},
      {"cml", maml, trained, "CML, co-learner dropped at test", "", true},
      {"dagger", maml, trained, "CML, the un-adapted co-learner predicts at test", "cml", true, -1,
       dagger},
      {"noise", maml, frozen, "control: the co-learner stays at its initial values", "", true},
      {"cl", maml, adapted,
       "control: the co-learner is adapted in the inner loop too (its inner loss is ours)", "",
       true},
      {"cl-co", maml, adapted, "CL, the adapted co-learner predicts at test", "cl", false, -1,
       cohead},
      {"cl-dagger", maml, adapted, "CL, the un-adapted co-learner predicts at test", "cl", false,
       -1, dagger},
      {"cml-g1", maml, trained, "CML with gamma = 1", "", false, 1},
      {"cml-g0.5", maml, trained, "CML with gamma = 0.5", "", false, 0.5},
      {"maml++", plus_plus, none, "MAML++: learned step sizes, a loss after every inner step"},
      {"maml++-cml", plus_plus, trained, "CML on MAML++"},
      {"maml++-dagger", plus_plus, trained, "the same, read at the co-learner", "maml++-cml", false,
       -1, dagger},
      {"boil", boil, none, "BOIL: the inner loop leaves the head alone"},
      {"boil-cml", boil, trained, "CML on BOIL"},
      {"boil-dagger", boil, trained, "the same, read at the co-learner", "boil-cml", false, -1,
       dagger},
      {"sharp", sharp, none, "Sharp-MAML: sharpness-aware steps"},
      {"sharp-cml", sharp, trained, "CML on Sharp-MAML"},
      {"sharp-dagger", sharp, trained, "the same, read at the co-learner", "sharp-cml", false, -1,
       dagger}};
  return all;
}
// ConfigError where there is none of that name.
inline const Method& method(const std::string& name) {
  return experiment::find_method(methods(), name);
}
// The methods that score what `name` trains: itself, then those that read its net otherwise.
inline std::vector<const Method*> readings_of(const std::string& name) {
  std::vector<const Method*> out{&method(name)};
  for (const Method& m : methods())
    if (m.trained_by == name) out.push_back(&m);
  return out;
}

}  // namespace regrad::cml

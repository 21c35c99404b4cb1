#include <regrad/algorithms/cml/experiment/methods.h>

namespace regrad::cml {

const std::vector<Method>& methods() {
  using F = Family;
  static const std::vector<Method> all = {
      {"maml", "model-agnostic meta-learning", F::maml, Method::none, -1, true},
      {"cml", "CML, co-learner dropped at test", F::maml, Method::trained, -1, true},
      {"dagger", "CML, the un-adapted co-learner predicts at test", F::maml, Method::trained, -1,
       true, "cml"},
      {"noise", "control: the co-learner stays at its initial values", F::maml, Method::frozen, -1,
       true},
      {"cl", "control: the co-learner is adapted in the inner loop too (its inner loss is ours)",
       F::maml, Method::adapted, -1, true},
      {"cml-g1", "CML with gamma = 1", F::maml, Method::trained, 1},
      {"cml-g0.5", "CML with gamma = 0.5", F::maml, Method::trained, 0.5},
      {"maml++", "MAML++: learned step sizes, a loss after every inner step", F::plus_plus},
      {"maml++-cml", "CML on MAML++", F::plus_plus, Method::trained},
      {"maml++-dagger", "the same, read at the co-learner", F::plus_plus, Method::trained, -1,
       false, "maml++-cml"},
      {"boil", "BOIL: the inner loop leaves the head alone", F::boil},
      {"boil-cml", "CML on BOIL", F::boil, Method::trained},
      {"boil-dagger", "the same, read at the co-learner", F::boil, Method::trained, -1, false,
       "boil-cml"},
      {"sharp", "Sharp-MAML: sharpness-aware steps", F::sharp},
      {"sharp-cml", "CML on Sharp-MAML", F::sharp, Method::trained},
      {"sharp-dagger", "the same, read at the co-learner", F::sharp, Method::trained, -1, false,
       "sharp-cml"},
  };
  return all;
}

const Method& method(const std::string& name) { return experiment::find_method(methods(), name); }

const Method* dagger_of(const std::string& name) {
  for (const Method& m : methods())
    if (m.trained_by == name) return &m;
  return nullptr;
}

}  // namespace regrad::cml

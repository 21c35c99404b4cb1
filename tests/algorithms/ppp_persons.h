// A few persons of a few numbers, for the trials of regrad-ppp.
#pragma once

#include <regrad/algorithms/ppp/experiment/trial.h>
#include <regrad/engine/functional.h>

namespace regrad::test {

constexpr int side = 6, kinds = 3, per_person = 14;  // 6 train, 4 pool, 2 validation, 2 test

// Noise; whose it is, is its mean.
inline ppp::Persons few_persons(int people = 4, int held = 1, DType t = DType::f64) {
  ppp::Persons out;
  const Random r = Random(77) / "few persons";
  std::vector<Tensor> x;
  std::vector<int64_t> y;
  for (int u = 0; u < people; ++u) {
    ppp::Person p{"person " + std::to_string(u)};
    for (int i = 0; i < per_person; ++i) {
      const int64_t at = u * per_person + i;
      (i < 6 ? p.train : i < 10 ? p.pool : i < 12 ? p.validation : p.test).push_back(at);
      y.push_back((u + i) % kinds);
      x.push_back(normal(r / at, {1, side, side}, 0.5 * u - 0.7, 1, t) +
                  normal(r / "class" / y.back(), {1, side, side}, 0, 1, t));
    }
    out.people.push_back(std::move(p));
  }
  out.x = stack(x, 0), out.y = tensor(y), out.held = held;
  out.info = {1, side, side, {"a", "b", "c"}, {0.5f}, {0.25f}};
  out.inputs = {{"input", "pictures"}};
  return out;
}

inline ppp::Settings few_settings() {
  ppp::Settings s;
  s.width = 2, s.epochs = 20, s.persons = 2, s.samples = 4, s.log_every = 7;
  s.lr = 0.05, s.rate = 3, s.enrol = 3, s.others = 2, s.draws = 2, s.tune_epochs = 3, s.held = 1;
  return s;
}

}  // namespace regrad::test

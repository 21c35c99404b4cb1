// Metrics and scenarios: facts 8 and 10 of text-and-ssl.md.
#include <doctest/doctest.h>
#include <regrad/algorithms/rde/detection.h>
#include <regrad/algorithms/rde/scenario.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "rde_data.h"

using namespace regrad;
using namespace regrad::rde;
using namespace regrad::test;

namespace {

const Numbers positives = {9, 8, 8, 5, 2}, negatives = {8, 7, 5, 4, 3, 3, 2, 1, 1, 0};

double pairs_told(const Numbers& p, const Numbers& n) {
  double sum = 0;
  for (const double a : p)
    for (const double b : n) sum += a > b ? 1 : a == b ? 0.5 : 0;
  return sum / static_cast<double>(p.size()) / static_cast<double>(n.size());
}

// The log of fact 10: 1,000 rows, 100 wrong, 600 successes.
std::vector<LogRow> thousand() {
  std::vector<LogRow> log;
  for (int64_t i = 0; i < 1000; ++i)
    log.push_back({5000 + i, i % 10 == 0  ? Result::wrong
                             : i % 10 < 7 ? Result::success
                                          : Result::fail});
  return log;
}
std::multiset<int64_t> ids(const Scenario& s, bool adversarial) {
  std::multiset<int64_t> out;
  for (const Sample& x : s.samples)
    if (x.adversarial == adversarial) out.insert(x.id);
  return out;
}
Result result_in(const std::vector<LogRow>& log, int64_t id) {
  return std::find_if(log.begin(), log.end(), [&](const LogRow& r) { return r.id == id; })->result;
}

}  // namespace

TEST_CASE("detection: five attacked, ten clean") {
  CHECK(auc(positives, negatives) == 0.8);
  const AtFpr a = at_fpr(positives, negatives);
  CHECK(a.threshold == 8);
  CHECK(a.tpr == 0.6);
  CHECK(a.fpr == 0.1);
  CHECK(a.f1 == doctest::Approx(2.0 / 3).epsilon(1e-15));
  const std::vector<RocPoint> curve = roc(positives, negatives);
  CHECK(curve.front().tpr == 0);
  CHECK(curve.front().threshold == std::numeric_limits<double>::infinity());
  CHECK(curve.back().fpr == 1);
  CHECK(curve.back().tpr == 1);
  CHECK(curve.size() == 10);  // 9 8 7 5 4 3 2 1 0
  double area = 0, best = 0;
  for (size_t i = 1; i < curve.size(); ++i)
    area += (curve[i].fpr - curve[i - 1].fpr) * (curve[i].tpr + curve[i - 1].tpr) / 2;
  for (const RocPoint& p : curve)
    if (p.fpr <= 0.1) best = std::max(best, p.tpr);
  CHECK(area == doctest::Approx(0.8).epsilon(1e-14));
  CHECK(best == a.tpr);
}

TEST_CASE("detection: pairs, ties, maps and signs") {
  for (uint32_t s = 80; s < 84; ++s) {
    Numbers p = bell(s, 40, 1), n = bell(s + 10, 70, 1);
    for (double& v : p) v = std::round(4 * (v + 0.5));
    for (double& v : n) v = std::round(4 * v);
    const double area = auc(p, n);
    CHECK(area == doctest::Approx(pairs_told(p, n)).epsilon(1e-14));
    Numbers ep = p, en = n, mp = p, mn = n;
    for (double& v : ep) v = std::exp(v);
    for (double& v : en) v = std::exp(v);
    for (double& v : mp) v = -v;
    for (double& v : mn) v = -v;
    CHECK(auc(ep, en) == area);
    CHECK(auc(mp, mn) == doctest::Approx(1 - area).epsilon(1e-14));
    CHECK(at_fpr(ep, en).f1 == at_fpr(p, n).f1);
  }
  CHECK(auc({1, 1}, {1}) == 0.5);
  CHECK(auc({2}, {1}) == 1);
}

TEST_CASE("detection: the edges of a false positive rate") {
  // the highest score flags too many already
  const AtFpr none = at_fpr({3, 1}, {3, 3, 2});
  CHECK(none.threshold == std::numeric_limits<double>::infinity());
  CHECK(none.tpr == 0);
  CHECK(none.f1 == 0);
  CHECK(at_fpr({3, 1}, {3, 3, 2}, 1).threshold == 1);
  CHECK(at_fpr({5, 4}, {3, 2}, 0).threshold == 4);
  // a lower threshold with as few negatives, though it flags no more positives
  CHECK(at_fpr({9, 8}, {7, 3, 2, 1, 1, 1, 1, 1, 1, 1}).threshold == 7);
  // 3 of 30 is a tenth
  Numbers n(30);
  n[0] = n[1] = n[2] = 5;
  CHECK(at_fpr({5}, n).tpr == 1);
  const double far = std::numeric_limits<double>::infinity();
  CHECK(auc({far, 1}, {0, far}) == 0.625);
  CHECK_THROWS_AS(auc({}, {1}), ShapeError);
  CHECK_THROWS_AS(roc({1}, {}), ShapeError);
  CHECK_THROWS_AS(at_fpr({std::nan("")}, {1}), NumericError);
  CHECK_THROWS_AS(at_fpr({1}, {1}, 1.5), ConfigError);
}

TEST_CASE("scenario: what became of a text") {
  CHECK(result_of(1, 0, 0) == Result::wrong);
  CHECK(result_of(1, 0, 1) == Result::wrong);
  CHECK(result_of(1, 1, 0) == Result::success);
  CHECK(result_of(1, 1, 1) == Result::fail);
  const std::vector<LogRow> log = log_of({0, 1, 2}, {0, 1, 1}, {0, 0, 1});
  CHECK(log.size() == 3);
  CHECK(log[1].id == 1);
  CHECK(log[1].result == Result::success);
  CHECK(log[2].result == Result::wrong);
  CHECK_THROWS_AS(log_of({0}, {0, 1}, {0}), ShapeError);
}

TEST_CASE("scenario 1: as many originals of other rows") {
  const std::vector<LogRow> log = thousand();
  const Scenario s = scenario_1(log, {.most = 100}, Random(1));
  CHECK(s.share == 0.185);
  CHECK(s.most_adversarial == 100);
  CHECK(s.adversarial == s.clean);
  CHECK(s.adversarial > 80);  // of 185 rows 0.6 on average, 111
  CHECK(s.adversarial < 142);
  const auto bad = ids(s, true), good = ids(s, false);
  CHECK(static_cast<int64_t>(bad.size()) == s.adversarial);
  bool wrong = false;
  for (const int64_t i : bad) {
    CHECK(result_in(log, i) == Result::success);
    CHECK(bad.count(i) == 1);
    CHECK(good.count(i) == 0);
  }
  for (const int64_t i : good) {
    CHECK(good.count(i) == 1);
    wrong = wrong || result_in(log, i) == Result::wrong;
  }
  CHECK(wrong);  // rightly classified or not
  const Scenario again = scenario_1(log, {.most = 100}, Random(1)),
                 other = scenario_1(log, {.most = 100}, Random(2));
  CHECK(ids(again, true) == bad);
  CHECK(ids(again, false) == good);
  CHECK(ids(other, true) != bad);
  // failed attacks too: 0.9 of 185 rows
  const Scenario more = scenario_1(log, {.most = 100, .failed_attacks = true}, Random(1));
  CHECK(more.adversarial > s.adversarial);
  CHECK(more.adversarial == more.clean);
  for (const int64_t i : ids(more, true)) CHECK(result_in(log, i) != Result::wrong);
}

TEST_CASE("scenario 1: the share falls back below 0.4") {
  const std::vector<LogRow> log = thousand();
  // 300 / .54 = 555 of 1,000 rows: N_max is lowered until N_max / 600 < 0.4
  const Scenario s = scenario_1(log, {.most = 300}, Random(3));
  CHECK(s.most_adversarial == 230);
  CHECK(s.share == doctest::Approx(230.0 / 600));
  CHECK(s.adversarial == s.clean);
  CHECK(scenario_1(log, {.most = 1000}, Random(3)).most_adversarial == 230);
  // 215 / .54 = 398 rows are still a share of rows
  CHECK(scenario_1(log, {.most = 215}, Random(3)).share == 0.398);
  // 216 / .54 = 400: 0.4 is too much, and 216 / 600 is not
  CHECK(scenario_1(log, {.most = 216}, Random(3)).share == doctest::Approx(0.36));
  std::vector<LogRow> few(100, {0, Result::fail});
  CHECK_THROWS_AS(scenario_1(few, {}, Random(1)), ConfigError);
  for (size_t i = 0; i < 12; ++i) few[i].result = Result::success;
  // small logs: 10 is not below 0.4 of 12 successes, 4 is
  const Scenario small = scenario_1(few, {.most = 1000}, Random(1));
  CHECK(small.most_adversarial == 4);
  CHECK(small.share == doctest::Approx(1.0 / 3));
  CHECK(small.adversarial == small.clean);
  for (size_t i = 2; i < 12; ++i) few[i].result = Result::fail;
  CHECK_THROWS_AS(scenario_1(few, {.most = 1000}, Random(1)), ConfigError);  // 1 of 2 is 0.5
  CHECK_THROWS_AS(scenario_1(log, {.most = 0}, Random(1)), ConfigError);
  CHECK_THROWS_AS(scenario_1({}, {}, Random(1)), ConfigError);
}

TEST_CASE("scenario 2: every original, its attacked twin where there is one") {
  const std::vector<LogRow> log = thousand();
  const Scenario s = scenario_2(log, {.most = 100}, Random(4));
  CHECK(s.clean == 185);
  CHECK(s.adversarial > 80);
  const auto bad = ids(s, true), good = ids(s, false);
  for (const int64_t i : bad) CHECK(good.count(i) == 1);
  int64_t successes = 0;
  for (const int64_t i : good) successes += result_in(log, i) == Result::success;
  CHECK(successes == s.adversarial);
  const Scenario all = scenario_2(log, {.most = 1000}, Random(5));
  CHECK(all.clean == 1000);
  CHECK(all.adversarial == 600);
  CHECK(ids(all, true) == ids(scenario_2(log, {.most = 1000}, Random(6)), true));
  CHECK_THROWS_AS(scenario_2(std::vector<LogRow>(9, {0, Result::wrong}), {}, Random(1)),
                  ConfigError);
}

TEST_CASE("scenario: three tenths of a log validate") {
  const Split s = split_log(1000, Random(7));
  CHECK(s.validation.size() == 300);
  CHECK(s.test.size() == 700);
  std::set<int64_t> all(s.validation.begin(), s.validation.end());
  all.insert(s.test.begin(), s.test.end());
  CHECK(all.size() == 1000);
  CHECK(*all.rbegin() == 999);
  CHECK(split_log(872, Random(7)).validation.size() == 261);
  CHECK(split_log(1000, Random(8)).test != s.test);
  CHECK(!std::is_sorted(s.test.begin(), s.test.end()));
  CHECK(split_log(10, Random(1), 0).validation.empty());
  CHECK_THROWS_AS(split_log(10, Random(1), 2), ConfigError);
}

// What a trial of regrad-rfn reports, told a second time: batches and rolls, scores where devices
// have clips of their own, and what statistics hold of device and class.
#include <doctest/doctest.h>
#include <regrad/algorithms/rfn/experiment/learner.h>
#include <regrad/algorithms/rfn/information.h>

#include <set>

#include "rfn_recordings.h"

using namespace regrad;
using namespace regrad::relaxed_norm;
using namespace regrad::test;

namespace {

using Rows = std::vector<std::vector<double>>;

Tensor tensor_of(const Rows& rows) {
  std::vector<double> all;
  for (const auto& row : rows) all.insert(all.end(), row.begin(), row.end());
  return tensor(all, {static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size())},
                DType::f64);
}
Tensor labels_of(const std::vector<int>& y) {
  return tensor(std::vector<int64_t>(y.begin(), y.end()));
}

// The axes of the `keep` largest eigenvalues of a symmetric matrix, by Jacobi's rotations.
Rows principal_axes(Rows a, size_t keep) {
  const size_t n = a.size();
  Rows v(n, std::vector<double>(n, 0.0));
  for (size_t i = 0; i < n; ++i) v[i][i] = 1;
  for (int sweep = 0; sweep < 50; ++sweep)
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) {
        if (std::fabs(a[p][q]) < 1e-300) continue;
        const double angle = 0.5 * std::atan2(2 * a[p][q], a[q][q] - a[p][p]), c = std::cos(angle),
                     s = std::sin(angle);
        for (size_t k = 0; k < n; ++k) {
          const double x = a[k][p], y = a[k][q];
          a[k][p] = c * x - s * y, a[k][q] = s * x + c * y;
        }
        for (size_t k = 0; k < n; ++k) {
          const double x = a[p][k], y = a[q][k];
          a[p][k] = c * x - s * y, a[q][k] = s * x + c * y;
          const double u = v[p][k], w = v[q][k];
          v[p][k] = c * u - s * w, v[q][k] = s * u + c * w;
        }
      }
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return a[i][i] > a[j][j]; });
  Rows out;
  for (size_t i = 0; i < keep; ++i) out.push_back(v[order[i]]);
  return out;
}

// Rows standardized by the training rows' mean and deviation, and projected on their axes.
void project(Rows& train, Rows& test, size_t keep) {
  const size_t k = train[0].size();
  const auto n = static_cast<double>(train.size());
  for (size_t j = 0; j < k; ++j) {
    double mean = 0, var = 0;
    for (const auto& row : train) mean += row[j] / n;
    for (const auto& row : train) var += (row[j] - mean) * (row[j] - mean) / n;
    for (Rows* rows : {&train, &test})
      for (auto& row : *rows) row[j] = (row[j] - mean) / (std::sqrt(var) + 1e-12);
  }
  if (keep == 0 || keep >= k) return;
  Rows covariance(k, std::vector<double>(k, 0.0));
  for (const auto& row : train)
    for (size_t i = 0; i < k; ++i)
      for (size_t j = 0; j < k; ++j) covariance[i][j] += row[i] * row[j] / n;
  const Rows axes = principal_axes(covariance, keep);
  for (Rows* rows : {&train, &test})
    for (auto& row : *rows) {
      std::vector<double> along(keep, 0.0);
      for (size_t i = 0; i < keep; ++i)
        for (size_t j = 0; j < k; ++j) along[i] += row[j] * axes[i][j];
      row = along;
    }
}

// log softmax of w row + b.
std::vector<double> log_shares(const Rows& w, const std::vector<double>& row) {
  std::vector<double> z;
  double sum = 0;
  for (const auto& of_class : w) {
    double v = of_class.back();
    for (size_t j = 0; j < row.size(); ++j) v += of_class[j] * row[j];
    z.push_back(v), sum += std::exp(v);
  }
  for (double& v : z) v -= std::log(sum);
  return z;
}

// H(d) + E[log q(d|s)] on the test rows; q by Adam (Kingma and Ba 2015) on all training rows.
double told_information(Rows train, const std::vector<int>& d, Rows test,
                        const std::vector<int>& test_d, int classes_of, size_t keep, int steps,
                        double lr, double decay) {
  project(train, test, keep);
  const size_t k = train[0].size(), many = static_cast<size_t>(classes_of);
  Rows w(many, std::vector<double>(k + 1, 0.0)), m = w, v = w;
  for (int step = 1; step <= steps; ++step) {
    Rows g(many, std::vector<double>(k + 1, 0.0));
    for (size_t i = 0; i < train.size(); ++i) {
      const std::vector<double> log_q = log_shares(w, train[i]);
      for (size_t c = 0; c < many; ++c) {
        const double error = (std::exp(log_q[c]) - (static_cast<int>(c) == d[i])) /
                             static_cast<double>(train.size());
        for (size_t j = 0; j < k; ++j) g[c][j] += error * train[i][j];
        g[c][k] += error;
      }
    }
    for (size_t c = 0; c < many; ++c)
      for (size_t j = 0; j <= k; ++j) {
        const double slope = g[c][j] + decay * w[c][j];
        m[c][j] = 0.9 * m[c][j] + 0.1 * slope;
        v[c][j] = 0.999 * v[c][j] + 0.001 * slope * slope;
        w[c][j] -= lr * m[c][j] / (1 - std::pow(0.9, step)) /
                   (std::sqrt(v[c][j] / (1 - std::pow(0.999, step))) + 1e-8);
      }
  }
  double entropy = 0, known = 0;
  const auto n = static_cast<double>(test.size());
  for (int c = 0; c < classes_of; ++c) {
    const double share = static_cast<double>(std::count(test_d.begin(), test_d.end(), c)) / n;
    if (share > 0) entropy -= share * std::log(share);
  }
  for (size_t i = 0; i < test.size(); ++i)
    known += log_shares(w, test[i])[static_cast<size_t>(test_d[i])] / n;
  return std::max(0.0, entropy + known);
}

// Mean and deviation of each channel, or of each frequency, of the clips of a map.
Rows told_statistics(const Map& x, bool by_frequency) {
  Rows out;
  for (int n = 0; n < x.n; ++n) {
    std::vector<double> means, deviations;
    for (int g = 0; g < (by_frequency ? x.f : x.c); ++g) {
      std::vector<double> cells;
      for (int o = 0; o < (by_frequency ? x.c : x.f); ++o)
        for (int t = 0; t < x.t; ++t)
          cells.push_back(by_frequency ? x(n, o, g, t).v : x(n, g, o, t).v);
      double mean = 0, var = 0;
      for (double v : cells) mean += v / static_cast<double>(cells.size());
      for (double v : cells) var += (v - mean) * (v - mean) / static_cast<double>(cells.size());
      means.push_back(mean), deviations.push_back(std::sqrt(var));
    }
    out.push_back(means);
    out.back().insert(out.back().end(), deviations.begin(), deviations.end());
  }
  return out;
}

// The trained net as a pass without a tape.
template <class Net>
Pass pass_of(const Net& net, const Arm& arm) {
  Pass p{arm};
  for (const auto& [name, t] : named_tensors(net))
    for (double v : t.to_vector()) p.at[name].push_back(v);
  return p;
}

double score_of(const experiment::Outcome& out, const std::string& metric) {
  for (const auto& s : out.scores)
    if (s.metric == metric) return s.value;
  FAIL("no ", metric);
  return 0;
}

Settings settings() {
  Settings s;
  s.batch = 4, s.epochs = 2, s.log_every = 2, s.lr = 0.02, s.tau = 0.2;
  return s;
}

}  // namespace

TEST_CASE("information is that of a second telling, whole or along the first axes") {
  const Random r(6);
  const auto rows = [&](const char* name, const std::vector<int>& d) {
    Rows out;
    for (size_t i = 0; i < d.size(); ++i) {
      out.emplace_back();
      for (int j = 0; j < 5; ++j)
        out.back().push_back(
            (1 + j) * (r / name / static_cast<int64_t>(i)).normal(static_cast<uint64_t>(j)) +
            (j == 1   ? 3.0 * d[i]
             : j == 3 ? d[i] * d[i]
                      : 7));
    }
    return out;
  };
  std::vector<int> d, e;
  for (int i = 0; i < 60; ++i) d.push_back(i * 2 % 3);
  for (int i = 0; i < 40; ++i) e.push_back((i + i % 2) % 3);
  const Rows train = rows("train", d), test = rows("test", e);
  for (const size_t keep : {0, 3, 5}) {
    CAPTURE(keep);
    InformationOptions o;
    o.components = static_cast<int64_t>(keep);
    const auto ours = [&] {
      return information(tensor_of(train), labels_of(d), tensor_of(test), labels_of(e), 3, o);
    };
    // the defaults: 300 steps of 0.05, decay 1e-3
    const double first = told_information(train, d, test, e, 3, keep, 300, 0.05, 1e-3);
    CHECK(first > 0.1);
    CHECK(ours() == doctest::Approx(first).epsilon(1e-8));
    o.steps = 40, o.lr = 0.02, o.weight_decay = 0.1;
    CHECK(
        ours() ==
        doctest::Approx(told_information(train, d, test, e, 3, keep, 40, 0.02, 0.1)).epsilon(1e-8));
  }
  // a classifier that is wrong with confidence is no information, not less than none
  Rows wrong = train;
  std::vector<int> turned = d;
  for (int& c : turned) c = (c + 1) % 3;
  CHECK(information(tensor_of(train), labels_of(d), tensor_of(wrong), labels_of(turned), 3) == 0);
}

TEST_CASE("what statistics hold of device and class: places, halves, labels, as told") {
  experiment::Recordings data = recordings(32, 8, 162);  // more than 150: every other clip, 81
  const Tensor curve = normal(Random(8) / "device", {32, 1}, 0, 2, DType::f64),
               level = normal(Random(8) / "class", {32, 1}, 0, 3, DType::f64);
  for (size_t d = 0; d < data.test_x.size(); ++d)
    data.test_x[d] = data.test_x[d] + static_cast<double>(d) * curve +
                     reshape(data.test_y[d].to(DType::f64), {162, 1, 1, 1}) * level;
  const auto shared = std::make_shared<const experiment::Recordings>(data);
  RfnTrial<BcResnetAsc> t = trial<BcResnetAsc>({"rfn", "here", 5}, settings(), shared);
  for (int64_t i = 0; i < 4; ++i) t.step(i);
  const experiment::Outcome out = t.finish();

  const Arm arm{"rfn", "rfn", 0.5, true, ""};
  Rows train[5][2], test[5][2];                    // by place; by channel, by frequency
  std::vector<int> train_label[2], test_label[2];  // device, class
  for (int d = 0; d < seen; ++d) {
    const std::vector<int64_t> y = data.test_y[static_cast<size_t>(d)].to_vector<int64_t>();
    std::vector<int> which;
    for (int i = 0; i < 162; i += 2) which.push_back(i);
    Pass p = pass_of(t.learner().net, arm);
    const std::vector<Map> maps =
        told_maps(p, clips_of(data.test_x[static_cast<size_t>(d)], which), 2);
    for (size_t i = 0; i < which.size(); ++i) {
      // one half of the clips teaches, whoever recorded them
      auto& label = i % 2 ? test_label : train_label;
      label[0].push_back(d), label[1].push_back(static_cast<int>(y[static_cast<size_t>(which[i])]));
      for (size_t place = 0; place < 5; ++place)
        for (const bool by_frequency : {false, true}) {
          Map one(1, maps[place].c, maps[place].f, maps[place].t);
          each_cell(one, [&](int, int c, int f, int l) {
            one(0, c, f, l) = maps[place](static_cast<int>(i), c, f, l);
          });
          (i % 2 ? test : train)[place][by_frequency].push_back(
              told_statistics(one, by_frequency)[0]);
        }
    }
  }
  REQUIRE(out.figures.size() == 2);
  const auto& series = out.figures[1].series;
  REQUIRE(series.size() == 4);
  int above_none = 0;
  for (size_t place = 0; place < 5; ++place)
    for (const bool by_frequency : {false, true})
      for (const bool of_class : {false, true}) {
        const size_t keep = std::min(train[place][0][0].size(), train[place][1][0].size());
        const double told = told_information(train[place][by_frequency], train_label[of_class],
                                             test[place][by_frequency], test_label[of_class], 3,
                                             keep, 300, 0.05, 1e-3);
        above_none += told > 0;
        const std::string of = of_class ? "class" : "device",
                          in = by_frequency ? "frequency" : "channel";
        CAPTURE(of);
        CAPTURE(in);
        CAPTURE(place);
        for (const auto& line : series)
          if (line.name == of + ", " + in) {
            CHECK(line.x[place] == static_cast<double>(place));
            CHECK(line.y[place] == doctest::Approx(told).epsilon(1e-7));
          }
        if (place < 2)
          CHECK(score_of(out, "nats of " + of + ", " + in + ", " + (place ? "stage 1" : "head") +
                                  "@here") == doctest::Approx(told).epsilon(1e-7));
      }
  CHECK(above_none >= 10);  // of 20: not 0 against 0
}

TEST_CASE("statistics are measured where the table says, and where the setting lets them") {
  const auto data = made(32, 8);
  const auto measures = [&](const char* name, bool on, const auto& of) {
    Settings s = settings();
    s.information = on;
    const experiment::Outcome out = trial<BcResnetAsc>({name, "here", 1}, s, of).finish();
    return std::any_of(out.scores.begin(), out.scores.end(),
                       [](const auto& score) { return score.metric.rfind("nats", 0) == 0; });
  };
  for (const Method& m : methods()) {
    CAPTURE(m.name);
    const std::string name = m.name;
    CHECK(measures(m.name, true, data) == (name == "none" || name == "ifn" || name == "rfn"));
  }
  CHECK_FALSE(measures("rfn", false, data));
  const auto other = [&](auto of) {  // other nets: those with stages
    Settings on = settings();
    on.tau = 0.25;
    using Net = decltype(of);
    return trial<Net>({"rfn", "here", 1}, on, made(40, 13)).finish().figures.size() == 2;
  };
  CHECK(other(KeywordNet()));
  CHECK_FALSE(other(PooledNet()));
  experiment::Recordings alone = *data;  // one device: nothing to separate
  alone.seen = 1;
  CHECK_FALSE(measures("rfn", true, std::make_shared<const experiment::Recordings>(alone)));
}

TEST_CASE("where devices have clips of their own, scores are means of devices' means") {
  experiment::Recordings data = recordings(32, 8);
  data.paired = false;
  for (size_t d = 0; d < data.test_x.size(); ++d) {  // 7, 6, 5, 4, 3, 2 and 1 clips
    const auto n = static_cast<int64_t>(7 - d);
    data.test_x[d] = slice(data.test_x[d], 0, 0, n).contiguous();
    data.test_y[d] = slice(data.test_y[d], 0, 0, n).contiguous();
    data.test_group[d].assign(static_cast<size_t>(n), static_cast<int64_t>(d));
  }
  RfnTrial<BcResnetAsc> t = trial<BcResnetAsc>(
      {"none", "here", 1}, settings(), std::make_shared<const experiment::Recordings>(data));
  for (int64_t i = 0; i < 4; ++i) t.step(i);
  std::vector<double> accuracy;
  Rows hits;
  for (size_t d = 0; d < data.test_x.size(); ++d) {
    const std::vector<int64_t> y = data.test_y[d].to_vector<int64_t>();
    Pass p = pass_of(t.learner().net, {"none", "none", 0, true, ""});
    const ToldNet shape{.classes = classes, .channels = 2};
    const Map logits = shape.logits(p, clips_of(data.test_x[d], whole(static_cast<int>(y.size()))));
    hits.emplace_back();
    for (int n = 0; n < logits.n; ++n) {
      bool right = true;
      for (int k = 0; k < classes; ++k)
        right = right && logits(n, static_cast<int>(y[static_cast<size_t>(n)]), 0, 0).v >=
                             logits(n, k, 0, 0).v;
      hits.back().push_back(right ? 100 : 0);
    }
    accuracy.push_back(std::accumulate(hits[d].begin(), hits[d].end(), 0.0) /
                       static_cast<double>(hits[d].size()));
  }
  const experiment::Outcome out = t.finish();
  const double others = (accuracy[3] + accuracy[4] + accuracy[5] + accuracy[6]) / 4;
  CHECK(score_of(out, "source@here") == doctest::Approx(accuracy[0]));
  CHECK(score_of(out, "other seen@here") == doctest::Approx((accuracy[1] + accuracy[2]) / 2));
  CHECK(score_of(out, "unseen@here") == doctest::Approx(others));
  CHECK(score_of(out, "gap@here") == doctest::Approx(accuracy[0] - others));
  REQUIRE(out.items.size() == 3);  // no gap of clips that the others do not have
  for (const auto& i : out.items)
    CHECK(i.groups == (i.metric == "source@here" ? std::vector<int64_t>(7, 0)
                       : i.metric == "unseen@here"
                           ? std::vector<int64_t>{3, 3, 3, 3, 4, 4, 4, 5, 5, 6}
                           : std::vector<int64_t>{1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2}));
  const auto joined = [&](size_t first, size_t last) {
    std::vector<double> all;
    for (size_t d = first; d < last; ++d) all.insert(all.end(), hits[d].begin(), hits[d].end());
    return all;
  };
  for (const auto& i : out.items)
    CHECK(i.values == (i.metric == "source@here"   ? joined(0, 1)
                       : i.metric == "unseen@here" ? joined(3, 7)
                                                   : joined(1, 3)));
}

TEST_CASE("devices that are right equally often have equal scores, to the bit, and no gap") {
  constexpr size_t clips = 30;
  for (size_t devices = 2; devices <= 11; ++devices)
    for (size_t right = 0; right <= clips; ++right) {
      experiment::Hits hits(devices, std::vector<double>(clips, 0.0));
      for (size_t d = 0; d < devices; ++d)  // each of other clips
        for (size_t i = 0; i < right; ++i) hits[d][(i + 7 * d) % clips] = 100;
      CHECK(experiment::mean_of(hits, 0, devices) == experiment::mean_of(hits, 0, 1));
      CHECK(experiment::mean_of(hits, 1, devices) == 100.0 * static_cast<double>(right) / clips);
      hits.assign(devices, std::vector<double>(clips, right ? 100.0 : 0.0));
      CHECK(experiment::by_clip(hits, 0, devices, true) == hits[0]);
    }
  // One clip of each device is answered right, each time another.
  struct OneClass {
    Tensor operator()(const Tensor& x) const {
      return cat({ones({x.size(0), 1}), zeros({x.size(0), classes - 1})}, 1);
    }
  };
  experiment::Recordings data = recordings(32, 8);
  for (size_t d = 0; d < data.test_y.size(); ++d) {
    std::vector<int64_t> y(static_cast<size_t>(data.test_x[d].size(0)), 1);
    y[d % y.size()] = 0;
    data.test_y[d] = tensor(y);
  }
  const DeviceSet set(std::make_shared<const experiment::Recordings>(data), settings(), Random(1));
  experiment::Outcome out;
  set.score({"none", "here", 1}, OneClass{}, out);
  CHECK(score_of(out, "source@here") > 0);
  CHECK(score_of(out, "gap@here") == 0);
}

TEST_CASE("without unseen devices there is the source alone; without others seen no such score") {
  experiment::Recordings data = recordings(32, 8);
  const auto metrics = [&] {
    std::set<std::string> out;
    RfnTrial<BcResnetAsc> t = trial<BcResnetAsc>(
        {"none", "here", 1}, settings(), std::make_shared<const experiment::Recordings>(data));
    for (const auto& s : t.finish().scores) out.insert(s.metric.substr(0, s.metric.find('@')));
    for (int64_t i = 0; i < 4; ++i)
      for (const auto& [name, value] : t.step(i)) out.insert(name);
    return out;
  };
  using Set = std::set<std::string>;
  data.seen = 1;
  const Set curve{"validation accuracy on seen devices", "validation accuracy on the source",
                  "training loss"};
  Set expected{"unseen", "source", "gap"};
  expected.insert(curve.begin(), curve.end());
  CHECK(metrics() == expected);
  data.seen = 7;
  Set no_unseen = metrics();
  for (auto at = no_unseen.begin(); at != no_unseen.end();)
    at = at->rfind("nats", 0) == 0 ? no_unseen.erase(at) : std::next(at);
  expected = curve;
  expected.insert("source");
  CHECK(no_unseen == expected);
  data.validation_x.clear(), data.validation_y.clear();  // no clips were held
  data.seen = 1;
  CHECK(metrics() == Set{"unseen", "source", "gap", "training loss"});
}

namespace {

// The batches of six steps of the set, each clip turned by its own number of frames, then masked,
// then mixed with another.
void check_batches(const Settings& s, int64_t most_turn) {
  experiment::Recordings data = recordings(6, 9);
  data.train_x = data.train_x.to(DType::f32);
  data.front.mel.rate = 1000, data.front.mel.hop = 250;  // 4 frames a second
  const Random random(3);
  const DeviceSet set(std::make_shared<const experiment::Recordings>(data), s, random);
  REQUIRE(set.batches() == 2);
  const std::vector<double> x = data.train_x.to(DType::f64).to_vector();
  const std::vector<int64_t> y = data.train_y.to_vector<int64_t>(),
                             device = data.train_device.to_vector<int64_t>();
  std::set<size_t> in_epoch;
  std::set<int64_t> turns;
  for (int64_t i = 0; i < 6; ++i) {
    if (i % 2 == 0) in_epoch.clear();
    const std::vector<double> key =
        uniform(random / "order" / (i / 2), {10}, 0, 1, DType::f64).to_vector();
    std::vector<int> order = whole(10);
    std::sort(order.begin(), order.end(), [&](int a, int b) {
      return key[static_cast<size_t>(a)] < key[static_cast<size_t>(b)];
    });
    double told[4][6][9], labels[4][3] = {}, devices[4][3] = {};
    for (int n = 0; n < 4; ++n) {
      const auto clip = static_cast<size_t>(order[static_cast<size_t>(i % 2 * 4 + n)]);
      CHECK(in_epoch.insert(clip).second);
      labels[n][y[clip]] = 1, devices[n][device[clip]] = 1;
      const int64_t turn =
          most_turn
              ? (random / "roll" / i / n).integer(0, 2 * static_cast<uint64_t>(most_turn) + 1) -
                    most_turn
              : 0;
      turns.insert(turn);
      for (int f = 0; f < 6; ++f)
        for (int t = 0; t < 9; ++t)
          told[n][f][(t + turn + 9) % 9] =
              x[(clip * 6 + static_cast<size_t>(f)) * 9 + static_cast<size_t>(t)];
      const auto mask = [&](const char* which, int most, int size, const auto& clear) {
        for (int64_t k = 0; k < 2; ++k) {  // two of each kind
          const Random r = random / "mask" / i / n / which / k;
          const int width = std::min(static_cast<int>(r.uniform(0) * most), size);
          const auto first =
              static_cast<int>(r.integer(1, static_cast<uint64_t>(size - width + 1)));
          for (int at = first; at < first + width; ++at) clear(at);
        }
      };
      if (s.mask_mels || s.mask_frames) {
        mask("frequency", s.mask_mels, 6, [&](int f) { std::fill_n(told[n][f], 9, 0.0); });
        mask("time", s.mask_frames, 9, [&](int t) {
          for (auto& row : told[n]) row[t] = 0;
        });
      }
    }
    const RecordedBatch b = set.batch(i);
    REQUIRE(b.x.shape() == Shape{4, 1, 6, 9});
    const std::vector<double> got = b.x.to(DType::f64).to_vector();
    const Random r = random / "mixup" / i;
    const std::vector<int64_t> partner = randperm(r / "partner", 4).to_vector<int64_t>();
    for (int n = 0; n < 4; ++n) {
      const double l = s.mixup > 0 ? beta(r / "l" / n, s.mixup, s.mixup) : 1;
      const auto other = partner[static_cast<size_t>(n)];
      for (int f = 0; f < 6; ++f)
        for (int t = 0; t < 9; ++t)
          CHECK(got[static_cast<size_t>((n * 6 + f) * 9 + t)] ==
                doctest::Approx(l * told[n][f][t] + (1 - l) * told[other][f][t]).epsilon(1e-5));
      for (const auto& [ours, from] : {std::pair{&b.y, &labels}, {&b.device, &devices}}) {
        if (s.mixup == 0) {
          REQUIRE(ours->dtype() == DType::i64);
          CHECK((*from)[n][ours->to_vector<int64_t>()[static_cast<size_t>(n)]] == 1);
          continue;
        }
        REQUIRE(ours->shape() == Shape{4, 3});
        for (int k = 0; k < 3; ++k)
          CHECK(ours->to(DType::f64).to_vector()[static_cast<size_t>(n * 3 + k)] ==
                doctest::Approx(l * (*from)[n][k] + (1 - l) * (*from)[other][k]).epsilon(1e-6));
      }
    }
  }
  CHECK((turns.size() > 1) == (most_turn > 0));
}

}  // namespace

TEST_CASE("a batch: an epoch's own order; clips turned, masked and mixed where it is set") {
  Settings s = settings();
  check_batches(s, 0);
  s.roll = 0.6;  // 2.4 frames
  check_batches(s, 2);
  s.mask_mels = 4;
  check_batches(s, 2);
  s.mixup = 0.7;
  check_batches(s, 2);
  s.roll = 0, s.mask_mels = 0, s.mask_frames = 6;
  check_batches(s, 0);
}

TEST_CASE("an epoch leaves out its last, shorter batch, and the schedule ends with the last step") {
  const auto data = made(3, 13);
  Settings s = settings();
  for (const int batch : {2, 3, 5, 7, 10}) {
    s.batch = batch, s.epochs = 3;
    CHECK(DeviceSet(data, s, Random(1)).batches() == 10 / batch);
    CHECK(Learner<PooledNet>("none", s, *data, Random(1)).steps == 10 / batch * 3);
  }
}

TEST_CASE("one seen device: CrossGrad's device net still has two answers, mixed labels too") {
  experiment::Recordings data = recordings(3, 13);
  data.seen = 1, data.train_device = zeros({10}, DType::i64);
  Settings s = settings();
  for (const double mixup : {0.0, 0.3}) {
    s.mixup = mixup;
    RfnTrial<PooledNet> t = trial<PooledNet>({"crossgrad", "here", 1}, s,
                                             std::make_shared<const experiment::Recordings>(data));
    t.step(0);
    CHECK(t.learner().devices.output.bias.shape() == Shape{2});
  }
}

// What a row of regrad-asc reads when: the test part at its end alone, by the nets that its metrics
// name; the validation part for the curve; augmentation as the settings have it.
#include <doctest/doctest.h>
#include <regrad/algorithms/asc/experiment/trial.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/datasets/audio/augment.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>
#include <map>

using namespace regrad;
using namespace regrad::asc;

namespace {

constexpr int64_t mels = 32, frames = 16, clips = 12, held = 20, tests = 60, classes = 3;

// Three seen devices and two unseen. A test part of random clips and labels: what a net answers
// there is its own.
Recordings few() {
  const Random r(41);
  const auto y = [&](const std::string& name, int64_t n) {
    return randint(r / name, 0, classes, {n});
  };
  // Each of a random class's pattern, which need not be that of its label.
  const Tensor pattern = normal(r / "pattern", {classes, 1, mels, frames}, 0, 2);
  const auto x = [&](const std::string& name, int64_t n) {
    return normal(r / name, {n, 1, mels, frames}, -1, 1.5) +
           normal(r / "level" / name, {mels, 1}, 0, 2) +
           index_select(pattern, 0, y(name + " pattern", n));
  };
  Recordings d;
  d.train_x = x("train", clips), d.train_y = y("train y", clips);
  d.train_device = tensor({0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2}, DType::i64);
  d.pair_of = tensor({8, 9, 10, 11}, DType::i64), d.pair_x = x("pairs", 4);
  for (int64_t k = 0; k < 5; ++k) {
    const std::string at = std::to_string(k);
    d.devices.push_back("d" + at);
    d.test_x.push_back(x("test" + at, tests)), d.test_y.push_back(y("test y", tests));
    d.test_group.push_back(arange(0, tests).to(DType::i64).to_vector<int64_t>());
    if (k < 3)
      d.validation_x.push_back(x("held" + at, held)),
          d.validation_y.push_back(y("held y" + at, held));
  }
  d.seen = 3, d.classes = {"a", "b", "c"};
  d.front = {{.rate = 8000, .n_fft = 512, .hop = 160, .mels = mels}, 160 * (frames - 1), 0.1};
  return d;
}

Settings quick(bool compress = true) {
  Settings s;
  s.tau = 0.4, s.epochs = 15, s.batch = 6, s.lr = 0.05, s.log_every = 1, s.roll = 0.05;
  s.translation.steps = 3, s.translation.batch = 2, s.translation.width = 2;
  s.compress = compress, s.compression.epochs = 4, s.compression.ratio = 0.5;
  return s;
}

struct Row {
  AscTrial trial;
  std::vector<experiment::Moment> curve = {};
  std::map<std::string, double> scores = {};
  std::map<std::string, experiment::Items> items = {};
  experiment::Outcome end = {};

  Row(const Recordings& d, const Settings& s, const char* method = "resnorm-g")
      : trial({method, "", 2}, s, std::make_shared<const Recordings>(d)) {
    for (int64_t i = 0; i < phases(s, method, clips).steps(); ++i) curve.push_back(trial.step(i));
    end = trial.finish();
    for (const experiment::Score& x : end.scores) scores[x.metric] = x.value;
    for (const experiment::Items& x : end.items) items[x.metric] = x;
  }
  std::vector<std::vector<double>> state() {
    std::vector<std::vector<double>> out;
    trial.state([&](const std::string&, Tensor& t) { out.push_back(t.to_vector()); });
    return out;
  }
};

// 100 or 0 for each test clip of a device.
std::vector<double> told_hits(const BcResnetAsc& net, const Tensor& x, const Tensor& y) {
  const std::vector<double> z = logits_of(net, x).to_vector();
  const std::vector<int64_t> label = y.to_vector<int64_t>();
  std::vector<double> out;
  for (size_t i = 0; i < label.size(); ++i) {
    size_t best = 0;
    for (size_t k = 1; k < classes; ++k)
      if (z[i * classes + k] > z[i * classes + best]) best = k;
    out.push_back(static_cast<int64_t>(best) == label[i] ? 100 : 0);
  }
  return out;
}
// The mean over devices first .. last - 1, clip by clip.
std::vector<double> told_by_clip(const BcResnetAsc& net, const Recordings& d, size_t first,
                                 size_t last) {
  std::vector<double> out(tests, 0.0);
  for (size_t k = first; k < last; ++k) {
    const std::vector<double> h = told_hits(net, d.test_x[k], d.test_y[k]);
    for (size_t i = 0; i < out.size(); ++i) out[i] += h[i] / static_cast<double>(last - first);
  }
  return out;
}
double mean_of(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}

}  // namespace

TEST_CASE("clips for ranges: at most so many, spread over all") {
  const auto of = [](int64_t n, int64_t most) {
    return spread(arange(0, static_cast<double>(n)), most).to_vector();
  };
  CHECK(of(10, 4) == std::vector<double>{0, 3, 6, 9});
  CHECK(of(9, 4) == std::vector<double>{0, 3, 6});
  CHECK(of(8, 4) == std::vector<double>{0, 2, 4, 6});
  CHECK(of(4, 4) == std::vector<double>{0, 1, 2, 3});
  CHECK(of(3, 4) == std::vector<double>{0, 1, 2});
}

TEST_CASE("nothing before the end reads the test part, nothing that trains the validation part") {
  const Recordings d = few();
  Row plain(d, quick());
  Recordings other = d;
  for (size_t k = 0; k < 5; ++k)
    other.test_x[k] = other.test_x[k] * -3 + 1, other.test_y[k] = (2 - other.test_y[k]);
  Row of_other(other, quick());
  CHECK(plain.state() == of_other.state());
  CHECK(plain.curve == of_other.curve);
  CHECK(plain.scores.at("accuracy") != of_other.scores.at("accuracy"));
  CHECK(plain.scores.at("int8") != of_other.scores.at("int8"));
  CHECK(plain.scores.at("bytes") == of_other.scores.at("bytes"));
  for (const auto& [name, t] : plain.trial.model())
    for (const auto& [same, u] : of_other.trial.model())
      if (name == same) CHECK(t.to_vector() == u.to_vector());

  other = d;
  for (size_t k = 0; k < 3; ++k) other.validation_x[k] = other.validation_x[k] * -3 + 1;
  Row of_held(other, quick());
  CHECK(plain.state() == of_held.state());
  CHECK(plain.curve != of_held.curve);
  for (const auto& score : plain.scores)
    if (score.first.find("validation") == std::string::npos)
      CHECK_MESSAGE(of_held.scores.at(score.first) == score.second, score.first);
  // Without such a part the curve is of the loss alone.
  other.validation_x = {}, other.validation_y = {};
  for (const experiment::Moment& m : Row(other, quick(false)).curve)
    for (const auto& number : m)
      CHECK_MESSAGE(number.first.find("accuracy") == std::string::npos, number.first);
}

TEST_CASE("the curve: the mean over seen devices of the validation part") {
  const Recordings d = few();
  Row row(d, quick(false), "baseline");
  double last = -1;
  for (const auto& [name, value] : row.curve.back())
    if (name == "validation accuracy") last = value;
  std::vector<double> by_device;
  for (size_t k = 0; k < 3; ++k)
    by_device.push_back(
        mean_of(told_hits(row.trial.now().net, d.validation_x[k], d.validation_y[k])));
  CHECK(last == doctest::Approx(mean_of(by_device)).epsilon(1e-12));
}

TEST_CASE("each metric is of the net and the devices that it names") {
  const Recordings d = few();
  for (const bool quantized : {true, false}) {
    Settings s = quick();
    s.compression.quantized = quantized;
    Row row(d, s);
    const Chain& now = row.trial.now();
    const auto expect = [&](const std::string& metric, const BcResnetAsc& net, size_t first,
                            size_t last) {
      const std::vector<double> by_clip = told_by_clip(net, d, first, last);
      REQUIRE_MESSAGE(row.items.count(metric), metric);
      CHECK_MESSAGE(row.items.at(metric).values == by_clip, metric);
      CHECK_MESSAGE(row.items.at(metric).groups == d.test_group[first], metric);
      CHECK_MESSAGE(row.scores.at(metric) == doctest::Approx(mean_of(by_clip)).epsilon(1e-12),
                    metric);
    };
    expect("accuracy", now.net, 0, 5);
    expect("seen", now.net, 0, 3);
    expect("unseen", now.net, 3, 5);
    for (size_t k = 0; k < 5; ++k)
      CHECK(row.scores.at("on device d" + std::to_string(k)) ==
            doctest::Approx(mean_of(told_hits(now.net, d.test_x[k], d.test_y[k]))));
    expect("before compression", now.net, 0, 5);
    // In nats, the mean over devices.
    const auto log_loss = [&](const BcResnetAsc& net, size_t first, size_t last) {
      double sum = 0;
      for (size_t k = first; k < last; ++k) {
        const std::vector<double> z = logits_of(net, d.test_x[k]).to_vector();
        const std::vector<int64_t> label = d.test_y[k].to_vector<int64_t>();
        for (size_t i = 0; i < tests; ++i) {
          double all = 0;
          for (size_t c = 0; c < classes; ++c) all += std::exp(z[i * classes + c]);
          sum += std::log(all) - z[i * classes + static_cast<size_t>(label[i])];
        }
      }
      return sum / static_cast<double>(tests * (last - first));
    };
    CHECK(row.scores.at("log loss") == doctest::Approx(log_loss(now.net, 0, 5)).epsilon(1e-5));
    CHECK(row.scores.at("log loss, seen") ==
          doctest::Approx(log_loss(now.net, 0, 3)).epsilon(1e-5));
    CHECK(row.scores.at("log loss, unseen") ==
          doctest::Approx(log_loss(now.net, 3, 5)).epsilon(1e-5));
    CHECK(mean_of(row.items.at("log loss").values) ==
          doctest::Approx(row.scores.at("log loss")).epsilon(1e-12));
    CHECK(row.scores.at("validation") ==
          doctest::Approx((mean_of(told_hits(now.net, d.validation_x[0], d.validation_y[0])) +
                           mean_of(told_hits(now.net, d.validation_x[1], d.validation_y[1])) +
                           mean_of(told_hits(now.net, d.validation_x[2], d.validation_y[2]))) /
                          3)
              .epsilon(1e-12));
    expect("after pruning", pruned(now.net, now.masks), 0, 5);
    expect("after fine-tuning without KD", as_tuned(now.students[0], now.masks, quantized), 0, 5);
    expect("after fine-tuning with KD", as_tuned(now.students[1], now.masks, quantized), 0, 5);
    const Deployed small = deployed(now.students[1], now.masks, d.train_x);
    expect("with 8-bit weights", small.net, 0, 5);
    CHECK(row.scores.at("log loss with 8-bit weights") ==
          doctest::Approx(log_loss(small.net, 0, 5)).epsilon(1e-5));
    CHECK(row.scores.at("validation with 8-bit weights") ==
          doctest::Approx((mean_of(told_hits(small.net, d.validation_x[0], d.validation_y[0])) +
                           mean_of(told_hits(small.net, d.validation_x[1], d.validation_y[1])) +
                           mean_of(told_hits(small.net, d.validation_x[2], d.validation_y[2]))) /
                          3)
              .epsilon(1e-12));
    const Int8Report int8 = evaluate_int8(small.net, d.train_x, d.test_x);
    std::vector<double> by_clip(tests, 0.0), unseen(tests, 0.0);
    for (size_t k = 0; k < 5; ++k) {
      const std::vector<double> z = int8.logits[k].to_vector();
      const std::vector<int64_t> label = d.test_y[k].to_vector<int64_t>();
      for (size_t i = 0; i < tests; ++i) {
        const auto from = z.begin() + static_cast<std::ptrdiff_t>(i * classes);
        const double hit = std::max_element(from, from + classes) - from == label[i] ? 100 : 0;
        by_clip[i] += hit / 5;
        if (k >= 3) unseen[i] += hit / 2;
      }
    }
    CHECK(row.items.at("int8").values == by_clip);
    CHECK(row.items.at("int8, unseen").values == unseen);
    // Metrics that are apart, or one could be another.
    CHECK(row.items.at("accuracy").values != row.items.at("after pruning").values);
    CHECK(row.items.at("after fine-tuning without KD").values !=
          row.items.at("after fine-tuning with KD").values);
    CHECK(row.items.at("seen").values != row.items.at("unseen").values);

    const ChallengeSize size = deployed_size(small.net);
    CHECK(row.scores.at("bytes") == static_cast<double>(size.weights + size.rest));
    REQUIRE(row.end.parameters.size() == 1);
    CHECK(row.end.parameters[0].second == size.weights + challenge_size(small.net).rest / 2);
    int64_t differ = 0;
    for (const auto& [name, t] : row.trial.model())
      for (const auto& [same, u] : named_tensors(small.net))
        if (name == same) differ += t.to_vector() != u.to_vector();
    CHECK(differ == 0);
  }
}

// Roll, masks and mixup are f32's; the first step's loss shows what they did to the batch.
TEST_CASE("a batch is rolled, masked and mixed as the settings have it, clip by clip") {
  const Recordings d = few();
  Settings s = quick(false);
  s.dropout = 0, s.log_every = 1, s.batch = 12, s.mixup = 0.5, s.roll = 0.08, s.mask_mels = 9,
  s.mask_frames = 6;
  const auto loss_of = [&](const Settings& with) {
    AscTrial t({"baseline", "", 2}, with, std::make_shared<const Recordings>(d));
    for (const auto& [name, value] : t.step(0))
      if (name == "training loss") return value;
    return std::nan("");
  };
  const auto told = [&](const Settings& with) {
    const Random r = Random(2) / "asc" / "training";
    const std::vector<int64_t> order = randperm(r / "order" / 0, clips).to_vector<int64_t>(),
                               partner = randperm(r / "mixup" / 0 / "partner", clips)
                                             .to_vector<int64_t>();
    std::vector<std::vector<double>> x(clips), y(clips);
    const auto most = std::llround(with.roll * 8000 / 160);
    for (size_t i = 0; i < clips; ++i) {
      const auto at = order[i], n = static_cast<int64_t>(i);
      std::vector<double> one = d.train_x[at].to_vector();
      y[i].assign(classes, 0.0);
      y[i][static_cast<size_t>(d.train_y.to_vector<int64_t>()[static_cast<size_t>(at)])] = 1;
      const int64_t by = most ? (r / "roll" / 0 / n).integer(0, 2 * most + 1) - most : 0;
      std::vector<double> moved(one.size());
      for (int64_t f = 0; f < mels; ++f)
        for (int64_t t = 0; t < frames; ++t)
          moved[static_cast<size_t>(f * frames + (t + by + frames) % frames)] =
              one[static_cast<size_t>(f * frames + t)];
      for (const bool over_frames : {false, true}) {
        const int64_t widest = over_frames ? with.mask_frames : with.mask_mels,
                      all = over_frames ? frames : mels;
        for (int64_t k = 0; k < 2 && with.mask_mels + with.mask_frames > 0; ++k) {
          const Random m = r / "mask" / 0 / n / (over_frames ? "time" : "frequency") / k;
          const auto wide = static_cast<int64_t>(m.uniform(0) * static_cast<double>(widest)),
                     first = m.integer(1, all - wide + 1);
          for (int64_t f = 0; f < mels; ++f)
            for (int64_t t = 0; t < frames; ++t)
              if (const int64_t p = over_frames ? t : f; p >= first && p < first + wide)
                moved[static_cast<size_t>(f * frames + t)] = 0;
        }
      }
      x[i] = moved;
    }
    std::vector<double> all_x, all_y;
    for (size_t i = 0; i < clips; ++i) {
      const double l = with.mixup > 0 ? beta(r / "mixup" / 0 / "l" / static_cast<int64_t>(i),
                                             with.mixup, with.mixup)
                                      : 1;
      const auto j = static_cast<size_t>(partner[i]);
      for (size_t k = 0; k < x[i].size(); ++k) all_x.push_back(l * x[i][k] + (1 - l) * x[j][k]);
      for (size_t k = 0; k < classes; ++k) all_y.push_back(l * y[i][k] + (1 - l) * y[j][k]);
    }
    const AscTrial t({"baseline", "", 2}, with, std::make_shared<const Recordings>(d));
    Context ctx{.training = true};
    const std::vector<double> z =
        t.now().net(tensor(all_x, {clips, 1, mels, frames}), ctx).to_vector();
    double loss = 0;
    for (size_t i = 0; i < clips; ++i) {
      double sum = 0;
      for (size_t k = 0; k < classes; ++k) sum += std::exp(z[i * classes + k]);
      for (size_t k = 0; k < classes; ++k)
        loss -= all_y[i * classes + k] * (z[i * classes + k] - std::log(sum)) / clips;
    }
    return loss;
  };
  CHECK(loss_of(s) == doctest::Approx(told(s)).epsilon(2e-5));
  Settings off = s;
  off.mixup = 0, off.roll = 0, off.mask_mels = off.mask_frames = 0;
  CHECK(loss_of(off) == doctest::Approx(told(off)).epsilon(2e-5));
  for (int which = 0; which < 4; ++which) {
    CAPTURE(which);
    Settings one = off;
    if (which == 0) one.mixup = s.mixup;
    if (which == 1) one.roll = s.roll;
    if (which == 2) one.mask_mels = s.mask_mels;
    if (which == 3) one.mask_frames = s.mask_frames;
    CHECK(loss_of(one) == doctest::Approx(told(one)).epsilon(2e-5));
    CHECK(std::abs(loss_of(one) - loss_of(off)) > 1e-4);
  }
}

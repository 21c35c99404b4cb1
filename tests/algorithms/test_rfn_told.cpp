// Every row of regrad-rfn's table against a second telling (rfn_told.h): twenty steps of the trial
// itself in f64, its curve and its scores.
#include <doctest/doctest.h>
#include <regrad/algorithms/rfn/experiment/learner.h>

#include <set>

#include "rfn_recordings.h"

using namespace regrad;
using namespace regrad::relaxed_norm;
using namespace regrad::test;

namespace {

// audio.md sections 1 and 3, written down beside methods.h.
const std::vector<Arm>& arms() {
  static const std::vector<Arm> all = {{"none", "none", 0, true, ""},
                                       {"global", "global", 0, false, ""},
                                       {"in", "in", 0, true, ""},
                                       {"ln", "ln", 0, true, ""},
                                       {"ifn", "ifn", 0, true, ""},
                                       {"resnorm", "resnorm", 0.1, true, ""},
                                       {"resnorm-0.5", "resnorm", 0.5, true, ""},
                                       {"resnorm-1", "resnorm", 1, true, ""},
                                       {"rfn", "rfn", 0.5, true, ""},
                                       {"rfn-0.1", "rfn", 0.1, true, ""},
                                       {"rfn-0.9", "rfn", 0.9, true, ""},
                                       {"bin", "bin", 0, true, ""},
                                       {"mixstyle", "none", 0, true, "mixstyle"},
                                       {"mixstyle-inside", "none", 0, true, "mixstyle-inside"},
                                       {"freq-mixstyle", "none", 0, true, "freq-mixstyle"},
                                       {"crossgrad", "none", 0, true, "crossgrad"},
                                       {"crossgrad-clipped", "none", 0, true, "crossgrad-clipped"},
                                       {"ifn-input", "ifn", 0, false, ""},
                                       {"in-input", "in", 0, false, ""},
                                       {"resnorm-input", "resnorm", 0.1, false, ""},
                                       {"rfn-input", "rfn", 0.5, false, ""}};
  return all;
}

// The whole of a trial of one row.
struct Telling {
  Arm arm;
  Settings s;
  Random random;
  std::shared_ptr<const Recordings> data;
  ToldNet shape;
  Numbers net = {}, devices = {}, velocity = {}, device_velocity = {};
  std::set<std::string> learned = {};                     // parameters, as opposed to buffers
  mutable std::map<int, std::vector<double>> known = {};  // hits by device, at these values

  int batches() const { return train_clips / s.batch; }
  // The order of epoch e is that of numbers drawn for it.
  std::vector<int> batch_at(int i) const {
    const std::vector<double> key =
        uniform(random / "order" / int64_t{i / batches()}, {train_clips}, 0, 1, DType::f64)
            .to_vector();
    std::vector<int> order = whole(train_clips);
    std::sort(order.begin(), order.end(), [&](int a, int b) {
      return key[static_cast<size_t>(a)] < key[static_cast<size_t>(b)];
    });
    const auto first = order.begin() + i % batches() * s.batch;
    return {first, first + s.batch};
  }
  // A climb over the first floor(share steps), then half a cosine to 0.
  double lr(int i) const {
    const int steps = batches() * s.epochs, climb = static_cast<int>(s.warmup * steps);
    if (i < climb) return s.lr * i / climb;
    return s.lr * 0.5 * (1 + std::cos(M_PI * (i - climb) / (steps - climb)));
  }

  Pass pass(const Numbers& of, Tape* tape, const Random* drops) const {
    Pass p{arm, {}, tape != nullptr, drops, s.dropout};
    for (const auto& [name, values] : of)
      for (double v : values)
        p.at[name].push_back(tape && learned.count(name) ? tape->leaf(v) : Num(v));
    return p;
  }
  // v <- momentum v + g + decay w, w <- w - lr v; BIN's shares stay in [0, 1].
  void descend(Numbers& of, Numbers& v, const Pass& p, const std::vector<double>& d, int i) {
    for (auto& [name, values] : of) {
      if (!learned.count(name)) continue;
      std::vector<double>& momentum = v[name];
      momentum.resize(values.size(), 0.0);
      for (size_t k = 0; k < values.size(); ++k) {
        const double g = d[static_cast<size_t>(p.of(name)[k].at)] + s.weight_decay * values[k];
        momentum[k] = s.momentum * momentum[k] + g;
        values[k] -= lr(i) * momentum[k];
        if (name.find(".rho") != std::string::npos)
          values[k] = std::min(1.0, std::max(0.0, values[k]));
      }
    }
    for (const auto& [name, values] : p.running) of[name] = values;
  }

  std::vector<std::vector<double>> one_hot_of(const Tensor& y, const std::vector<int>& at,
                                              int n) const {
    const std::vector<int64_t> all = y.to_vector<int64_t>();
    std::vector<std::vector<double>> out;
    for (int i : at) {
      out.emplace_back(static_cast<size_t>(n), 0.0);
      out.back()[static_cast<size_t>(all[static_cast<size_t>(i)])] = 1;
    }
    return out;
  }

  // x with statistics mixed between clips: over each clip and channel, or each clip and frequency.
  Map restyled(const Map& x, const Random& r, double p, double alpha, bool by_frequency) const {
    if ((r / "whether").uniform(0) >= p) return x;
    const std::vector<int64_t> partner = randperm(r / "partner", x.n).to_vector<int64_t>();
    const auto group = [&](int n, int c, int f, int) {
      return by_frequency ? n * x.f + f : n * x.c + c;
    };
    Map values = x;  // statistics have no gradient
    for (Num& v : values.x) v = v.v;
    const Moments m = moments(values, x.n * (by_frequency ? x.f : x.c), group);
    return map_of(x, [&](int n, int c, int f, int t) {
      const auto a = static_cast<size_t>(group(n, c, f, t)),
                 b = static_cast<size_t>(
                     group(static_cast<int>(partner[static_cast<size_t>(n)]), c, f, t));
      const double l = beta(r / "l" / n, alpha, alpha), sa = std::sqrt(m.variance[a].v + 1e-6),
                   sb = std::sqrt(m.variance[b].v + 1e-6);
      return (x(n, c, f, t) - m.mean[a].v) / sa * (l * sa + (1 - l) * sb) +
             (l * m.mean[a].v + (1 - l) * m.mean[b].v);
    });
  }

  using Labels = std::vector<std::vector<double>>;
  // x' = l x + (1 - l) x of the partner, and labels in the same way.
  void mixed(Map& x, Labels& y, Labels& device, const Random& r) const {
    const std::vector<int64_t> partner = randperm(r / "partner", x.n).to_vector<int64_t>();
    std::vector<double> l;
    for (int n = 0; n < x.n; ++n) l.push_back(beta(r / "l" / n, s.mixup, s.mixup));
    const Map from = x;
    x = map_of(x, [&](int n, int c, int f, int t) {
      const auto k = static_cast<size_t>(n);
      return Num(l[k] * from(n, c, f, t).v +
                 (1 - l[k]) * from(static_cast<int>(partner[k]), c, f, t).v);
    });
    for (Labels* labels : {&y, &device}) {
      const Labels before = *labels;
      for (size_t n = 0; n < l.size(); ++n)
        for (size_t k = 0; k < before[n].size(); ++k)
          (*labels)[n][k] =
              l[n] * before[n][k] + (1 - l[n]) * before[static_cast<size_t>(partner[n])][k];
    }
  }

  // How far CrossGrad goes, and what it holds the gradient to.
  bool clipped() const { return std::string(arm.change) == "crossgrad-clipped"; }
  double changed(double x, double slope) const {
    if (!clipped()) return x + s.cross_step * slope;
    return x + s.clipped_step * std::max(-s.cross_clip, std::min(s.cross_clip, slope));
  }
  // x moved along the gradient of a net's loss with respect to x.
  Map moved(const Numbers& of, const ToldNet& with, const Map& x, const Labels& y,
            const Random& drops) const {
    Tape tape;
    Pass p = pass(of, &tape, &drops);
    Map leaf = map_of(x, [&](int n, int c, int f, int t) { return tape.leaf(x(n, c, f, t).v); });
    const std::vector<double> d = tape.derivatives(told_loss(with.logits(p, leaf), y));
    return map_of(x, [&](int n, int c, int f, int t) {
      return Num(changed(x(n, c, f, t).v, d[static_cast<size_t>(leaf(n, c, f, t).at)]));
    });
  }
  double step_across(const Map& x, const Labels& y, const Labels& device, int i) {
    const Random r = random / "pass" / i;
    ToldNet of_devices = shape;
    of_devices.classes = seen;
    const Map x_d = moved(devices, of_devices, x, device, r / "device"),
              x_l = moved(net, shape, x, y, r / "label");
    const auto learn = [&](Numbers& of, Numbers& v, const ToldNet& with, const Map& other,
                           const Labels& target, const Random& stream) {
      Tape tape;
      const Random drops = stream, other_drops = stream / "moved";
      Pass p = pass(of, &tape, &drops);
      const Num here = told_loss(with.logits(p, x), target);
      const Numbers running = p.running;
      p.drops = &other_drops;
      const Num there = told_loss(with.logits(p, other), target);
      p.running = running;  // those of the clips themselves
      const Num loss = here * (1 - s.cross_share) + there * s.cross_share;
      descend(of, v, p, tape.derivatives(loss), i);
      return loss.v;
    };
    const double loss = learn(net, velocity, shape, x_d, y, r / "label step");
    learn(devices, device_velocity, of_devices, x_l, device, r / "device step");
    return loss;
  }
  double step(int i) {
    known.clear();
    const std::vector<int> at = batch_at(i);
    Map x = clips_of(data->train_x, at);
    Labels y = one_hot_of(data->train_y, at, classes),
           device = one_hot_of(data->train_device, at, seen);
    if (s.mixup > 0) mixed(x, y, device, random / "mixup" / i);
    const std::string change = arm.change;
    if (change.rfind("crossgrad", 0) == 0) return step_across(x, y, device, i);
    const Random mix = random / "mix" / i, drops = random / "pass" / i;
    if (change == "mixstyle") x = restyled(x, mix, s.mix_p, s.mix_alpha, false);
    if (change == "freq-mixstyle") x = restyled(x, mix, s.freq_mix_p, s.freq_mix_alpha, true);
    Tape tape;
    Pass p = pass(net, &tape, &drops);
    if (change == "mixstyle-inside")  // after three of the four stages
      p.inside = [&](int stage, const Map& m) {
        return stage == 3 ? m : restyled(m, mix / "stage" / stage, s.mix_p, s.mix_alpha, false);
      };
    const Num loss = told_loss(shape.logits(p, x), y);
    descend(net, velocity, p, tape.derivatives(loss), i);
    return loss.v;
  }

  // 100 or 0 for each of a device's clips.
  std::vector<double> hits_of(const Tensor& clips, const Tensor& labels) const {
    const std::vector<int64_t> y = labels.to_vector<int64_t>();
    Pass p = pass(net, nullptr, nullptr);
    const Map logits = shape.logits(p, clips_of(clips, whole(static_cast<int>(y.size()))));
    std::vector<double> out;
    for (int n = 0; n < logits.n; ++n) {
      int best = 0;
      for (int k = 1; k < logits.c; ++k)
        if (logits(n, k, 0, 0).v > logits(n, best, 0, 0).v) best = k;
      out.push_back(best == y[static_cast<size_t>(n)] ? 100 : 0);
    }
    return out;
  }
  const std::vector<double>& hits(int device) const {  // of its test clips
    std::vector<double>& out = known[device];
    const auto d = static_cast<size_t>(device);
    if (out.empty()) out = hits_of(data->test_x[d], data->test_y[d]);
    return out;
  }
  static double mean(const std::vector<double>& v) {
    return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
  }
  double accuracy(int device) const { return mean(hits(device)); }
  double validation(int device) const {
    const auto d = static_cast<size_t>(device);
    return mean(hits_of(data->validation_x[d], data->validation_y[d]));
  }
};

struct State {
  std::map<std::string, Tensor> parts;
  std::vector<std::string> order;
};
State state_of(experiment::Trial& t) {
  State out;
  t.state([&](const std::string& name, Tensor& part) {
    out.parts[name] = part;
    out.order.push_back(name);
  });
  return out;
}
bool is_under(const std::string& name, const std::string& folder) {
  return name.compare(0, folder.size(), folder) == 0;
}
bool is_buffer(const std::string& name) {
  return name.find("running_") != std::string::npos || name.find(".global.") != std::string::npos;
}

// Takes up the trial's values.
void take_up(Telling& told, const State& now) {
  for (const auto& [folder, values, velocity, moving] :
       {std::tuple{"net.", &told.net, "sgd.", &told.velocity},
        {"devices.", &told.devices, "device_sgd.", &told.device_velocity}}) {
    size_t k = 0;
    for (const std::string& name : now.order) {
      if (!is_under(name, folder)) continue;
      const Tensor& part = now.parts.at(name);
      REQUIRE(part.dtype() == DType::f64);
      const std::string inside = name.substr(std::string(folder).size());
      (*values)[inside] = part.to_vector();
      CHECK(part.requires_grad() == !is_buffer(name));
      if (is_buffer(name)) continue;
      told.learned.insert(inside);
      const std::string moved = std::string(velocity) + "velocity." + std::to_string(k++);
      (*moving)[inside] = now.parts.at(moved).to_vector();
    }
  }
  told.known.clear();
}

// The largest difference, relative to the tensor's largest magnitude; some gradients are 0 but for
// rounding (a bias before batch norm), so below 1e-3 to that.
double off(const Tensor& ours, const std::vector<double>& told) {
  const std::vector<double> v = ours.to_vector();
  REQUIRE(v.size() == told.size());
  double most = 0, largest = 1e-3;
  for (size_t i = 0; i < v.size(); ++i) {
    most = std::max(most, std::fabs(v[i] - told[i]));
    largest = std::max(largest, std::fabs(told[i]));
  }
  return most / largest;
}

// Parameters, buffers and momentum of the net and of the device classifier.
void check_same(const State& now, const Telling& told) {
  size_t compared = 0;
  double most = 0;
  std::string where;
  const auto compare = [&](const std::string& name, const std::vector<double>& values) {
    const double by = off(now.parts.at(name), values);
    if (by > most || std::isnan(by)) most = by, where = name;
  };
  for (const auto& [folder, values, velocity, moving] :
       {std::tuple{"net.", &told.net, "sgd.", &told.velocity},
        {"devices.", &told.devices, "device_sgd.", &told.device_velocity}}) {
    size_t k = 0;
    for (const std::string& name : now.order) {
      if (!is_under(name, folder)) continue;
      const std::string inside = name.substr(std::string(folder).size());
      compare(name, values->at(inside)), ++compared;
      if (!told.learned.count(inside)) continue;
      const std::string moved = std::string(velocity) + "velocity." + std::to_string(k++);
      compare(moved, moving->at(inside));
    }
  }
  CAPTURE(where);
  REQUIRE(most < 1e-10);
  CHECK(compared == told.net.size() + told.devices.size());
}

double value_of(const std::vector<std::pair<std::string, double>>& in, const std::string& name) {
  for (const auto& [key, value] : in)
    if (key == name) return value;
  FAIL("no ", name);
  return 0;
}

// The curve's numbers of the moment.
void check_curve(const experiment::Moment& m, const Telling& told, double loss) {
  REQUIRE(m.size() == 3);
  CHECK(value_of(m, "training loss") == doctest::Approx(loss).epsilon(1e-10));
  CHECK(value_of(m, "validation accuracy on the source") == doctest::Approx(told.validation(0)));
  CHECK(value_of(m, "validation accuracy on seen devices") ==
        doctest::Approx((told.validation(0) + told.validation(1) + told.validation(2)) / 3));
}

void check_scores(const experiment::Outcome& out, const Telling& told) {
  std::vector<std::pair<std::string, double>> scores;
  for (const auto& s : out.scores) {
    CHECK(s.method == told.arm.name);
    scores.emplace_back(s.metric, s.value);
  }
  double unseen_sum = 0, seen_sum = 0;
  for (int d = 1; d < seen; ++d) seen_sum += told.accuracy(d);
  for (int d = seen; d < seen + unseen; ++d) unseen_sum += told.accuracy(d);
  const double source = told.accuracy(0), others = unseen_sum / unseen;
  CHECK(value_of(scores, "source@here") == doctest::Approx(source));
  CHECK(value_of(scores, "other seen@here") == doctest::Approx(seen_sum / (seen - 1)));
  CHECK(value_of(scores, "unseen@here") == doctest::Approx(others));
  CHECK(value_of(scores, "gap@here") == doctest::Approx(source - others));
  // clip by clip, the mean over devices
  REQUIRE(out.items.size() == 4);
  for (const auto& i : out.items) {
    REQUIRE(i.values.size() == test_clips);
    CHECK(i.groups == std::vector<int64_t>{100, 100, 101, 101, 102, 102, 103});
    for (size_t n = 0; n < test_clips; ++n) {
      const auto over = [&](int first, int last) {
        double sum = 0;
        for (int d = first; d < last; ++d) sum += told.hits(d)[n];
        return sum / (last - first);
      };
      const double expected = i.metric == "source@here"       ? over(0, 1)
                              : i.metric == "other seen@here" ? over(1, seen)
                              : i.metric == "unseen@here"     ? over(seen, seen + unseen)
                                                          : over(0, 1) - over(seen, seen + unseen);
      CHECK(i.values[n] == doctest::Approx(expected));
    }
  }
}

// Twenty steps of one row, and what it reports. each_step_anew: every step is compared from the
// trial's own values, for rounding in a deep net grows tenfold a step.
template <class Net>
void check_arm(const Arm& arm, const Settings& s, const std::shared_ptr<const Recordings>& data,
               const ToldNet& shape, bool each_step_anew) {
  const std::string row = arm.name;
  CAPTURE(row);
  RfnTrial<Net> t = trial<Net>({arm.name, "here", 5}, s, data);
  Telling told{arm, s, Random(5) / "rfn", data, shape};
  take_up(told, state_of(t));
  if (std::string(arm.norm) == "global") {
    // of the training clips alone
    const Map x = clips_of(data->train_x, whole(train_clips));
    const Moments m = moments(x, x.f, [](int, int, int f, int) { return f; });
    std::vector<double> mean, deviation;
    for (const Num& v : m.mean) mean.push_back(v.v);
    for (const Num& v : m.variance) deviation.push_back(std::sqrt(v.v + 1e-5));
    told.net.at("norms.0.global.mean") = mean;
    told.net.at("norms.0.global.deviation") = deviation;
  }
  check_same(state_of(t), told);
  const int steps = told.batches() * s.epochs;
  REQUIRE(steps == 20);
  for (int i = 0; i < steps; ++i) {
    const experiment::Moment m = t.step(i);
    const double loss = told.step(i);
    CAPTURE(i);
    check_same(state_of(t), told);
    if (each_step_anew) take_up(told, state_of(t));
    if (i % 10 != 9) {
      CHECK(m.empty());
    } else {
      check_curve(m, told, loss);  // after every five epochs of two batches
    }
  }
  const experiment::Outcome out = t.finish();
  check_scores(out, told);
  int64_t count = 0;
  for (const std::string& name : told.learned)
    count += static_cast<int64_t>(told.net.count(name) ? told.net.at(name).size() : 0);
  REQUIRE(out.parameters.size() == 1);
  CHECK(out.parameters[0] == std::pair<std::string, int64_t>{arm.name, count});
}

// What a run of regrad-rfn does, but few and small.
Settings settings() {
  Settings s;
  s.batch = 4, s.epochs = 10, s.log_every = 5, s.lr = 0.05, s.warmup = 0.25, s.information = false;
  s.momentum = 0.8, s.weight_decay = 0.02, s.dropout = 0.2, s.tau = 0.2;
  s.mix_p = 0.7, s.mix_alpha = 0.3, s.freq_mix_p = 0.6, s.freq_mix_alpha = 0.5;
  s.cross_step = 0.8, s.cross_share = 0.3, s.clipped_step = 6, s.cross_clip = 0.02;
  return s;
}

}  // namespace

TEST_CASE("the rows of the table are those of the second telling, in their order") {
  REQUIRE(methods().size() == arms().size());
  for (size_t i = 0; i < arms().size(); ++i)
    CHECK(methods()[i].name == std::string(arms()[i].name));
}

TEST_CASE("first values: the net's and the device net's are drawn apart, by the seed") {
  const auto drawn = [&](const auto& net, const char* layer, uint64_t seed) {
    using Net = std::decay_t<decltype(net)>;
    RfnTrial<Net> t = trial<Net>({"crossgrad", "here", seed}, settings(), made(32, 16));
    const State now = state_of(t);
    for (const auto& [folder, stream] : {std::pair{"net.", "init"}, {"devices.", "device"}}) {
      const Tensor& ours = now.parts.at(folder + std::string(layer) + ".weight");
      const double bound = 1 / std::sqrt(static_cast<double>(ours.numel() / ours.size(0)));
      const Random r = Random(seed) / "rfn" / stream / layer / "weight";
      CHECK(off(ours, uniform(r, ours.shape(), -bound, bound, DType::f64).to_vector()) < 1e-12);
    }
  };
  drawn(PooledNet(), "hidden", 5);
  drawn(PooledNet(), "hidden", 6);
  drawn(BcResnetAsc(), "head", 5);
}

TEST_CASE("the pilot's net: every row's twenty steps, curve and scores are as told") {
  const auto data = made(3, 13);
  for (const Arm& arm : arms())
    if (std::string(arm.change) != "mixstyle-inside")  // it has no stages
      check_arm<PooledNet>(arm, settings(), data, {.classes = classes}, false);
}

TEST_CASE("BC-ResNet-ASC: every row's twenty steps, curve and scores are as told") {
  Settings s = settings();
  s.lr = 0.01;  // a net of two channels is ill-conditioned
  const auto data = made(32, 16);
  for (const Arm& arm : arms())
    check_arm<BcResnetAsc>(arm, s, data, {.classes = classes, .channels = 2}, true);
}

TEST_CASE("BC-ResNet for keyword spotting: norms at the same places, maps restyled inside") {
  Settings s = settings();
  s.lr = 0.01, s.tau = 0.25;
  for (const Arm& arm : arms())
    for (const char* name : {"in", "rfn-0.1", "ifn-input", "global", "bin", "mixstyle-inside"})
      if (std::string(arm.name) == name) {
        const bool published = arm.everywhere;  // 40 bands, of which five sub-bands
        check_arm<KeywordNet>(
            arm, s, made(published ? 40 : 64, 9),
            {.classes = classes, .channels = 2, .keyword_bands = published ? 5 : 4}, true);
      }
}

TEST_CASE("mixup: clips, classes and devices by the same shares, in every kind of row") {
  Settings s = settings();
  s.mixup = 0.4;
  for (const Arm& arm : arms())
    for (const char* name : {"rfn", "mixstyle", "crossgrad", "crossgrad-clipped"})
      if (std::string(arm.name) == name)
        check_arm<PooledNet>(arm, s, made(3, 13), {.classes = classes}, false);
}

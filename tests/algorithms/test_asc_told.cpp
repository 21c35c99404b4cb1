// A row of regrad-asc against a second telling in plain f64 (rfn_told.h): translation, training,
// pruning, fine-tuning without and with a teacher at 8-bit weights, and what is deployed; twenty
// steps of each of the trial itself. Audio.md section 1.
#include <doctest/doctest.h>
#include <regrad/algorithms/asc/experiment/trial.h>

#include <set>

#include "rfn_recordings.h"

using namespace regrad;
using namespace regrad::asc;
using regrad::test::Arm;
using regrad::test::each_cell;
using regrad::test::Map;
using regrad::test::map_of;
using regrad::test::Num;
using regrad::test::Numbers;
using regrad::test::Pass;
using regrad::test::Tape;
using regrad::test::ToldNet;

namespace {

constexpr int mels = 32, frames = 24, clips = 10, held_clips = 9, classes = 3, width = 2;

// Three seen devices, two unseen; clips 6 to 9 are not the source's, which has heard them too.
std::shared_ptr<const Recordings> few(DType t = DType::f64) {
  Recordings d = test::recordings(mels, frames);
  d.devices.resize(5), d.test_x.resize(5), d.test_y.resize(5);
  const Random r(31);
  const auto drawn = [&](const char* name, const Shape& s) {
    return normal(r / name, s, -1, 1.5, DType::f64);
  };
  d.pair_of = tensor({6, 7, 8, 9}, DType::i64);
  d.pair_x = index_select(d.train_x, 0, d.pair_of) + drawn("pairs", {mels, 1});
  for (int k = 0; k < 3; ++k) {
    const std::string name = "held " + std::to_string(k);
    d.validation_x.push_back(drawn(name.c_str(), {held_clips, 1, mels, frames}));
    d.validation_y.push_back(randint(r / "held y" / k, 0, classes, {held_clips}));
  }
  for (size_t k = 0; k < 5; ++k) d.test_group.push_back({0, 1, 2, 3, 4, 5, 6});
  for (Tensor* x : {&d.train_x, &d.pair_x}) *x = x->to(t);
  for (auto* list : {&d.validation_x, &d.test_x})
    for (Tensor& x : *list) x = x.to(t);
  d.front.mel.hop = 1, d.front.mel.rate = 1;  // a frame a second
  return std::make_shared<const Recordings>(d);
}

// Four channels and small steps: with two, or larger steps, the net enlarges a difference tenfold a
// step, for channels that are all but constant are divided by their deviation.
Settings settings() {
  Settings s;
  s.tau = 0.4, s.lambda = 0.3, s.dropout = 0.2;
  s.epochs = 10, s.batch = 5, s.lr = 5e-4, s.momentum = 0.8, s.weight_decay = 0.01, s.warmup = 0.25,
  s.log_every = 1, s.roll = 0, s.mixup = 0.4;
  s.translation.steps = 20, s.translation.batch = 3, s.translation.crop = 5,
  s.translation.width = width, s.translation.lr = 0.02, s.translation.rate = 0.6;
  s.compress = true;
  s.compression.ratio = 0.4, s.compression.epochs = 10, s.compression.lr = 4e-4,
  s.compression.share = 0.3, s.compression.temperature = 3;
  return s;
}

template <class Net>
Numbers numbers_of(const Net& net) {
  Numbers out;
  each(net, [&](const std::string& name, const Tensor& t, bool) {
    if (t.defined()) out[name] = t.to_vector();
  });
  return out;
}
template <class Net>
std::vector<std::string> learned_of(const Net& net) {
  std::vector<std::string> out;
  for (const auto& [name, t] : named_parameters(net)) out.push_back(name);
  return out;
}

double rounded(double v, double step) { return step > 0 ? std::nearbyint(v / step) * step : 0; }
// To 11 digits; none of the numbers here is subnormal or too large.
double halved(double v) {
  return v == 0 ? 0 : rounded(v, std::pow(2.0, std::floor(std::log2(std::abs(v))) - 10));
}
// l s with whole l: [-127, 127], or [0, 255] where nothing is below 0.
std::vector<double> at_8_bits(const std::vector<double>& w) {
  double low = 0, high = 0;
  for (const double v : w) low = std::min(low, v), high = std::max(high, v);
  const double step = low < 0 ? std::max(-low, high) / 127 : high / 255;
  std::vector<double> out;
  for (const double v : w) out.push_back(rounded(v, step));
  return out;
}

using Labels = std::vector<std::vector<double>>;

struct Telling {
  Settings s;
  Random random;
  std::shared_ptr<const Recordings> data;
  bool translates;
  Arm arm;
  std::vector<std::string> learned = {}, learned_g = {}, convolutions = {};
  Numbers net = {}, velocity = {}, g = {}, g_mean = {}, g_square = {}, mask = {};
  std::array<Numbers, 2> student = {}, student_velocity = {};
  ToldNet shape{classes, 4};

  int batches() const { return clips / s.batch; }
  double scheduled(int i, int steps, double lr) const {
    const int climb = static_cast<int>(s.warmup * steps);
    if (i < climb) return lr * i / climb;
    return lr * 0.5 * (1 + std::cos(M_PI * (i - climb) / (steps - climb)));
  }
  // Convolutions' weights times their masks, then at 8 bits, straight through; a leaf for each
  // parameter.
  Pass pass(const Numbers& of, Tape* tape, bool masked, bool quantized,
            std::map<std::string, std::vector<Num>>* leaves = nullptr) const {
    Pass p{arm, {}, tape != nullptr, nullptr, s.dropout};
    for (const auto& [name, values] : of) {
      std::vector<Num>& at = p.at[name];
      for (const double v : values) at.push_back(tape ? tape->leaf(v) : Num(v));
      if (leaves) (*leaves)[name] = at;
      if (std::find(convolutions.begin(), convolutions.end(), name) == convolutions.end()) continue;
      if (masked)
        for (size_t k = 0; k < at.size(); ++k) at[k] = at[k] * mask.at(name)[k];
      if (!quantized) continue;
      std::vector<double> w;
      for (const Num& v : at) w.push_back(v.v);
      w = at_8_bits(w);
      for (size_t k = 0; k < at.size(); ++k) at[k] = Num(w[k], at[k].at);
    }
    return p;
  }
  void descend(Numbers& of, Numbers& v, const std::map<std::string, std::vector<Num>>& leaves,
               const std::vector<double>& d, double lr) const {
    for (const std::string& name : learned) {
      std::vector<double>&w = of.at(name), &m = v[name];
      m.resize(w.size(), 0.0);
      for (size_t k = 0; k < w.size(); ++k) {
        m[k] = s.momentum * m[k] + d[static_cast<size_t>(leaves.at(name)[k].at)] +
               s.weight_decay * w[k];
        w[k] -= lr * m[k];
      }
    }
  }

  // G(x, d) = scale_d (x + spread (h((x - centre) / spread, d) + shift_d)).
  Map translated_by(const std::map<std::string, std::vector<Num>>& at, const Map& x,
                    const std::vector<int>& d) const {
    Pass p{arm};
    p.at = at;
    const Num centre = at.at("centre")[0], spread = at.at("spread")[0];
    const Pass::Shape same{.high = 3, .wide = 3, .pad_f = 1, .pad_t = 1};
    Map h =
        map_of(x, [&](int n, int c, int f, int t) { return (x(n, c, f, t) - centre) / spread; });
    h = p.conv(h, "first", width, same);
    h = test::told_relu(map_of(h, [&](int n, int c, int f, int t) {
      return h(n, c, f, t) +
             at.at("device")[static_cast<size_t>(d[static_cast<size_t>(n)] * width + c)];
    }));
    h = test::told_relu(p.conv(h, "second", width, same));
    h = p.conv(test::told_relu(p.conv(h, "third", width, same)), "last", 1, same);
    return map_of(x, [&](int n, int c, int f, int t) {
      const auto k = static_cast<size_t>(d[static_cast<size_t>(n)] * mels + f);
      return at.at("scale")[k] * (x(n, c, f, t) + spread * (h(n, c, f, t) + at.at("shift")[k]));
    });
  }
  std::map<std::string, std::vector<Num>> of_g(Tape* tape) const {
    std::map<std::string, std::vector<Num>> at;
    for (const auto& [name, values] : g)
      for (const double v : values)
        at[name].push_back(tape && name != "centre" && name != "spread" ? tape->leaf(v) : Num(v));
    return at;
  }
  // Adam on mean |G(x, d) - y|.
  double step_translation(int i) {
    const Random r = random / "pairs" / i;
    const std::vector<int64_t> at =
        randint(r / "pair", 0, 4, {s.translation.batch}).to_vector<int64_t>();
    const auto begin = static_cast<int>((r / "crop").integer(0, frames - s.translation.crop + 1));
    const std::vector<int64_t> device = data->train_device.to_vector<int64_t>();
    std::vector<int> from, to, d;
    for (const int64_t k : at)
      from.push_back(static_cast<int>(k)), to.push_back(static_cast<int>(6 + k)),
          d.push_back(static_cast<int>(device[static_cast<size_t>(6 + k)]));
    const auto cut = [&](const Map& x) {
      Map out(x.n, 1, x.f, s.translation.crop);
      each_cell(out, [&](int n, int, int f, int t) { out(n, 0, f, t) = x(n, 0, f, begin + t); });
      return out;
    };
    const Map x = cut(test::clips_of(data->pair_x, from)),
              y = cut(test::clips_of(data->train_x, to));
    Tape tape;
    const auto leaves = of_g(&tape);
    const Map z = translated_by(leaves, x, d);
    Num loss;
    each_cell(z, [&](int n, int c, int f, int t) {
      const Num apart = z(n, c, f, t) - y(n, c, f, t);
      loss += apart * ((apart.v > 0 ? 1 : -1) / static_cast<double>(z.x.size()));
    });
    const std::vector<double> slope = tape.derivatives(loss);
    const double lr = s.translation.lr * 0.5 * (1 + std::cos(M_PI * i / s.translation.steps));
    for (const std::string& name : learned_g)
      for (size_t k = 0; k < g[name].size(); ++k) {
        std::vector<double>&m = g_mean[name], &v = g_square[name];
        m.resize(g[name].size(), 0.0), v.resize(g[name].size(), 0.0);
        const double e = slope[static_cast<size_t>(leaves.at(name)[k].at)];
        m[k] = 0.9 * m[k] + 0.1 * e, v[k] = 0.999 * v[k] + 0.001 * e * e;
        g[name][k] -= lr * (m[k] / (1 - std::pow(0.9, i + 1))) /
                      (std::sqrt(v[k] / (1 - std::pow(0.999, i + 1))) + 1e-8);
      }
    return loss.v;
  }

  // Clips in an order of their own each epoch; those of the source translated to a seen device now
  // and then; mixed with a partner.
  std::pair<Map, Labels> batch(int i, const Random& r) const {
    const std::vector<int64_t> order =
        randperm(r / "order" / int64_t{i / batches()}, clips).to_vector<int64_t>();
    const std::vector<int64_t> device = data->train_device.to_vector<int64_t>(),
                               label = data->train_y.to_vector<int64_t>();
    std::vector<int> at;
    Labels y;
    for (int k = 0; k < s.batch; ++k) {
      at.push_back(static_cast<int>(order[static_cast<size_t>(i % batches() * s.batch + k)]));
      y.emplace_back(classes, 0.0);
      y.back()[static_cast<size_t>(label[static_cast<size_t>(at.back())])] = 1;
    }
    Map x = test::clips_of(data->train_x, at);
    if (translates) {
      std::vector<int> to(at.size(), 0);
      for (int k = 0; k < s.batch; ++k) {
        const Random own = r / "translated" / i / k;
        if (device[static_cast<size_t>(at[static_cast<size_t>(k)])] == 0 &&
            own.uniform(0) < s.translation.rate)
          to[static_cast<size_t>(k)] = static_cast<int>(1 + own.integer(1, 2));
      }
      const Map z = translated_by(of_g(nullptr), x, to);
      x = map_of(x, [&](int n, int c, int f, int t) {
        return to[static_cast<size_t>(n)] ? z(n, c, f, t) : x(n, c, f, t);
      });
    }
    if (s.mixup <= 0) return {x, y};
    const Random mix = r / "mixup" / i;
    const std::vector<int64_t> partner = randperm(mix / "partner", s.batch).to_vector<int64_t>();
    std::vector<double> l;
    for (int k = 0; k < s.batch; ++k) l.push_back(beta(mix / "l" / k, s.mixup, s.mixup));
    Labels soft = y;
    for (size_t n = 0; n < y.size(); ++n)
      for (size_t k = 0; k < classes; ++k)
        soft[n][k] = l[n] * y[n][k] + (1 - l[n]) * y[static_cast<size_t>(partner[n])][k];
    return {map_of(x,
                   [&](int n, int c, int f, int t) {
                     const auto k = static_cast<size_t>(n);
                     return x(n, c, f, t) * l[k] +
                            x(static_cast<int>(partner[k]), c, f, t) * (1 - l[k]);
                   }),
            soft};
  }

  double step_training(int i) {
    const auto [x, y] = batch(i, random / "training");
    const Random drops = random / "pass" / i;
    Tape tape;
    std::map<std::string, std::vector<Num>> leaves;
    Pass p = pass(net, &tape, false, false, &leaves);
    p.drops = &drops;
    const Num loss = test::told_loss(shape.logits(p, x), y);
    descend(net, velocity, leaves, tape.derivatives(loss),
            scheduled(i, batches() * s.epochs, s.lr));
    for (const auto& [name, values] : p.running) net[name] = values;
    return loss.v;
  }

  // The share of all convolutions' weights of least magnitude becomes 0.
  void prune(size_t k) {
    std::vector<double> sizes;
    for (const std::string& name : convolutions)
      for (const double v : net.at(name)) sizes.push_back(std::abs(v));
    std::sort(sizes.begin(), sizes.end());
    const auto cut =
        static_cast<size_t>(std::llround(s.compression.ratio * static_cast<double>(sizes.size())));
    student[k] = net;
    for (const std::string& name : convolutions) {
      mask[name].clear();
      for (double& v : student[k].at(name)) {
        mask[name].push_back(std::abs(v) < sizes[cut] ? 0 : 1);
        if (mask[name].back() == 0) v = 0;
      }
    }
  }
  double step_tuning(int i, bool distilled) {
    if (i == 0) prune(distilled);
    const auto [x, y] = batch(i, random / "fine-tuning");
    const Random drops = random / "fine pass" / i;
    Tape tape;
    std::map<std::string, std::vector<Num>> leaves;
    Pass p = pass(student[distilled], &tape, true, s.compression.quantized, &leaves);
    p.drops = &drops;
    const Map z = shape.logits(p, x);
    Num loss = test::told_loss(z, y);
    if (distilled) {
      Pass of_teacher = pass(net, nullptr, false, false);  // the net before pruning
      const Map teacher = shape.logits(of_teacher, x);
      const double t = s.compression.temperature;
      Num apart;
      for (int n = 0; n < z.n; ++n) {
        Num sum, sum_t;
        for (int k = 0; k < classes; ++k)
          sum += exp(z(n, k, 0, 0) / t), sum_t += exp(teacher(n, k, 0, 0) / t);
        for (int k = 0; k < classes; ++k) {
          const double q = std::exp(teacher(n, k, 0, 0).v / t) / sum_t.v;
          apart += (Num(std::log(q)) - (z(n, k, 0, 0) / t - log(sum))) * q / z.n;
        }
      }
      loss = loss * (1 - s.compression.share) + apart * (t * t * s.compression.share);
    }
    descend(student[distilled], student_velocity[distilled], leaves, tape.derivatives(loss),
            scheduled(i, batches() * s.compression.epochs, s.compression.lr));
    for (const auto& [name, values] : p.running) student[distilled][name] = values;
    return loss.v;
  }

  // Channels that hardly varied are their norm's bias.
  Numbers quiet(Numbers of) const {
    for (auto& [name, var] : of) {
      const size_t at = name.rfind("running_var");
      if (at == std::string::npos) continue;
      for (size_t k = 0; k < var.size(); ++k)
        if (var[k] < 1e-7) of.at(name.substr(0, at) + "weight")[k] = 0;
    }
    return of;
  }
  std::vector<std::vector<double>> logits(Pass p, const Tensor& x) const {
    const Map z = shape.logits(p, test::clips_of(x, test::whole(static_cast<int>(x.size(0)))));
    std::vector<std::vector<double>> out;
    for (int n = 0; n < z.n; ++n) {
      out.emplace_back();
      for (int k = 0; k < classes; ++k) out.back().push_back(z(n, k, 0, 0).v);
    }
    return out;
  }
  double accuracy(const Pass& p, const std::vector<Tensor>& x, const std::vector<Tensor>& y) const {
    double sum = 0;
    for (size_t d = 0; d < x.size(); ++d) {
      const auto z = logits(p, x[d]);
      const std::vector<int64_t> label = y[d].to_vector<int64_t>();
      double right = 0;
      for (size_t n = 0; n < z.size(); ++n)
        right += std::max_element(z[n].begin(), z[n].end()) - z[n].begin() == label[n];
      sum += 100 * right / static_cast<double>(z.size());
    }
    return sum / static_cast<double>(x.size());
  }
};

Telling told(const Settings& s, const std::shared_ptr<const Recordings>& data, const AscTrial& t,
             const Arm& arm, bool translates) {
  Telling out{s, Random(3) / "asc", data, translates, arm};
  out.net = numbers_of(t.now().net), out.learned = learned_of(t.now().net);
  for (const auto& [name, p] : named_parameters(t.now().net))
    if (p.dim() == 4) out.convolutions.push_back(name);
  if (!translates) return out;
  out.g = numbers_of(t.now().translation), out.learned_g = learned_of(t.now().translation);
  // Mean and deviation of what the source heard of the pairs.
  const std::vector<double> all = data->pair_x.to_vector();
  double sum = 0, square = 0;
  for (const double v : all) sum += v;
  const double mean = sum / static_cast<double>(all.size());
  for (const double v : all) square += (v - mean) * (v - mean);
  out.g["centre"] = {mean};
  out.g["spread"] = {std::sqrt(square / static_cast<double>(all.size())) + 1e-5};
  return out;
}

// Relative to the largest of a tensor; gradients of a bias before a norm are rounding, so below
// 1e-3 to that.
void check_near(const std::string& name, const std::vector<double>& a,
                const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double apart = 0, largest = 1e-3;
  for (size_t k = 0; k < a.size(); ++k)
    apart = std::max(apart, std::abs(a[k] - b[k])), largest = std::max(largest, std::abs(b[k]));
  CHECK_MESSAGE(apart <= 1e-10 * largest, name << ": " << apart << " of " << largest);
}
template <class Net>
void check_net(const char* what, const Numbers& by_hand, const Net& net) {
  for (const auto& [name, values] : numbers_of(net))
    check_near(what + (": " + name), by_hand.at(name), values);
}
void check_list(const char* what, const Numbers& by_hand, const std::vector<std::string>& names,
                const std::vector<Tensor>& list) {
  REQUIRE(names.size() == list.size());
  for (size_t k = 0; k < names.size(); ++k)
    check_near(what + (": " + names[k]), by_hand.at(names[k]), list[k].to_vector());
}
double number_in(const experiment::Moment& m, const std::string& name) {
  for (const auto& [called, value] : m)
    if (called == name) return value;
  FAIL_CHECK("no " << name);
  return std::nan("");
}
void check_curve(const Telling& by_hand, const experiment::Moment& m, const std::string& of,
                 double loss, const Pass& p) {
  CHECK(number_in(m, of + "training loss") == doctest::Approx(loss).epsilon(1e-10));
  CHECK(number_in(m, of + "validation accuracy") ==
        doctest::Approx(by_hand.accuracy(p, by_hand.data->validation_x, by_hand.data->validation_y))
            .epsilon(1e-12));
}

}  // namespace

TEST_CASE("a row of regrad-asc is its second telling: translation, training, fine-tuning twice") {
  const Settings s = settings();
  const auto data = few();
  AscTrial trial({"resnorm-g", "", 3}, s, data);
  Telling by_hand = told(s, data, trial, {"resnorm", "resnorm", 0.3, true, ""}, true);
  check_net("G at first", by_hand.g, trial.now().translation);
  for (int i = 0; i < 20; ++i) {
    const experiment::Moment m = trial.step(i);
    const double loss = by_hand.step_translation(i);
    if (i % 20 == 0 || i % 2 == 1)
      CHECK(number_in(m, "L1 of the translation") == doctest::Approx(loss).epsilon(1e-10));
  }
  check_net("G", by_hand.g, trial.now().translation);
  check_list("Adam's mean", by_hand.g_mean, by_hand.learned_g, trial.now().adam.m);
  check_list("Adam's square", by_hand.g_square, by_hand.learned_g, trial.now().adam.v);
  for (int i = 0; i < 20; ++i) {
    const experiment::Moment m = trial.step(20 + i);
    const double loss = by_hand.step_training(i);
    CHECK(m.empty() == (i % 2 == 0));
    if (!m.empty())
      check_curve(by_hand, m, "", loss, by_hand.pass(by_hand.net, nullptr, false, false));
  }
  check_net("net", by_hand.net, trial.now().net);
  check_list("velocity", by_hand.velocity, by_hand.learned, trial.now().sgd.velocity);
  for (const bool distilled : {false, true}) {
    const char* of = distilled ? "fine-tuning with KD: " : "fine-tuning without KD: ";
    for (int i = 0; i < 20; ++i) {
      const experiment::Moment m = trial.step(40 + 20 * distilled + i);
      const double loss = by_hand.step_tuning(i, distilled);
      if (!m.empty())
        check_curve(by_hand, m, of, loss,
                    by_hand.pass(by_hand.quiet(by_hand.student[distilled]), nullptr, true, true));
    }
    check_net(of, by_hand.student[distilled], trial.now().students[distilled]);
    check_list(of, by_hand.student_velocity[distilled], by_hand.learned,
               trial.now().student_sgd[distilled].velocity);
  }
  check_net("teacher", by_hand.net, trial.now().net);
  int64_t pruned = 0, all = 0;
  for (size_t k = 0; k < by_hand.learned.size(); ++k) {
    const std::string& name = by_hand.learned[k];
    const std::vector<double> mask = trial.now().masks[k].to_vector();
    if (by_hand.mask.count(name)) {
      CHECK(mask == by_hand.mask.at(name));
      pruned += std::count(mask.begin(), mask.end(), 0.0), all += trial.now().masks[k].numel();
    } else {
      CHECK(mask == std::vector<double>(mask.size(), 1.0));
    }
  }
  CHECK(pruned == std::llround(0.4 * static_cast<double>(all)));

  // What is deployed: 8-bit weights, y = x s + t in half precision.
  Numbers small = by_hand.quiet(by_hand.student[1]);
  for (const std::string& name : by_hand.convolutions) {
    for (size_t k = 0; k < small[name].size(); ++k) small[name][k] *= by_hand.mask[name][k];
    small[name] = at_8_bits(small[name]);
  }
  for (double& v : small["classifier.bias"]) v = halved(v);
  for (auto& [name, var] : small) {
    const size_t at = name.rfind("running_var");
    if (at == std::string::npos) continue;
    std::vector<double>&w = small[name.substr(0, at) + "weight"],
    &b = small[name.substr(0, at) + "bias"], &mean = small[name.substr(0, at) + "running_mean"];
    for (size_t k = 0; k < w.size(); ++k) {
      w[k] = halved(w[k] / std::sqrt(var[k] + 1e-5));
      b[k] = halved(b[k] - mean[k] * w[k]);
      mean[k] = 0, var[k] = 1 - 1e-5;
    }
  }
  const Deployed out = deployed(trial.now().students[1], trial.now().masks, data->train_x, 10);
  REQUIRE(out.wide == 0);
  check_net("deployed", small, out.net);
  const Tensor z = logits_of(out.net, data->test_x[3], 3);
  std::vector<double> flat;
  for (const auto& row :
       by_hand.logits(by_hand.pass(small, nullptr, false, false), data->test_x[3]))
    flat.insert(flat.end(), row.begin(), row.end());
  check_near("logits", flat, z.to_vector());
}

TEST_CASE("every row of BC-ResNet-ASC likewise, and weights that are not rounded") {
  Settings s = settings();
  s.compression.quantized = false, s.compression.epochs = 1, s.epochs = 2, s.mixup = 0;
  s.translation.steps = 6;
  const auto data = few();
  struct Row {
    const char *method, *norm;
    double lambda = 0;
    bool translates = false;
    int channels = 4;
  };
  // audio.md section 1; the settings' lambda is 0.3.
  for (const Row& row :
       {Row{"baseline", "none"}, Row{"resnorm", "resnorm", 0.3}, Row{"baseline-g", "none", 0, true},
        Row{"global", "global"}, Row{"in", "in"}, Row{"ifn", "ifn"},
        Row{"resnorm-0.5", "resnorm", 0.5}, Row{"resnorm-1", "resnorm", 1},
        Row{"asc-1", "none", 0, false, 10}, Row{"asc-1-resnorm", "resnorm", 0.3, false, 10}}) {
    CAPTURE(std::string(row.method));
    AscTrial trial({row.method, "", 3}, s, data);
    Telling by_hand =
        told(s, data, trial, {row.method, row.norm, row.lambda, true, ""}, row.translates);
    by_hand.shape.channels = row.channels;
    if (row.norm == std::string("global")) {  // mean and deviation of the training clips
      std::vector<double> mean(mels, 0.0), square(mels, 0.0);
      const std::vector<double> all = data->train_x.to_vector();
      for (size_t k = 0; k < all.size(); ++k) mean[k / frames % mels] += all[k] / (clips * frames);
      for (size_t k = 0; k < all.size(); ++k)
        square[k / frames % mels] += std::pow(all[k] - mean[k / frames % mels], 2);
      for (double& v : square) v = std::sqrt(v / (clips * frames) + 1e-5);
      by_hand.net["norms.0.global.mean"] = mean, by_hand.net["norms.0.global.deviation"] = square;
    }
    const int first = row.translates ? s.translation.steps : 0;
    for (int i = 0; i < first; ++i) trial.step(i), by_hand.step_translation(i);
    for (int i = 0; i < 4; ++i) trial.step(first + i), by_hand.step_training(i);
    check_net("net", by_hand.net, trial.now().net);
    for (const bool distilled : {false, true}) {
      for (int i = 0; i < 2; ++i)
        trial.step(first + 4 + 2 * distilled + i), by_hand.step_tuning(i, distilled);
      check_net("student", by_hand.student[distilled], trial.now().students[distilled]);
    }
  }
}

// --task keywords: what a word's spectrogram is, whose clips are in which part, and twenty steps of
// a row told again in plain f64 (rfn_told.h).
#include <doctest/doctest.h>
#include <regrad/algorithms/asc/experiment/keywords.h>
#include <regrad/algorithms/asc/experiment/table.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/nets/bcresnet.h>

#include <cmath>
#include <set>

#include "../temp_folder.h"
#include "rfn_recordings.h"

using namespace regrad;
using namespace regrad::asc;
using regrad::test::complaint;
using regrad::test::Map;
using regrad::test::map_of;
using regrad::test::Num;
using regrad::test::Numbers;
using regrad::test::Pass;
using regrad::test::Tape;

namespace {

double apart(const Tensor& a, const Tensor& b) { return amax(abs(a - b)).item(); }

constexpr int mels = 40, frames = 8, clips = 10, classes = 3;

std::shared_ptr<const Keywords> few(DType t) {
  const Random r(61);
  Keywords d;
  const auto set = [&](const char* name, int64_t n) {
    return Keywords::Set{normal(r / name, {n, 1, mels, frames}, -1, 1.5, t),
                         randint(r / name / "y", 0, classes, {n})};
  };
  d.train = set("train", clips), d.validation = set("held", 7), d.test = set("test", 9);
  d.test_group = {0, 0, 1, 1, 2, 3, 4, 5, 6}, d.classes = {"a", "b", "c"};
  return std::make_shared<const Keywords>(d);
}
KeywordSettings quick() {
  KeywordSettings s;
  s.epochs = 4, s.batch = 2, s.lr = 1e-3, s.momentum = 0.8, s.weight_decay = 0.02, s.warmup = 0.25;
  s.log_every = 1, s.dropout = 0.2, s.mask = false;
  return s;
}

struct Size {
  int out, high, wide, stride_f = 1, pad_f = 0, pad_t = 0, dilation = 1;
  bool each_channel = false;
};
Map conv(const Pass& p, const Map& x, const std::string& name, const Size& s) {
  const std::vector<Num>& w = p.of(name + ".weight");
  Map y(x.n, s.out, (x.f + 2 * s.pad_f - s.high) / s.stride_f + 1,
        x.t + 2 * s.pad_t - s.dilation * (s.wide - 1));
  const int in = s.each_channel ? 1 : x.c;
  const bool biased = p.at.count(name + ".bias") > 0;
  std::vector<std::pair<Num, Num>> products;
  test::each_cell(y, [&](int n, int o, int f, int t) {
    products.clear();
    for (int i = 0; i < in; ++i)
      for (int a = 0; a < s.high; ++a)
        for (int b = 0; b < s.wide; ++b) {
          const int k = f * s.stride_f + a - s.pad_f, l = t + b * s.dilation - s.pad_t;
          if (k < 0 || l < 0 || k >= x.f || l >= x.t) continue;
          products.emplace_back(w[static_cast<size_t>(((o * in + i) * s.high + a) * s.wide + b)],
                                x(n, s.each_channel ? o : i, k, l));
        }
    y(n, o, f, t) =
        test::dot(biased ? p.of(name + ".bias")[static_cast<size_t>(o)] : Num(0), products);
  });
  return y;
}
// A block: f2 over frequencies, f1 over frames of f2's mean (audio.md section 1).
Map block(Pass& p, const Map& x, int index, int out, bool transition, int stride, int dilation,
          int bands) {
  const std::string name = "blocks." + std::to_string(index);
  Map u = x;
  if (transition)
    u = test::told_relu(
        p.batch_norm(conv(p, x, name + ".enter", {out, 1, 1}), name + ".enter_norm", 1));
  const Map f2 = p.batch_norm(
      conv(
          p, u, name + ".over_freq",
          {.out = out, .high = 3, .wide = 1, .stride_f = stride, .pad_f = 1, .each_channel = true}),
      name + ".freq_norm", bands);
  Map f1 = p.batch_norm(conv(p, test::told_mean(f2, false), name + ".over_time",
                             {.out = out,
                              .high = 1,
                              .wide = 3,
                              .pad_t = dilation,
                              .dilation = dilation,
                              .each_channel = true}),
                        name + ".time_norm", 1);
  f1 = map_of(f1, [&](int n, int c, int f, int t) {
    return f1(n, c, f, t) / (Num(1) + exp(Num(0) - f1(n, c, f, t)));
  });
  f1 = conv(p, f1, name + ".mix", {out, 1, 1});
  if (p.training) {
    const std::vector<double> kept =
        dropout2d(ones({f1.n, f1.c, 1, 1}, DType::f64), p.dropout, *p.drops / "dropout" / index)
            .to_vector();
    f1 = map_of(f1, [&](int n, int c, int f, int t) {
      return f1(n, c, f, t) * kept[static_cast<size_t>(n * f1.c + c)];
    });
  }
  return map_of(f2, [&](int n, int c, int f, int t) {
    const Num y = f2(n, c, f, t) + f1(n, c, 0, t);
    return relu(transition ? y : y + x(n, c, f, t));
  });
}
// BC-ResNet-1: 8 channels.
Map logits(Pass& p, const Map& x, int bands) {
  Map y = test::told_relu(p.batch_norm(
      conv(p, x, "head", {.out = 16, .high = 5, .wide = 5, .stride_f = 2, .pad_f = 2, .pad_t = 2}),
      "head_norm", 1));
  int index = 0;
  for (int stage = 0; stage < 4; ++stage)
    for (int i = 0; i < (stage < 2 ? 2 : 4); ++i, ++index)
      y = block(p, y, index, 8 + 4 * stage, i == 0, i == 0 && (stage == 1 || stage == 2) ? 2 : 1,
                1 << stage, bands);
  y = conv(p, y, "tail", {.out = 20, .high = 5, .wide = 5, .pad_t = 2, .each_channel = true});
  y = test::told_relu(p.batch_norm(conv(p, y, "widen", {32, 1, 1}), "widen_norm", 1));
  return conv(p, test::told_mean(y, true), "classifier", {classes, 1, 1});
}

}  // namespace

TEST_CASE("keywords: twenty steps of a row, told again") {
  const KeywordSettings s = quick();
  const auto data = few(DType::f64);
  for (const bool banded : {true, false}) {
    const auto trial = keyword_trial({banded ? "bcresnet-1" : "bcresnet-1-bn", "", 5}, s, data);
    const Random r = Random(5) / "keywords";
    Numbers net, velocity;
    std::set<std::string> learned;
    trial->state([&](const std::string& name, Tensor& t) {
      if (name.rfind("net.", 0) != 0) return;
      net[name.substr(4)] = t.to_vector();
      if (t.requires_grad()) learned.insert(name.substr(4));
    });
    CHECK(learned.size() > 60);
    const std::vector<int64_t> label = data->train.y.to_vector<int64_t>();
    for (int i = 0; i < (banded ? 20 : 4); ++i) {
      const experiment::Moment m = trial->step(i);
      const std::vector<int64_t> order =
          randperm(r / "order" / int64_t{i / 5}, clips).to_vector<int64_t>();
      std::vector<int> at;
      std::vector<std::vector<double>> y;
      for (int k = 2 * (i % 5); k < 2 * (i % 5) + 2; ++k) {
        at.push_back(static_cast<int>(order[static_cast<size_t>(k)]));
        y.emplace_back(classes, 0.0);
        y.back()[static_cast<size_t>(label[static_cast<size_t>(at.back())])] = 1;
      }
      Tape tape;
      const Random drops = r / "pass" / i;
      Pass p{{}, {}, true, &drops, s.dropout};
      for (const auto& [name, values] : net)
        for (const double v : values) p.at[name].push_back(tape.leaf(v));
      const Num loss =
          test::told_loss(logits(p, test::clips_of(data->train.x, at), banded ? 5 : 1), y);
      const std::vector<double> d = tape.derivatives(loss);
      const double lr = i < 5 ? s.lr * i / 5 : s.lr * 0.5 * (1 + std::cos(M_PI * (i - 5) / 15.0));
      for (const std::string& name : learned) {
        std::vector<double>&w = net[name], &v = velocity[name];
        v.resize(w.size(), 0.0);
        for (size_t k = 0; k < w.size(); ++k) {
          v[k] =
              s.momentum * v[k] + d[static_cast<size_t>(p.of(name)[k].at)] + s.weight_decay * w[k];
          w[k] -= lr * v[k];
        }
      }
      for (const auto& [name, values] : p.running) net[name] = values;
      if (i % 5 != 4) continue;
      REQUIRE(m.size() == 2);
      CHECK(m[1].second == doctest::Approx(loss.v).epsilon(1e-9));
    }
    trial->state([&](const std::string& name, Tensor& t) {
      if (name.rfind("net.", 0) != 0) return;
      const std::vector<double> is = t.to_vector(), due = net.at(name.substr(4));
      double off = 0, largest = 1e-3;
      for (size_t k = 0; k < is.size(); ++k)
        off = std::max(off, std::abs(is[k] - due[k])),
        largest = std::max(largest, std::abs(due[k]));
      CHECK_MESSAGE(off <= 1e-10 * largest, name << ": " << off << " of " << largest);
    });
  }
}

TEST_CASE("keywords: the score is of the test part, the curve of validation; masks by width") {
  const auto data = few(DType::f32);
  KeywordSettings s = quick();
  const auto run = [&](const Keywords& d, const char* method = "bcresnet-1") {
    const auto trial = keyword_trial({method, "", 5}, s, std::make_shared<const Keywords>(d));
    std::vector<experiment::Moment> curve;
    for (int i = 0; i < 20; ++i) curve.push_back(trial->step(i));
    return std::pair{curve, trial->finish()};
  };
  const auto score = [](const experiment::Outcome& out, const std::string& name) {
    for (const experiment::Score& x : out.scores)
      if (x.metric == name) return x.value;
    return std::nan("");
  };
  const auto [curve, out] = run(*data);
  CHECK(curve[4][0].first == "validation accuracy");
  CHECK(curve[19][0].second == score(out, "validation"));
  REQUIRE(out.items.size() == 1);
  CHECK(out.items[0].values.size() == 9);
  CHECK(out.items[0].groups == data->test_group);
  CHECK(experiment::mean(out.items[0].values) == doctest::Approx(score(out, "accuracy")));
  Keywords other = *data;
  std::vector<int64_t> next = other.test.y.to_vector<int64_t>();
  for (int64_t& y : next) y = (y + 1) % classes;
  other.test.y = tensor(next);
  other.test.x = other.test.x * 2 + 1;
  const auto [same, of_other] = run(other);
  CHECK(curve == same);
  CHECK(out.items[0].values != of_other.items[0].values);
  other = *data;
  other.validation.x = other.validation.x * -3;
  CHECK(run(other).second.items[0].values == out.items[0].values);

  s.mask = true;
  CHECK(run(*data).first != curve);
  int previous = 0;
  for (const KeywordMethod& m : keyword_methods()) {
    CHECK(m.mask_mels >= previous);
    previous = m.mask_mels;
  }
  CHECK(previous == 7);
  // Published, 12 classes: audio.md section 1.
  const std::vector<std::pair<std::string, int64_t>> published = {
      {"bcresnet-1", 9232},  {"bcresnet-1.5", 17154}, {"bcresnet-2", 27284},
      {"bcresnet-3", 54168}, {"bcresnet-6", 187812},  {"bcresnet-8", 321068}};
  Keywords twelve = *data;
  twelve.classes.assign(12, "x");
  for (const auto& [method, n] : published)
    CHECK(keyword_trial({method, "", 0}, s, std::make_shared<const Keywords>(twelve))
              ->finish()
              .parameters[0]
              .second == n);
}

// f32's; the first step's loss shows what the masks did to the batch.
TEST_CASE("keywords: two masks of frames and two of as many mel bands as the width has") {
  const auto data = few(DType::f32);
  KeywordSettings s = quick();
  s.batch = clips, s.dropout = 0, s.mask = true;
  for (const auto& [method, tau, bands] :
       {std::tuple{"bcresnet-1", 1.0, 0}, {"bcresnet-2", 2.0, 3}, {"bcresnet-3", 3.0, 5}}) {
    const Random r = Random(5) / "keywords";
    const std::vector<int64_t> order = randperm(r / "order" / 0, clips).to_vector<int64_t>();
    std::vector<double> all;
    for (size_t i = 0; i < clips; ++i) {
      std::vector<double> x = data->train.x[order[i]].to_vector();
      for (const bool over_frames : {false, true})
        for (int64_t k = 0; k < 2; ++k) {
          const int64_t size = over_frames ? frames : mels, most = over_frames ? 20 : bands;
          const Random m =
              r / "mask" / 0 / static_cast<int64_t>(i) / (over_frames ? "time" : "frequency") / k;
          const int64_t wide = std::min(
                            static_cast<int64_t>(m.uniform(0) * static_cast<double>(most)), size),
                        first = m.integer(1, size - wide + 1);
          for (int64_t f = 0; f < mels; ++f)
            for (int64_t t = 0; t < frames; ++t)
              if (const int64_t p = over_frames ? t : f; p >= first && p < first + wide)
                x[static_cast<size_t>(f * frames + t)] = 0;
        }
      all.insert(all.end(), x.begin(), x.end());
    }
    const BcResnet net(r / "init", {.tau = tau, .classes = classes, .dropout = 0});
    Context ctx{.training = true};
    const Tensor y = index_select(data->train.y, 0, tensor(order)),
                 due = cross_entropy(net(tensor(all, {clips, 1, mels, frames}), ctx), y);
    const auto trial = keyword_trial({method, "", 5}, s, data);
    double loss = 0;
    for (const auto& number : trial->step(0))
      if (number.first == "training loss") loss = number.second;
    CHECK(loss == doctest::Approx(due.item()).epsilon(2e-5));
  }
}

TEST_CASE("a word's spectrogram: its first second at its own level, zeros after it") {
  const experiment::FrontEnd front = keyword_front();
  const Tensor loud = normal(Random(1), {1, 16000}, 0, 0.1), quiet = loud * 0.01;
  const Tensor x = keyword_spectrogram({loud, 16000}, front);
  CHECK(x.shape() == Shape{1, 40, 101});
  // 0.01 is 2 ln 0.01 in every cell.
  CHECK(mean(keyword_spectrogram({quiet, 16000}, front) - x).item() ==
        doctest::Approx(2 * std::log(0.01)).epsilon(0.02));
  const Tensor begin = keyword_spectrogram({slice(loud, 1, 0, 8000).contiguous(), 16000}, front);
  CHECK(apart(slice(begin, 2, 0, 45), slice(x, 2, 0, 45)) < 1e-4);
  CHECK(amax(slice(begin, 2, 55, 101)).item() == doctest::Approx(std::log(1e-6)).epsilon(1e-4));
  const Tensor longer = keyword_spectrogram({cat({loud, loud}, 1).contiguous(), 16000}, front);
  CHECK(apart(slice(longer, 2, 0, 95), slice(x, 2, 0, 95)) < 1e-4);
  CHECK(keyword_spectrogram({slice(loud, 1, 0, 8000).contiguous(), 8000}, front).shape() ==
        x.shape());
}

TEST_CASE("keywords: parts of digits by take, of commands by the reader, groups by speaker") {
  const auto clip = [](const char* speaker, int64_t label, int64_t fold, Part part) {
    Clip c;
    c.place = speaker, c.label = label, c.fold = fold, c.part = part;
    c.kept = {full({1, 400}, 0.001 * static_cast<double>(1 + label)), 8000};
    return c;
  };
  AudioSet digits;
  digits.classes = {"0", "1"};
  for (int64_t take = 0; take < 8; ++take)
    for (int64_t d = 0; d < 2; ++d)
      digits.clips.push_back(clip("ann", d, take, take < 5 ? Part::test : Part::train));
  const Keywords of_digits = keywords_of("digits", digits);
  CHECK(of_digits.train.x.size(0) == 2);
  CHECK(of_digits.validation.x.size(0) == 4);
  CHECK(of_digits.test.x.size(0) == 10);
  CHECK(std::set<int64_t>(of_digits.test_group.begin(), of_digits.test_group.end()).size() == 10);
  CHECK(of_digits.test.y.to_vector<int64_t>() ==
        std::vector<int64_t>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1});
  AudioSet commands;
  commands.classes = {"yes", "no"};
  for (const char* speaker : {"x", "y", ""})
    for (int k = 0; k < 2; ++k) commands.clips.push_back(clip(speaker, k, 0, Part::test));
  commands.clips.push_back(clip("z", 0, 0, Part::train));
  commands.clips.push_back(clip("w", 1, 0, Part::validation));
  const Keywords of_commands = keywords_of("commands", commands);
  CHECK(of_commands.test_group == std::vector<int64_t>{0, 0, 1, 1, 2, 3});
  CHECK(of_commands.train.y.to_vector<int64_t>() == std::vector<int64_t>{0});
  CHECK(of_commands.validation.y.to_vector<int64_t>() == std::vector<int64_t>{1});
  commands.clips.pop_back();
  CHECK(complaint<IOError>([&] { keywords_of("commands", commands); },
                           "no clip of the validation part") == "");
  CHECK(complaint<ConfigError>([] { load_keywords("words", ""); }, "digits or commands") == "");
  CHECK(complaint<IOError>([] { load_keywords("commands", ""); }, "speech_commands_v0.02") == "");
  CHECK(complaint<IOError>([] { load_keywords("digits", ""); }, "--task digits") == "");
}

TEST_CASE("keywords: presets; paper is the recipe of the authors' code") {
  const auto table = keyword_table();
  for (const char* preset : {"tiny", "small", "long", "paper"}) {
    table->choose("keywords", preset);
    table->check();
    std::vector<experiment::Field> fields = table->fields();
    const auto text = [&](const char* key) { return experiment::text(*find(fields, key)); };
    CHECK(text("corpus") == (std::string(preset) == "paper" ? "commands" : "digits"));
    if (std::string(preset) != "paper") continue;
    CHECK(text("epochs") == "200");
    CHECK(text("batch") == "100");
    CHECK(text("lr") == "0.1");
    CHECK(text("momentum") == "0.9");
    CHECK(text("weight_decay") == "0.001");
    CHECK(text("warmup") == "0.025");  // 5 of 200 epochs
    CHECK(text("dropout") == "0.1");
    CHECK(text("mask") == "true");
    experiment::assign(fields, "corpus", "words", "test");
    CHECK_THROWS_AS(table->check(), ConfigError);
  }
}

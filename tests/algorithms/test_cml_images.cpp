// The tasks of images, on classes that are generated here: episodes, trials end to end, resumption,
// claims.
#include <doctest/doctest.h>
#include <regrad/algorithms/cml/experiment/few_shot.h>
#include <regrad/algorithms/cml/experiment/image_nets.h>
#include <regrad/algorithms/cml/experiment/tasks.h>
#include <regrad/engine/error.h>
#include <regrad/engine/parallel.h>

#include <cmath>
#include <set>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::cml;
using regrad::test::complaint;

namespace {

// Classes of 1 x size x size images: a random pattern for each class, with noise on each image.
ImageSet patterns(const Random& r, int64_t classes, int64_t each, int64_t size = 6) {
  ImageSet set;
  std::vector<Tensor> images;
  std::vector<double> labels;
  for (int64_t c = 0; c < classes; ++c) {
    set.classes.push_back("pattern " + std::to_string(c));
    const Tensor pattern = uniform(r / "class" / c, {1, 1, size, size});
    for (int64_t i = 0; i < each; ++i) {
      images.push_back(
          clamp(pattern + 0.1 * normal(r / "image" / (c * each + i), {1, 1, size, size}), 0, 1));
      labels.push_back(static_cast<double>(c));
    }
  }
  set.images = cat(images, 0);
  set.labels = tensor(labels, {classes * each}, DType::i64);
  return set;
}
ClassSplits generated(const std::string&, int64_t) {
  const Random r(50);
  return {ClassSet(patterns(r / "train", 12, 10)), ClassSet(patterns(r / "validation", 6, 8)),
          ClassSet(patterns(r / "test", 6, 8))};
}

using Experiment = std::unique_ptr<experiment::Experiment>;
using Settings = std::vector<std::pair<const char*, const char*>>;
Experiment small_experiment(const Settings& more = {}) {
  Experiment e = image_experiment("images", "Patterns.", generated, 20);
  e->choose("images", "tiny");
  auto fields = e->fields();
  for (const auto& [key, value] : {std::pair<const char*, const char*>{"net", "mlp"},
                                   {"steps", "60"},
                                   {"ways", "3"},
                                   {"query", "4"},
                                   {"test_query", "5"},
                                   {"log_every", "10"},
                                   {"last", "3"},
                                   {"hidden", "16,16"},
                                   {"cohead_hidden", "12"},
                                   {"test_tasks", "25"},
                                   {"validation_tasks", "10"}})
    experiment::assign(fields, key, value, key);
  for (const auto& [key, value] : more) experiment::assign(fields, key, value, key);
  e->data("");
  e->check();
  return e;
}

double score(const experiment::Outcome& o, const std::string& method, const std::string& metric) {
  for (const auto& s : o.scores)
    if (s.method == method && s.metric == metric) return s.value;
  return std::nan("");
}

struct Run {
  std::vector<experiment::Moment> moments;
  experiment::Outcome outcome;
};
Run run(const Experiment& e, const experiment::Job& job) {
  const auto trial = e->trial(job);
  Run out;
  for (int64_t i = 0; i < e->steps(job); ++i) out.moments.push_back(trial->step(i));
  out.outcome = trial->finish();
  return out;
}
bool same(const Run& a, const Run& b) {
  if (a.moments != b.moments || a.outcome.scores.size() != b.outcome.scores.size()) return false;
  for (size_t i = 0; i < a.outcome.scores.size(); ++i)
    if (a.outcome.scores[i].value != b.outcome.scores[i].value) return false;
  return true;
}

// Whether a run cut at step 45 of 60 and taken up by a new trial ends as one that was not.
bool resumes(const Experiment& e, const experiment::Job& job) {
  const Run whole = run(e, job);
  auto first = e->trial(job);
  Run cut;
  for (int64_t i = 0; i < 45; ++i) cut.moments.push_back(first->step(i));
  std::vector<std::pair<std::string, Tensor>> kept;
  first->state([&](const std::string& part, Tensor& t) { kept.emplace_back(part, t); });
  first.reset();
  const auto second = e->trial(job);
  size_t at = 0;
  second->state([&](const std::string& part, Tensor& t) {
    REQUIRE(part == kept[at].first);
    t = kept[at++].second;
  });
  for (int64_t i = 45; i < 60; ++i) cut.moments.push_back(second->step(i));
  cut.outcome = second->finish();
  return same(cut, whole);
}

}  // namespace

TEST_CASE(
    "tasks of a set: each stream its task, whatever others come with it; images belong to their "
    "labels") {
  const ImageSet all = patterns(Random(1), 7, 9);
  const ClassSet from(all, {0, 2, 3, 6});
  const std::vector<Random> streams = {Random(3) / 0, Random(3) / 1, Random(3) / 2};
  const EpisodeShape shape{3, 2, 4};
  const TaskBatch batch = from.tasks(streams, shape);
  CHECK(batch.support_x.shape() == Shape{3, 6, 1, 6, 6});
  CHECK(batch.query_x.shape() == Shape{3, 12, 1, 6, 6});
  CHECK(batch.support_y[1].to_vector<int64_t>() == std::vector<int64_t>{0, 0, 1, 1, 2, 2});
  const TaskBatch alone = from.tasks({streams[1]}, shape);
  CHECK(alone.query_x[0].to_vector() == batch.query_x[1].to_vector());
  CHECK(alone.support_x[0].to_vector() != batch.support_x[0].to_vector());
  const auto row_of = [&](const Tensor& image) {
    for (int64_t i = 0; i < 63; ++i)
      if (all.images[i].to_vector() == image.to_vector()) return i;
    return int64_t{-1};
  };
  for (int64_t t = 0; t < 3; ++t) {
    std::set<int64_t> rows;
    std::vector<int64_t> class_of(3, -1);
    for (int64_t i = 0; i < 18; ++i) {
      const int64_t row = row_of(i < 6 ? batch.support_x[t][i] : batch.query_x[t][i - 6]);
      const auto label =
          static_cast<size_t>((i < 6 ? batch.support_y[t][i] : batch.query_y[t][i - 6]).item());
      REQUIRE(row >= 0);
      if (class_of[label] < 0) class_of[label] = row / 9;
      CHECK(class_of[label] == row / 9);
      CHECK(std::set<int64_t>{0, 2, 3, 6}.count(row / 9) == 1);
      rows.insert(row);
    }
    CHECK(rows.size() == 18);
  }
  CHECK(from.least_rows() == 9);
}

TEST_CASE("accuracy is in %, task by task") {
  const Tensor logits = tensor({1, 2, 0, /**/ 3, 1, 2, /**/ 0, 0, 1, /**/ 5, 1, 1}, {2, 2, 3});
  const Tensor target = tensor({1, 2, 2, 0}, {2, 2}, DType::f64).to(DType::i64);
  CHECK(accuracy_by_task(logits, target).to_vector() == std::vector<double>{50, 100});
  CHECK_THROWS_AS(accuracy_by_task(logits, target[0]), ShapeError);
}

TEST_CASE(
    "a trial on images: it learns, scores both readings, shows pictures, and the threads change no "
    "bit") {
  const Experiment e = small_experiment();
  const experiment::Job job{"cml", "K=1", 0};
  const int before = num_threads();
  set_num_threads(1);
  const Run one = run(e, job);
  set_num_threads(2);
  const Run two = run(e, job);
  set_num_threads(before);
  CHECK(same(one, two));
  const experiment::Outcome& o = one.outcome;
  CHECK(score(o, "cml", "accuracy@1") > 50);  // chance is 33
  CHECK(score(o, "cml", "accuracy@1") > score(o, "cml", "unadapted accuracy@1") + 10);
  CHECK(score(o, "dagger", "accuracy@1") > 33);
  CHECK(score(o, "cml", "spread of accuracy@1") > 0);
  CHECK(score(o, "dagger", "spread of accuracy@1") > 0);
  CHECK(score(o, "cml", "interval over tasks of accuracy@1") > 0.5);
  // body 36-16-16, head 16-3, co-learner 16-12-3
  CHECK(o.parameters ==
        std::vector<std::pair<std::string, int64_t>>{{"cml", 864 + 51}, {"dagger", 864 + 243}});
  REQUIRE(o.galleries.size() == 2);
  CHECK(o.galleries[0].pictures.size() == 9);  // 3 support, 6 query images
  for (const auto& p : o.galleries[0].pictures) CHECK(p.pixels.size() == 36);
  int64_t logged = 0;
  for (const auto& m : one.moments) {
    if (m.empty()) continue;
    ++logged;
    CHECK(m[0].first == "validation accuracy");
    CHECK(m[1].first == "query cross-entropy");
    CHECK(m.back().first == "CKA before and after adaptation, head");
  }
  CHECK(logged == 6);
}

TEST_CASE(
    "a trial taken up in the middle ends in the same bits, rates, spread and the best net too") {
  const Experiment last = small_experiment(), best = small_experiment({{"select", "best"}}),
                   early = small_experiment({{"last", "0"}, {"patience", "2"}});
  const std::pair<const char*, const Experiment*> runs[] = {
      {"cml", &last}, {"maml++-cml", &last}, {"noise", &last}, {"sharp", &last},
      {"cml", &best}, {"cl", &best},         {"cml", &early}};
  for (const auto& r : runs) CHECK_MESSAGE(resumes(*r.second, {r.first, "K=1", 1}), r.first);
}

TEST_CASE("what cannot be drawn is a ConfigError before anything runs; a table gets its claims") {
  const Experiment e = small_experiment();
  auto fields = e->fields();
  experiment::assign(fields, "ways", "7", "ways");
  CHECK(complaint<ConfigError>([&] { e->check(); },
                               "ask for 7 classes of 6 images; there are 6 validation classes, the "
                               "smallest of 8 images") == "");
  experiment::assign(fields, "ways", "3", "ways");
  experiment::assign(fields, "shots", "1,5", "shots");
  CHECK(complaint<ConfigError>([&] { e->check(); },
                               "ask for 3 classes of 10 images; there are 6 validation classes") ==
        "");
  experiment::assign(fields, "shots", "1", "shots");
  experiment::Result r;
  r.better = e->card().better, r.metric = e->card().metric, r.baseline = "maml";
  const auto row = [](const char* name, std::vector<double> v) {
    return experiment::MethodResult{
        name, {{"accuracy@1", v}, {"unadapted accuracy@1", {20, 20, 20}}}, 1};
  };
  r.methods = {row("maml", {60, 61, 62}), row("cml", {64, 65, 66.1}), row("dagger", {63, 66, 66}),
               row("boil", {50, 51, 52}), row("boil-cml", {49, 50, 51.1})};
  const auto claims = e->claims(r);
  std::string all;
  for (const auto& c : claims) all += experiment::name(c.verdict) + ": " + c.text + "; ";
  CHECK(all ==
        "shown: maml above 20% at K = 1; shown: maml above itself without adaptation at K = 1; "
        "shown: cml above maml at K = 1; not shown: dagger above cml at K = 1; refuted: boil-cml "
        "above boil at K = 1; ");
}

TEST_CASE(
    "every method runs on sinusoids, and each test task is the same however many are asked for at "
    "once") {
  const Experiment e = sinusoid_experiment();
  e->choose("sinusoid", "tiny");
  auto fields = e->fields();
  for (const auto& [key, value] : {std::pair<const char*, const char*>{"steps", "12"},
                                   {"hidden", "8"},
                                   {"cohead_hidden", "6"},
                                   {"log_every", "4"},
                                   {"test_tasks", "130"},
                                   {"test_points", "5"},
                                   {"validation_tasks", "10"}})
    experiment::assign(fields, key, value, key);
  e->check();
  for (const auto& card : e->card().methods) {
    if (!card.trained_by.empty()) continue;
    const Run r = run(e, {card.name, "K=10", 3});
    CHECK_MESSAGE(score(r.outcome, card.name, "mse@10") > 0, card.name);
    experiment::assign(fields, "test_chunk", "37", "test_chunk");
    const double other = score(run(e, {card.name, "K=10", 3}).outcome, card.name, "mse@10");
    experiment::assign(fields, "test_chunk", "100", "test_chunk");
    CHECK_MESSAGE(std::abs(score(r.outcome, card.name, "mse@10") - other) <= 1e-5 * other,
                  card.name);
  }
}

TEST_CASE(
    "what is saved of a net: 1,761 scalars of maml, psi and theta; 3,401 of dagger, psi and phi") {
  const Experiment e = sinusoid_experiment();
  e->choose("sinusoid", "tiny");
  const auto scalars = [](const std::vector<std::pair<std::string, Tensor>>& model) {
    int64_t n = 0;
    for (const auto& [name, t] : model) n += t.numel();
    return n;
  };
  for (const char* name : {"maml", "cml", "noise", "cl", "boil", "sharp"})
    CHECK_MESSAGE(scalars(e->trial({name, "K=10", 0})->model()) == 1761, name);
  const auto cml = e->trial({"cml", "K=10", 0}), cl = e->trial({"cl", "K=10", 0});
  CHECK(scalars(cml->model_of("dagger")) == 3401);
  CHECK(scalars(cl->model_of("cl-co")) == 3401);
  CHECK(scalars(cml->model_of("cml")) == 1761);
  CHECK(cml->model_of("maml").empty());
  CHECK(scalars(e->trial({"maml++", "K=10", 0})->model()) == 1761 + 6 * 5);  // and its step sizes
}

namespace {

// Numbers of a layer, written out.
int64_t conv(int64_t in, int64_t out, int64_t k, bool bias) {
  return in * out * k * k + (bias ? out : 0);
}
int64_t norm(int64_t channels) { return 2 * channels; }
int64_t resnet_block(int64_t in, int64_t out) {
  return conv(in, out, 3, false) + 2 * conv(out, out, 3, false) + conv(in, out, 1, false) +
         4 * norm(out);
}

// A few steps on images of 16 x 16, and what the readings' files have in numbers.
using Counts = std::vector<std::pair<std::string, int64_t>>;
Counts counts(const char* method, const Settings& more) {
  const auto load = [](const std::string&, int64_t) {
    const Random r(51);
    return ClassSplits{ClassSet(patterns(r / "train", 5, 6, 16)),
                       ClassSet(patterns(r / "validation", 4, 6, 16)),
                       ClassSet(patterns(r / "test", 4, 6, 16))};
  };
  const Experiment e = image_experiment("images", "Patterns.", load, 0);
  e->choose("images", "tiny");
  auto fields = e->fields();
  Settings all{{"steps", "3"},      {"tasks", "2"},
               {"ways", "3"},       {"query", "2"},
               {"test_query", "2"}, {"channels", "3"},
               {"log_every", "2"},  {"test_tasks", "4"},
               {"chunk", "0"},      {"validation_tasks", "2"},
               {"last", "0"},       {"plus_plus.inner_steps", "2"}};
  all.insert(all.end(), more.begin(), more.end());
  for (const auto& [key, value] : all) experiment::assign(fields, key, value, key);
  e->data("");
  e->check();
  const Run done = run(e, {method, "K=1", 0});
  for (const auto& s : done.outcome.scores) CHECK_MESSAGE(std::isfinite(s.value), s.metric);
  return done.outcome.parameters;
}

}  // namespace

TEST_CASE("nets and heads for images: their numbers, and a few steps of each") {
  const int64_t block = conv(3, 3, 3, true) + norm(3), first = conv(1, 3, 3, true) + norm(3),
                body = first + 3 * block, linear = 3 * 3 + 3;
  CHECK(counts("cml", {}) == Counts{{"cml", body + linear}, {"dagger", body + linear + 2 * block}});
  // Equal heads, as in the paper's Table 7.
  CHECK(counts("cml", {{"cohead_convs", "0"}}) ==
        Counts{{"cml", body + linear}, {"dagger", body + linear}});
  CHECK(counts("cml", {{"head_convs", "2"}}) ==
        Counts{{"cml", body + linear + 2 * block}, {"dagger", body + linear + 2 * block}});
  // MAML++ has step sizes for two tensors of each conv and of each norm, and for the linear map's
  // two, at each of 2 steps; norms by step have none, and two sets of scales and shifts.
  CHECK(counts("maml++", {}) == Counts{{"maml++", body + linear + 2 * (4 * 4 + 2)}});
  CHECK(counts("maml++", {{"plus_plus.step_norms", "true"}, {"plus_plus.cosine", "true"}}) ==
        Counts{{"maml++", body + linear + 4 * norm(3) + 2 * (4 * 2 + 2)}});
}

TEST_CASE("ResNet-12 for images: its numbers, and a few steps") {
  const int64_t body = resnet_block(1, 3) + resnet_block(3, 6) + resnet_block(6, 12) +
                       resnet_block(12, 24),
                linear = 24 * 3 + 3, top = conv(24, 24, 3, true) + norm(24);
  const auto resnet12 = [&](const char* method, Settings more) {
    more.emplace_back("net", "resnet12");
    return counts(method, more);
  };
  CHECK(resnet12("cml", {}) == Counts{{"cml", body + linear}, {"dagger", body + linear + 2 * top}});
  CHECK(resnet12("cml", {{"head_convs", "1"}, {"cohead_convs", "1"}}) ==
        Counts{{"cml", body + linear + top}, {"dagger", body + linear + top}});
  // Four convs and four norms of two tensors each a block, of which the convs have no bias.
  CHECK(resnet12("maml++", {{"plus_plus.step_norms", "true"}}) ==
        Counts{{"maml++",
                body + linear + 4 * (norm(3) + norm(6) + norm(12) + norm(24)) + 2 * (4 * 4 + 2)}});
}

TEST_CASE("ResNet-12's body and heads: a task dimension is the loop over tasks") {
  const Resnet12Body body(Random(1), 2, 3);
  const PooledHead head(Random(2), 24, 4, 2);
  const Resnet12Body bodies = map(per_task(body, 2), [](const Tensor& p) {
    return p * uniform(Random(3), p.shape(), 0.5, 1.5);
  });
  const PooledHead heads = per_task(head, 2);
  const Tensor x = normal(Random(4), {2, 5, 2, 16, 16});
  const NoGrad quiet;
  const Tensor y = heads(bodies(x));
  CHECK(y.shape() == Shape{2, 5, 4});
  for (int64_t t = 0; t < 2; ++t) {
    const Resnet12Body own = map(bodies, [t](const Tensor& p) { return p[t]; });
    CHECK(amax(abs(y[t] - head(own(x[t])))).item() <= 1e-4);
  }
  CHECK(bodies.activations(x).size() == 4);
  CHECK(bodies.activations(x).back().to_vector() == bodies(x).to_vector());
}

TEST_CASE("settings that contradict each other are refused") {
  for (const Settings& wrong : std::vector<Settings>{{{"net", "resnet12"}, {"size", "15"}},
                                                     {{"select", "best"}, {"log_every", "9"}},
                                                     {{"patience", "1"}, {"log_every", "9"}}})
    CHECK_THROWS_AS(counts("maml", wrong), ConfigError);
}

TEST_CASE("test tasks are items where all seeds share them; a graph's pairs are parts of seeds") {
  const auto finished = [](const char* task, const char* method) {
    experiment::TaskList tasks = cml_tasks();
    tasks.choose(task, "tiny");
    std::vector<experiment::Field> fields = tasks.fields();
    experiment::assign(fields, "test_tasks", "12", "test");
    tasks.data("");
    const std::string variant = tasks.variants()[0];
    return std::pair(tasks.trial({method, variant, 4})->finish(), tasks.parts_of(4));
  };
  const auto [sinusoids, none] = finished("sinusoid", "cml");
  CHECK(none.empty());
  REQUIRE(sinusoids.items.size() == 4);  // CML and dagger, adapted and not
  for (const experiment::Items& i : sinusoids.items) {
    CAPTURE(i.method);
    CAPTURE(i.metric);
    CHECK(i.values.size() == 12);
    double score = -1;
    for (const experiment::Score& s : sinusoids.scores)
      if (s.method == i.method && s.metric == i.metric) score = s.value;
    CHECK(experiment::mean(i.values) == doctest::Approx(score));
  }
  const auto [nodes, parts] = finished("nodes", "maml");
  CHECK(nodes.items.empty());
  CHECK(parts == std::vector<int64_t>{0, 5});
}

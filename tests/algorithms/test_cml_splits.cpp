// Each split holds, on every task of regrad-cml: what is trained on, what the curve reads, what is
// scored at the end.
#include <doctest/doctest.h>
#include <regrad/algorithms/cml/experiment/nodes.h>
#include <regrad/algorithms/cml/experiment/sinusoid.h>
#include <regrad/algorithms/cml/experiment/tasks.h>

#include <map>
#include <set>

#include "../datasets/shared_data.h"

namespace regrad::cml {

namespace {

using Numbers = std::vector<double>;
constexpr Split splits[] = {Split::training, Split::validation, Split::test};

// Classes of 1 x 4 x 4 images: a pattern for each class, and noise on each image.
ClassSet patterns(const Random& r, int64_t classes = 8, int64_t each = 9) {
  ImageSet set;
  std::vector<Tensor> images;
  Numbers labels;
  for (int64_t c = 0; c < classes; ++c) {
    set.classes.push_back("pattern " + std::to_string(c));
    for (int64_t i = 0; i < each; ++i) {
      images.push_back(normal(r / "class" / c, {1, 1, 4, 4}) +
                       0.8 * normal(r / "image" / (c * each + i), {1, 1, 4, 4}));
      labels.push_back(static_cast<double>(c));
    }
  }
  set.images = cat(images, 0);
  set.labels = tensor(labels, {classes * each}, DType::i64);
  return ClassSet(set);
}

struct Run {
  Numbers curve, rest, scores, net;  // the validation curve, what else is logged, ...
};
// A short run on images whose three parts come from these seeds.
Run run(const std::string& method, int64_t train, int64_t validation, int64_t test) {
  const auto load = [=](const std::string&, int64_t) {
    const Random r(71);
    return ClassSplits{patterns(r / train), patterns(r / validation), patterns(r / test)};
  };
  const auto e = image_experiment("images", "Patterns.", load, 0);
  e->choose("images", "tiny");
  auto fields = e->fields();
  for (const auto& [key, value] : std::map<std::string, std::string>{{"net", "mlp"},
                                                                     {"steps", "12"},
                                                                     {"lr", "0.02"},
                                                                     {"ways", "3"},
                                                                     {"query", "4"},
                                                                     {"test_query", "5"},
                                                                     {"log_every", "4"},
                                                                     {"last", "2"},
                                                                     {"hidden", "32"},
                                                                     {"cohead_hidden", "6"},
                                                                     {"test_tasks", "30"},
                                                                     {"last_tasks", "9"},
                                                                     {"validation_tasks", "30"}})
    experiment::assign(fields, key, value, key);
  e->data("");
  e->check();
  const auto trial = e->trial({method, "K=1", 0});
  Run out;
  for (int64_t i = 0; i < 12; ++i) {
    for (const auto& [name, v] : trial->step(i)) {
      const bool held = name.rfind("validation", 0) == 0 || name.rfind("CKA", 0) == 0;
      (held ? out.curve : out.rest).push_back(v);
    }
  }
  trial->state([&](const std::string& name, Tensor& t) {
    if (name == "last") return;  // test scores
    for (const double v : t.to_vector()) out.net.push_back(v);
  });
  for (const auto& s : trial->finish().scores)  // one that predicts one class has no accuracy
    if (s.metric.rfind("unadapted", 0) != 0) out.scores.push_back(s.value);
  return out;
}

// What a class's images are known by: their mean.
std::string plain_name(const std::string& name) {  // "Greek/character01/90" -> "Greek/character01"
  const size_t first = name.find('/'), second = name.find('/', first + 1);
  return name.substr(0, second);
}
std::set<std::string> names_of(const ClassSet& part) {
  std::set<std::string> out;
  for (const int64_t c : part.sampler.classes())
    out.insert(plain_name(part.set.classes[static_cast<size_t>(c)]));
  return out;
}
template <class T>
bool disjoint(const std::set<T>& a, const std::set<T>& b) {
  for (const T& v : a)
    if (b.count(v)) return false;
  return !a.empty() && !b.empty();
}

}  // namespace

TEST_CASE(
    "images: weights come from the training classes alone, the curve from validation, scores from "
    "the test classes") {
  for (const char* method : {"cml", "maml++", "sharp"}) {
    CAPTURE(method);
    const Run base = run(method, 0, 1, 2), test = run(method, 0, 1, 3),
              validation = run(method, 0, 3, 2), train = run(method, 3, 1, 2);
    CHECK(test.net == base.net);
    CHECK(test.curve == base.curve);
    CHECK(test.rest == base.rest);
    for (size_t i = 0; i < base.scores.size(); i += 3)  // a reading has three
      CHECK(Numbers(&test.scores[i], &test.scores[i] + 3) !=
            Numbers(&base.scores[i], &base.scores[i] + 3));

    CHECK(validation.net == base.net);
    CHECK(validation.rest == base.rest);
    CHECK(validation.scores == base.scores);
    CHECK(validation.curve != base.curve);

    CHECK(train.net != base.net);
    CHECK(train.rest != base.rest);
  }
}

TEST_CASE(
    "images: a task's labels are dealt anew, each class under each label; support and query share "
    "no image") {
  const ClassSet set = patterns(Random(72), 4);
  std::vector<Random> streams;
  for (int64_t t = 0; t < 400; ++t) streams.push_back(Random(73) / t);
  const TaskBatch batch = set.tasks(streams, {3, 2, 3});
  std::map<Numbers, int64_t> row_of;
  for (int64_t i = 0; i < set.set.size(); ++i) row_of[set.set.images[i].to_vector()] = i;
  std::map<std::pair<int64_t, int64_t>, int> dealt;
  for (int64_t t = 0; t < 400; ++t) {
    std::set<int64_t> support, query;
    for (int64_t i = 0; i < 6; ++i) {
      const int64_t row = row_of.at(batch.support_x[t][i].to_vector());
      support.insert(row);
      if (i % 2 == 0) ++dealt[{row / 9, static_cast<int64_t>(batch.support_y[t][i].item())}];
    }
    for (int64_t i = 0; i < 9; ++i) query.insert(row_of.at(batch.query_x[t][i].to_vector()));
    CHECK(support.size() == 6);
    CHECK(query.size() == 9);
    CHECK(disjoint(support, query));
  }
  CHECK(dealt.size() == 12);  // 400 tasks, 4 classes, 3 labels: 100 of each in the mean, sd 8.7
  for (const auto& [what, n] : dealt) CHECK((n > 60 && n < 140));
}

TEST_CASE("drawn glyphs: no drawing of one split in another") {
  const ClassSplits s = glyph_classes(8);
  std::set<Numbers> drawings[3];
  const ClassSet* parts[] = {&s.train, &s.validation, &s.test};
  for (size_t p = 0; p < 3; ++p)
    for (int64_t i = 0; i < parts[p]->set.size(); i += 7)
      drawings[p].insert(parts[p]->set.images[i].to_vector());
  CHECK(disjoint(drawings[0], drawings[2]));
  CHECK(disjoint(drawings[0], drawings[1]));
  CHECK(disjoint(drawings[1], drawings[2]));
}

TEST_CASE("the small Omniglot: no character, and no alphabet, of one split in another" *
          doctest::test_suite("shared data")) {
  if (!test::has_shared_data("omniglot_images_background_small1.zip")) return;
  const ClassSplits s = omniglot_classes(test::shared_data(""), 14);
  std::set<std::string> characters[] = {names_of(s.train), names_of(s.validation),
                                        names_of(s.test)},
                        alphabets[3];
  for (size_t p = 0; p < 3; ++p)
    for (const std::string& name : characters[p])
      alphabets[p].insert(name.substr(0, name.find('/')));
  CHECK(characters[0].size() == 136);  // each in four directions
  for (const auto& [a, b] : {std::pair{0, 1}, {0, 2}, {1, 2}}) {
    CHECK(disjoint(characters[a], characters[b]));
    CHECK(disjoint(alphabets[a], alphabets[b]));
  }
}

TEST_CASE("sinusoids: curves of a split are drawn for no other; K points each in training") {
  SinusoidSettings s;
  s.tasks = 25, s.test_points = 30;
  const auto task = sinusoid_task(s, 7);
  const auto of_split = [&](Split split) {
    std::vector<TaskBatch> out;
    for (int64_t i = 0; i < 6; ++i)
      out.push_back(split == Split::training ? task.training(i % 2 == 0 ? 0 : 4, i)
                                             : task.held_out(split, 25 * i, 25));
    return out;
  };
  // the first support point and its value: a curve is as good as known by it
  std::set<std::pair<double, double>> points[3];
  for (const Split split : splits) {
    for (const TaskBatch& b : of_split(split)) {
      CHECK(b.support_x.shape() == Shape{25, 7, 1});
      CHECK(b.query_x.shape() == Shape{25, split == Split::training ? 7 : 30, 1});
      for (int64_t t = 0; t < 25; ++t) {
        const Numbers x = b.support_x[t].to_vector(), q = b.query_x[t].to_vector();
        CHECK(disjoint(std::set<double>(x.begin(), x.end()), std::set<double>(q.begin(), q.end())));
        points[static_cast<int>(split)].insert({x[0], b.support_y[t].to_vector()[0]});
      }
    }
  }
  for (const auto& of : points) CHECK(of.size() == 150);
  CHECK(disjoint(points[0], points[1]));
  CHECK(disjoint(points[0], points[2]));
  CHECK(disjoint(points[1], points[2]));
  // Each seed trains on curves of its own, all are tested on the same.
  CHECK(task.training(1, 3).support_y.to_vector() != task.training(2, 3).support_y.to_vector());
}

}  // namespace regrad::cml

// PQK's trial: batches, the teacher that is trained before, what is scored and left in a file.
#include <doctest/doctest.h>
#include <regrad/algorithms/pqk/experiment/table.h>
#include <regrad/algorithms/pqk/experiment/trial.h>

#include <regrad/layers/export.h>
#include <regrad/layers/serialize.h>

#include <numeric>

#include "../temp_folder.h"
#include "pruning_trials.h"

using namespace regrad;
using namespace regrad::experiment;

namespace {

using Values = test::Values;

pqk::Settings settings() {
  pqk::Settings s;
  s.net = "tiny", s.epochs = 8, s.batch = 8, s.refresh = 2, s.lr = 0.05;
  s.train = 24, s.test = 18, s.curve = 10;  // fewer than there are
  s.sparsities = {0.75}, s.bits = {4}, s.corner = 0;
  return s;
}
constexpr int64_t all_steps = 24, change = 12;

std::unique_ptr<Trial> trial_of(const char* row, const pqk::Settings& s = settings()) {
  return pqk::trial({row, "75% 4 bits", 3}, s, std::make_shared<const Images>(test::images()));
}
std::unique_ptr<Trial> stepped(const char* row, int64_t steps) {
  std::unique_ptr<Trial> t = trial_of(row);
  for (int64_t i = 0; i < steps; ++i) t->step(i);
  return t;
}
// A trial's state below a name, without it.
Values state_of(Trial& t, const std::string& below) {
  Values out;
  t.state([&](const std::string& name, Tensor& x) {
    if (name.rfind(below, 0) == 0) out[name.substr(below.size())] = x.to(DType::f64).to_vector();
  });
  return out;
}
TensorFile through_a_file(const std::vector<NamedTensor>& tensors, const Metadata& about) {
  const test::TempFolder at;
  save_safetensors(at.name() + "/model.safetensors", tensors, about);
  return load_safetensors(at.name() + "/model.safetensors");
}
double score(const Outcome& out, const char* metric) {
  double found = std::nan("");
  for (const Score& s : out.scores)
    if (s.metric == std::string(metric) + "@75% 4 bits") found = s.value;
  return found;
}

}  // namespace

TEST_CASE("pq-kd: its teacher is the row dense of the same seed, and then it sees pq's batches") {
  const auto dense = stepped("dense", all_steps), both = stepped("pq-kd", all_steps + change),
             pq = stepped("pq", change);
  CHECK(state_of(*both, "teacher.state.trained") == state_of(*dense, "learner.state.trained"));
  CHECK(state_of(*both, "learner") == state_of(*pq, "learner"));
  for (int64_t i = all_steps + change; i < 2 * all_steps; ++i) both->step(i);
  CHECK(state_of(*both, "teacher.state.trained") == state_of(*dense, "learner.state.trained"));
  const Outcome of_dense = dense->finish(), of_both = both->finish();
  CHECK(score(of_both, "teacher accuracy") == score(of_dense, "accuracy"));
  CHECK(score(of_both, "training cost") == doctest::Approx(2 + 0.5 / 3));
  CHECK(std::isnan(score(of_dense, "teacher accuracy")));
}

TEST_CASE("pqk is pq until phase 2; the teacher that is scored is the whole net") {
  const auto pqk_trial = stepped("pqk", change), pq = stepped("pq", change);
  const Values a = state_of(*pqk_trial, "learner.state.trained.net"),
               b = state_of(*pq, "learner.state.trained.net");
  CHECK(!a.empty());
  CHECK(a == b);
  for (int64_t i = change; i < all_steps; ++i) pqk_trial->step(i), pq->step(i);
  CHECK(state_of(*pqk_trial, "learner.state.trained.net") !=
        state_of(*pq, "learner.state.trained.net"));
  // the same with a learner by hand
  const pqk::Settings s = settings();
  const auto images = std::make_shared<const Images>(test::images());
  const ImageBatches set(images, s, s, Random(3) / "loader");
  const pqk::Row& row = pqk::row("pqk");
  const pqk::Options o = pqk::options(row, s, {0.75, 4});
  pruning::Learner learner(
      NamedNet(Random(3) / "init", {.name = "tiny", .in_channels = 1, .size = 8, .classes = 4}),
      pqk::method(o), pqk::schedule(row, s, {0.75, 4}, 3, 3));
  for (int64_t i = 0; i < all_steps; ++i) {
    const Batch batch = set.batch(i);
    learner.learn(batch.x, batch.y, i, pqk::lr(learner.schedule, s, i));
  }
  Values by_hand;
  each(learner, [&](const std::string& name, const Tensor& t, bool) {
    by_hand[name] = t.to(DType::f64).to_vector();
  });
  CHECK(state_of(*pqk_trial, "learner.") == by_hand);
  const Outcome out = pqk_trial->finish();
  CHECK(score(out, "teacher accuracy") == mean(set.hits(pqk::teacher(learner.state, o))));
  CHECK(score(out, "accuracy") == mean(set.hits(pqk::deployed(learner, o))));
  // 18 of the 20 test images
  for (const Items& i : out.items) CHECK(i.values.size() == 18);
}

TEST_CASE("teacher and student are scored apart") {
  // with every filter's weights pruned but a quarter, they do not agree on all images in each seed
  bool differ = false;
  for (const char* row : {"pqk", "pqk-mutual", "pqk-shared"}) {
    const Outcome out = stepped(row, all_steps)->finish();
    differ = differ || score(out, "teacher accuracy") != score(out, "accuracy");
  }
  CHECK(differ);
}

TEST_CASE("bytes are those of a file's numbers but for a scale of each layer's inputs") {
  const NamedNetOptions nets[] = {
      {.name = "bcresnet-1", .in_channels = 1, .size = 40, .width = 20, .classes = 6},
      {.name = "resnet20", .in_channels = 3, .size = 16, .classes = 10}};
  for (const NamedNetOptions& of : nets) {
    CAPTURE(of.name);
    const FewBits few{.bits = 5};
    FewBitNet net{NamedNet(Random(1), of), true, few, {}};
    net.ranges = few.begin(net.net);
    const Tensor x = normal(Random(2), {2, of.in_channels, of.size, of.columns()});
    Context ctx{.training = true, .evaluate = few.training(net.ranges)};
    net.net(x, ctx);
    const test::TempFolder at;
    save_inference(export_net(net.net, of, {.quantization = few.layers(net.ranges)}),
                   at / "net.safetensors");
    int64_t bytes = 0;
    for (const NamedTensor& t : load_safetensors(at / "net.safetensors").tensors)
      bytes += t.second.numel() * (t.second.dtype() == DType::f32 ? 4 : 1);
    const pqk::Size s = pqk::size_of(net, slice(x, 0, 0, 1));
    // weights of which one level in 31 is 0: no bitmap pays
    CHECK(s.bitmap == 0);
    CHECK(bytes == s.total() + 4 * net.ranges.size(0));
  }
}

TEST_CASE("what a trial leaves: sparsity, bytes, a model with ranges and bits") {
  const auto trial = stepped("pqk", all_steps);
  const Outcome out = trial->finish();
  // 8 9 + 16 8 9 weights of convolutions
  CHECK(score(out, "sparsity, %") == doctest::Approx(75));
  const auto file = trial->model();
  const Tensor* ranges = nullptr;
  for (const NamedTensor& t : file) {
    if (t.first == "ranges") ranges = &t.second;
  }
  REQUIRE(ranges);
  CHECK(ranges->shape() == Shape{3, 3});  // two convolutions, a linear map
  const Metadata about = trial->about();
  CHECK(about.at("bits") == "4");
  CHECK(about.at("edge_bits") == "8");
  CHECK(about.at("net") == "tiny");
  const auto as_float = stepped("prune", all_steps);
  CHECK(as_float->about().count("bits") == 0);
  for (const NamedTensor& t : as_float->model()) CHECK(t.first != "ranges");
  CHECK(score(out, "bytes") < score(as_float->finish(), "bytes"));
  // all weights of the second convolution, at levels -7 to 7
  REQUIRE(out.figures.size() == 1);
  const std::vector<Series>& levels = out.figures[0].series;
  REQUIRE(levels.size() == 2);
  CHECK(levels[0].name == "before training");
  CHECK(levels[1].name == "deployed");
  for (const Series& s : levels) {
    CHECK(s.x.size() == 15);
    CHECK(std::accumulate(s.y.begin(), s.y.end(), 0.0) == 16 * 8 * 9);
    CHECK(s.y[0] + s.y[14] >= 1);  // a level is 1 / 7 of the largest weight
    CHECK(s.y[7] < 16 * 8 * 9);
  }
  CHECK(levels[1].y[7] > levels[0].y[7]);  // what is pruned is 0
}

TEST_CASE("PQK-9: the exported net runs by whole numbers, and gives what the rounded net gives") {
  for (const char* row : {"pqk", "qat"}) {
    CAPTURE(std::string(row));
    const auto trial = stepped(row, all_steps);
    const TensorFile file = through_a_file(trial->model(), trial->about());
    FewBitNet net{NamedNet(Random(0), net_from_metadata(file.metadata, "test")), true, {.bits = 4}};
    net.ranges = net.few.begin(net.net);
    net = with_tensors(net, file);
    const InferenceNet whole =
        export_net(net.net, net_from_metadata(file.metadata, "test"),
                   {.remove_filters = false, .quantization = net.few.layers(net.ranges)})
            .with_mode(InferenceMode::integers);
    const Tensor x = test::images().test.images;
    const std::vector<double> fast = whole(x).to_vector(), rounded = net(x).to_vector();
    double most = 0, apart = 0;
    for (size_t i = 0; i < fast.size(); ++i)
      most = std::max(most, std::abs(rounded[i])),
      apart = std::max(apart, std::abs(fast[i] - rounded[i]));
    CHECK(apart <= 1e-5 * most);
    CHECK(most > 0);
    // rounding is no small matter here
    const std::vector<double> in_float = net.net(x).to_vector();
    double moved = 0;
    for (size_t i = 0; i < fast.size(); ++i)
      moved = std::max(moved, std::abs(in_float[i] - rounded[i]));
    CHECK(moved > 1e-3 * most);
  }
}

TEST_CASE("one threshold for all layers, or one for each") {
  pqk::Settings s = settings();
  s.threshold = "layer";
  const auto trial = trial_of("pqk", s);
  for (int64_t i = 0; i < all_steps; ++i) trial->step(i);
  int convs = 0;
  for (const auto& [name, values] : state_of(*trial, "learner.state.masks.")) {
    const auto zeros = std::count(values.begin(), values.end(), 0.0);
    CHECK(zeros == static_cast<int64_t>(values.size()) * 3 / 4);
    ++convs;
  }
  CHECK(convs == 2);
  CHECK(score(trial->finish(), "emptied layers") == 0);
}

TEST_CASE("no test image trains, and no training image tests") {
  Images moved = test::images();
  moved.test.images = moved.test.images * 0.5;
  const pqk::Settings s = settings();
  const auto run = [&](const Images& of) {
    const auto trial = pqk::trial({"pqk", "75% 4 bits", 3}, s, std::make_shared<const Images>(of));
    for (int64_t i = 0; i < all_steps; ++i) trial->step(i);
    return state_of(*trial, "learner");
  };
  CHECK(run(moved) == run(test::images()));
}

TEST_CASE("a table's steps are its epochs over the training part, of pq-kd twice") {
  TaskList tasks = pqk::tasks();
  tasks.choose("glyphs", "tiny");
  tasks.data("");
  // 10 epochs of 2,000 images in batches of 50; the test part has 1,000
  const std::string point = tasks.variants()[0];
  CHECK(tasks.steps({"qat", point, 0}) == 400);
  CHECK(tasks.steps({"pqk", point, 0}) == 400);
  CHECK(tasks.steps({"pq-kd", point, 0}) == 800);
  CHECK(tasks.log_every() == 40);
  const auto set = [&](const char* key, const char* value) {
    std::vector<Field> list = tasks.fields();
    assign(list, key, value, "test");
  };
  set("keep_last", "true");
  CHECK(tasks.steps({"qat", point, 0}) == 400);  // 2,000 is 40 whole batches
  set("batch", "48");
  CHECK(tasks.steps({"qat", point, 0}) == 420);
  set("keep_last", "false");
  CHECK(tasks.steps({"qat", point, 0}) == 410);
  // gamma does nothing where lr falls nowhere
  std::vector<Field> list = tasks.fields();
  from_json(list, "{\"milestones\": []}", "test");
  CHECK(tasks.unused("gamma", {"pqk"}) == "");
  set("restart_milestone", "1");
  CHECK(tasks.unused("gamma", {"pqk"}) != "");
}

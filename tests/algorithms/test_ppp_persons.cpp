// Persons of regrad-ppp's tasks, who is trained on what, and the command `personalize`.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/picture.h>
#include <regrad/algorithms/ppp/experiment/command.h>
#include <regrad/algorithms/ppp/experiment/folders.h>
#include <regrad/algorithms/ppp/global.h>
#include <regrad/datasets/glyphs.h>
#include <regrad/datasets/idx.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "../datasets/shared_data.h"
#include "../temp_folder.h"
#include "ppp_persons.h"

using namespace regrad;
using namespace regrad::ppp;
using namespace regrad::test;
using Places = std::set<int64_t>;

namespace {

Places set_of(const std::vector<int64_t>& list) { return {list.begin(), list.end()}; }
bool apart(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  const Places of = set_of(a);
  return std::none_of(b.begin(), b.end(), [&](int64_t i) { return of.count(i) > 0; });
}

// Of all persons: parts that must not meet, and no example of two persons.
void check_parts(const Persons& data) {
  Places seen;
  for (const Person& p : data.people) {
    CHECK(apart(p.test, p.train));
    CHECK(apart(p.test, p.pool));
    CHECK(apart(p.test, p.validation));
    CHECK(apart(p.validation, p.train));
    Places own = set_of(p.train);
    for (const auto* list : {&p.test, &p.validation, &p.pool})
      own.insert(list->begin(), list->end());
    for (const int64_t i : own) {
      CHECK(seen.insert(i).second);
      CHECK(i < data.x.size(0));
    }
  }
}

Settings few(int people = 20) {
  Settings s;
  s.people = people, s.train = 8, s.validation = 4, s.test = 4;
  return s;
}

}  // namespace

TEST_CASE("synthetic persons: other classes and styles, the same each time") {
  const std::vector<Synthetic> all = synthetic_persons(20, 4, 10),
                               again = synthetic_persons(20, 4, 10);
  std::set<std::vector<int64_t>> classes;
  std::map<int64_t, int> of_class;
  for (size_t u = 0; u < 20; ++u) {
    CHECK(all[u].classes == again[u].classes);
    CHECK(all[u].style.rotation == again[u].style.rotation);
    CHECK(set_of(all[u].classes).size() == 4);
    std::vector<int64_t> sorted = all[u].classes;
    std::sort(sorted.begin(), sorted.end());
    classes.insert(sorted);
    if (u < 18)
      for (const int64_t c : all[u].classes) ++of_class[c];
    CHECK(std::abs(all[u].style.rotation) <= 20);
    CHECK(all[u].style.contrast >= 0.6);
    CHECK(all[u].style.contrast <= 1.4);
    CHECK(all[u].style.blur >= 0);
    CHECK(all[u].style.blur <= 1);
  }
  CHECK(classes.size() == 20);
  CHECK(of_class.size() == 10);  // held-out persons have no class that nobody trains on
  CHECK_THROWS_AS(synthetic_persons(2, 11, 10), ConfigError);
}

TEST_CASE("a style turns, blurs and stretches") {
  const Tensor x = uniform(Random(1), {2, 1, 5, 5});
  const std::vector<double> v = x.to_vector();
  CHECK(amax(abs(styled(x, {}) - x)).item() < 1e-6);
  const std::vector<double> turned = styled(x, {.rotation = 90}).to_vector(),
                            bold = styled(x, {.contrast = 1.4}).to_vector();
  for (size_t i = 0; i < 5; ++i)
    for (size_t j = 0; j < 5; ++j) {
      // a quarter turn: row i, column j comes from row 4 - j, column i
      CHECK(turned[25 + i * 5 + j] == doctest::Approx(v[25 + (4 - j) * 5 + i]).epsilon(1e-5));
      CHECK(bold[i * 5 + j] ==
            doctest::Approx(std::clamp(0.5 + 1.4 * (v[i * 5 + j] - 0.5), 0.0, 1.0)).epsilon(1e-5));
    }
  Tensor dot = zeros({1, 1, 5, 5});
  std::vector<double> d(25, 0.0);
  d[12] = 0.8;
  dot = tensor(d, {1, 1, 5, 5}, DType::f32);
  const std::vector<double> soft = styled(dot, {.blur = 0.5}).to_vector();
  CHECK(soft[12] == doctest::Approx(0.8 * (0.5 + 0.5 / 4)));
  CHECK(soft[7] == doctest::Approx(0.8 * 0.5 / 8));
  CHECK(soft[6] == doctest::Approx(0.8 * 0.5 / 16));
  CHECK(soft[0] == doctest::Approx(0));
}

TEST_CASE("glyphs: each person's own pictures of its own classes") {
  const Persons data = load_persons("glyphs", "", few());
  CHECK(data.count() == 20);
  CHECK(data.seen() == 18);
  CHECK(data.x.shape() == Shape{320, 1, 16, 16});
  check_parts(data);
  const std::vector<Synthetic> told = synthetic_persons(20, 4, 10);
  const std::vector<int64_t> y = data.y.to_vector<int64_t>();
  for (size_t u = 0; u < 20; ++u) {
    const Person& p = data.people[u];
    CHECK(p.train.size() == 8);
    CHECK(p.test.size() == 4);
    CHECK(p.pool == p.train);
    Places classes;
    for (const auto* list : {&p.train, &p.test})
      for (const int64_t i : *list) classes.insert(y[static_cast<size_t>(i)]);
    CHECK(classes == set_of(told[u].classes));
  }
  // no picture is there twice
  std::set<std::vector<double>> pictures;
  for (int64_t i = 0; i < data.x.size(0); ++i) pictures.insert(data.x[i].to_vector());
  CHECK(pictures.size() == 320);
  // the first person's first pictures, for training and for test: drawn, styled, with noise
  Glyphs drawn;
  drawn.size = 16;
  const Random r = Random(0) / "persons";
  for (const bool test : {false, true}) {
    const int64_t at = test ? data.people[0].test[0] : data.people[0].train[0];
    const Tensor picture =
        (styled(drawn.draw(r / "glyphs", data.y[at].to_vector<int64_t>()[0], test), told[0].style) +
         normal(r / "noise" / at, {1, 16, 16}, 0, 0.2) - 0.15) /
        0.4;
    CHECK(amax(abs(data.x[at] - picture)).item() < 1e-5);
  }
  Settings s = few(2);
  s.held = 2;
  CHECK(complaint<ConfigError>([&] { load_persons("glyphs", "", s); }, "held") == "");
  CHECK(complaint<ConfigError>([] { load_persons("glyph", "", {}); }, "glyphs") == "");
  CHECK(complaint<IOError>([] { load_persons("folder", "", {}); }, "--data") == "");
  CHECK(complaint<IOError>([] { load_persons("digits", "", {}); }, "--data") == "");
  if (fashion_mnist_folder().empty())
    CHECK(complaint<IOError>([] { load_persons("persons", "", {}); }, "--task persons: give") ==
          "");
}

TEST_CASE("styles of pictures that are not square") {
  std::vector<double> ramp;
  for (int i = 0; i < 15; ++i) ramp.push_back(i / 15.0);
  const Tensor x = tensor(ramp, {1, 3, 5}, DType::f32);
  const auto v = [&](int i, int j) { return ramp[static_cast<size_t>(5 * i + j)]; };
  for (const double share : {0.0, 0.5, 1.0}) {
    const Tensor y = styled(x, {.blur = share});
    // the blur leaves a ramp's middle as it is; outside there is no ink
    CHECK(y[0][1][2].item() == doctest::Approx(v(1, 2)));
    const double soft = 0.25 * v(0, 4) + 0.125 * (v(0, 3) + v(1, 4)) + 0.0625 * v(1, 3);
    CHECK(y[0][0][4].item() == doctest::Approx((1 - share) * v(0, 4) + share * soft));
    const double below = 0.25 * v(2, 4) + 0.125 * (v(2, 3) + v(1, 4)) + 0.0625 * v(1, 3);
    CHECK(y[0][2][4].item() == doctest::Approx((1 - share) * v(2, 4) + share * below));
  }
}

TEST_CASE("digits: takes by part" * doctest::test_suite("shared data")) {
  if (!has_shared_data("fsdd_takes00-24.tar.xz")) return;
  Settings s;
  s.held = 0;
  const Persons data = load_persons("digits", REGRAD_SHARED_DATA, s);
  REQUIRE(data.count() == 6);
  CHECK(data.x.shape() == Shape{1500, 1, 40, 32});
  CHECK(data.people[0].name == "george");
  check_parts(data);
  const std::vector<int64_t> y = data.y.to_vector<int64_t>();
  for (size_t u = 0; u < 6; ++u) {
    const Person& p = data.people[u];
    CHECK(p.test.size() == 50);        // takes 0 to 4
    CHECK(p.validation.size() == 20);  // 5 and 6
    CHECK(p.train.size() == 180);      // 7 to 24
    CHECK(p.pool.size() == 100);       // 5 to 14
    std::map<int64_t, int> of_digit;
    for (const int64_t i : p.test) ++of_digit[y[static_cast<size_t>(i)]];
    CHECK(of_digit.size() == 10);
    for (const auto& [digit, count] : of_digit) CHECK(count == 5);
    const std::vector<int64_t> own = enrolled(data, static_cast<int64_t>(u), 10, 3);
    CHECK(set_of(own).size() == 10);
    CHECK(!apart(own, p.pool));
    CHECK(apart(own, p.test));
    CHECK(own != enrolled(data, static_cast<int64_t>(u), 10, 4));
  }
  // about zero and about one: the fixed shift and scale suit speech
  CHECK(std::abs(mean(data.x).item()) < 1);
  CHECK(std::abs(regrad::var(data.x).item() - 1) < 0.8);
}

TEST_CASE("Fashion-MNIST: twenty persons" * doctest::test_suite("shared data")) {
  if (!has_shared_data("fashion-train20k-images-idx3-ubyte.gz")) return;
  const Persons data = load_persons("persons", REGRAD_SHARED_DATA, few());
  CHECK(data.x.shape() == Shape{320, 1, 28, 28});
  check_parts(data);
  std::set<std::vector<double>> pictures;
  for (int64_t i = 0; i < data.x.size(0); ++i) pictures.insert(data.x[i].to_vector());
  CHECK(pictures.size() == 320);
  Settings s = few();
  s.train = 20000;
  CHECK(complaint<ConfigError>([&] { load_persons("persons", REGRAD_SHARED_DATA, s); },
                               "too few") == "");
}

TEST_CASE("a batch is of the people that it is asked for, and of their training examples") {
  const Persons data = few_persons(5, 0);
  const std::vector<int64_t> people = {0, 2, 3};
  Places drawn_people, drawn;
  for (int64_t i = 0; i < 50; ++i) {
    const PersonBatch b = draw_batch(data, people, 2, 4, Random(1) / i);
    CHECK(b.x.shape() == Shape{8, 1, side, side});
    CHECK(b.persons == 2);
    for (int64_t p = 0; p < 2; ++p) {
      Places own;
      int64_t whose = -1;
      for (int64_t k = 0; k < 4; ++k) {
        const std::vector<double> x = b.x[p * 4 + k].to_vector();
        int64_t found = -1;
        for (int64_t at = 0; at < data.x.size(0); ++at)
          if (data.x[at].to_vector() == x) found = at;
        REQUIRE(found >= 0);
        CHECK(b.y[p * 4 + k].item() == data.y[found].item());
        CHECK(own.insert(found).second);  // K other examples
        CHECK(found % per_person < 6);    // of the training part
        CHECK((whose < 0 || whose == found / per_person));
        whose = found / per_person;
        drawn.insert(found);
      }
      drawn_people.insert(whose);
    }
  }
  CHECK(drawn_people == Places{0, 2, 3});
  CHECK(drawn.size() == 18);
  // more than there are: each again
  CHECK(draw_batch(data, {1}, 1, 9, Random(1)).x.size(0) == 9);
}

namespace {

struct Bits {
  std::vector<std::vector<double>> net, curve;
  std::map<std::string, std::vector<double>> items;
};
Bits run(const Settings& s, Persons data, const std::function<void(Persons&)>& change = {}) {
  if (change) change(data);
  PppTrial trial({"ppp", "", 1}, s, std::make_shared<const Persons>(std::move(data)));
  const int64_t steps = steps_of_net(s, *std::make_shared<const Persons>(few_persons(4, s.held))) *
                        nets_of("ppp", s, few_persons(4, s.held));
  Bits out;
  for (int64_t i = 0; i < steps; ++i)
    for (const auto& [name, v] : trial.step(i))
      if (name.rfind("validation", 0) == 0) out.curve.push_back({v});
  trial.state([&](const std::string& name, Tensor& t) {
    out.net.push_back(t.to_vector());
    (void)name;
  });
  for (const experiment::Items& i : trial.finish().items)
    out.items[i.method + " " + i.metric] = i.values;
  return out;
}
// Other values at these places of person u.
std::function<void(Persons&)> other(int64_t u, std::vector<int64_t> Person::*part) {
  return [=](Persons& data) {
    std::vector<Tensor> x;
    const Places at = set_of(data.people[static_cast<size_t>(u)].*part);
    for (int64_t i = 0; i < data.x.size(0); ++i)
      x.push_back(at.count(i) ? normal(Random(99) / i, data.x[i].shape(), 0, 3, data.x.dtype())
                              : data.x[i]);
    data.x = stack(x, 0);
  };
}

}  // namespace

TEST_CASE("who has a say in what: held-out persons, pools, tests") {
  Settings s = few_settings();
  s.epochs = 6, s.log_every = 2;
  const Bits base = run(s, few_persons());
  for (const int64_t u : {0, 3}) {  // in the training, held out
    const Bits test = run(s, few_persons(), other(u, &Person::test)),
               pool = run(s, few_persons(), other(u, &Person::pool)),
               train = run(s, few_persons(), other(u, &Person::train)),
               validation = run(s, few_persons(), other(u, &Person::validation));
    CHECK(test.net == base.net);
    CHECK(test.curve == base.curve);
    CHECK(test.items != base.items);
    CHECK(pool.net == base.net);
    CHECK(validation.net == base.net);
    CHECK(validation.items == base.items);
    if (u == 3) CHECK(validation.curve == base.curve);
    CHECK((train.net != base.net) == (u == 0));
    if (u == 3) CHECK(train.items == base.items);  // nobody looks at them
  }
  // the curve is of the seen persons' validation examples: with other labels none is right
  const auto relabelled = [&](int64_t by) {
    return run(s, few_persons(), [&](Persons& data) {
      std::vector<int64_t> y = data.y.to_vector<int64_t>();
      for (int64_t u = 0; u < 3; ++u)
        for (const int64_t i : data.people[static_cast<size_t>(u)].validation)
          y[static_cast<size_t>(i)] = (y[static_cast<size_t>(i)] + by) % kinds;
      data.y = tensor(y);
    });
  };
  const Bits one = relabelled(1), two = relabelled(2);
  CHECK(one.net == base.net);
  REQUIRE(base.curve.size() == 3);
  for (size_t k = 0; k < 3; ++k)
    CHECK(base.curve[k][0] + one.curve[k][0] + two.curve[k][0] == doctest::Approx(100));
}

TEST_CASE("a left-out person leaves no trace in its own net, and does in the others") {
  Settings s = few_settings();
  s.epochs = 2, s.held = 0, s.leave_out = true;
  const auto nets = [&](const std::function<void(Persons&)>& change) {
    Persons data = few_persons(4, 0);
    if (change) change(data);
    const auto shared_data = std::make_shared<const Persons>(std::move(data));
    PppTrial trial({"ppp", "", 1}, s, shared_data);
    for (int64_t i = 0; i < 5 * steps_of_net(s, *shared_data); ++i) trial.step(i);
    std::map<std::string, std::vector<std::vector<double>>> out;
    trial.state([&](const std::string& name, Tensor& t) {
      out[name.substr(0, 5)].push_back(t.to_vector());
    });
    return out;
  };
  auto base = nets({}), changed = nets(other(2, &Person::train));
  for (const char* net : {"net.0", "net.1", "net.2", "net.4"}) CHECK(base[net] != changed[net]);
  CHECK(base["net.3"] == changed["net.3"]);  // net 3 leaves person 2 out
}

namespace {

std::string wave(int rate, double seconds, uint64_t seed, int bits = 16) {
  const auto n = static_cast<int64_t>(rate * seconds);
  return to_wav({normal(Random(seed), {1, n}, 0, 0.1), rate}, bits);
}
std::string png(int wide, int high, uint64_t seed) {
  experiment::Picture p{wide, high, 3, "", ""};
  for (int i = 0; i < wide * high * 3; ++i)
    p.pixels += static_cast<char>(Random(seed).integer(static_cast<uint64_t>(i), 256));
  return experiment::to_png(p);
}
void put(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_file(path, bytes);
}

}  // namespace

TEST_CASE("folder: persons with folders of classes, sounds or pictures") {
  const TempFolder at;
  for (const char* who : {"ann", "bob", "cy"})
    for (const char* word : {"yes", "no", "stop"}) {
      if (std::string(who) == "bob" && std::string(word) == "stop") continue;
      for (int i = 0; i < 6; ++i)
        put(at / (std::string("sounds/") + who + "/" + word + "/" + std::to_string(i) + ".wav"),
            wave(i % 2 ? 8000 : 16000, 0.4, static_cast<uint64_t>(i)));
    }
  Settings s;
  s.held = 1, s.seconds = 0.5;
  const Persons data = load_persons("folder", at / "sounds", s);
  REQUIRE(data.count() == 3);
  CHECK(data.seen() == 2);
  CHECK(data.people[1].name == "bob");
  CHECK(data.info.classes == std::vector<std::string>{"no", "stop", "yes"});
  CHECK(data.x.shape() == Shape{48, 1, 40, 16});
  check_parts(data);
  Places of_bob;
  for (const int64_t i : data.people[1].train)
    of_bob.insert(data.y.to_vector<int64_t>()[static_cast<size_t>(i)]);
  CHECK(of_bob == Places{0, 2});           // "no" and "yes" of all persons' classes
  CHECK(data.people[1].test.size() >= 2);  // one of each class
  s.test_share = 0.01;
  CHECK(load_persons("folder", at / "sounds", s).people[1].test.size() == 2);
  s.test_share = 0.2;
  for (const char* who : {"dee", "eve"})
    for (const char* thing : {"cup", "key"})
      for (int i = 0; i < 12; ++i)
        put(at / (std::string("pictures/") + who + "/" + thing + "/" + std::to_string(i) + ".png"),
            png(20 + i, 17, static_cast<uint64_t>(i)));
  s.held = 0, s.size = 16;
  const Persons pictures = load_persons("folder", at / "pictures", s);
  CHECK(pictures.x.shape() == Shape{48, 3, 16, 16});
  check_parts(pictures);
  CHECK(pictures.people[0].validation.size() >= 1);  // where a class has ten left

  const auto refused = [&](const std::string& folder, const char* words) {
    return complaint<IOError>([&] { load_persons("folder", at / folder, s); }, words);
  };
  CHECK(refused("nowhere", "--data") == "");
  put(at / "one/ann/yes/1.wav", wave(8000, 0.3, 1));
  put(at / "one/ann/yes/2.wav", wave(8000, 0.3, 2));
  CHECK(refused("one", "1 persons and 1 classes") == "");
  std::filesystem::create_directories(at / "empty/ann");
  CHECK(refused("empty", "holds no pictures (.png, .jpg) and no sounds") == "");
  put(at / "pictures/dee/cup/beep.wav", wave(8000, 0.3, 1));
  CHECK(refused("pictures", "holds pictures (dee/cup/0.png) and sounds (dee/cup/beep.wav)") == "");
}

TEST_CASE("folder: classes without persons are dealt to made ones") {
  const TempFolder at;
  for (const char* word : {"down", "up", "left"})
    for (int i = 0; i < 8; ++i)
      for (const char* part : {"flat/", "parts/train/", "parts/test/"})
        put(at / (std::string(part) + word + "/" + std::to_string(i) + ".wav"),
            wave(8000, 0.2, static_cast<uint64_t>(i)));
  Settings s;
  s.held = 0, s.seconds = 0.2, s.people = 3, s.classes = 2, s.test_share = 0.4;
  for (const char* folder : {"flat", "parts"}) {
    const Persons data = load_persons("folder", at / folder, s);
    REQUIRE(data.count() == 3);
    CHECK(data.people[0].name == "person 1 (down, left)");
    CHECK(data.info.classes == std::vector<std::string>{"down", "left", "up"});
    check_parts(data);
    const std::vector<int64_t> y = data.y.to_vector<int64_t>();
    size_t examples = 0;
    for (size_t u = 0; u < 3; ++u) {
      const Person& p = data.people[u];
      for (const Places& of :
           {Places(p.train.begin(), p.train.end()), Places(p.test.begin(), p.test.end())}) {
        examples += of.size();
        for (const int64_t i : of)
          CHECK((y[static_cast<size_t>(i)] == static_cast<int64_t>(u) ||
                 y[static_cast<size_t>(i)] == static_cast<int64_t>(u + 1) % 3));
      }
      if (std::string(folder) == "parts") CHECK(p.test.size() == p.train.size());
      examples += p.validation.size();
    }
    CHECK(examples == (std::string(folder) == "parts" ? 48 : 24));  // each is somebody's
  }
  s.people = 20;
  CHECK(complaint<IOError>([&] { load_persons("folder", at / "flat", s); },
                           "too few examples for 20 persons of 2 classes each") == "");
}

namespace {

// A model file of the width 4, as regrad-ppp leaves one; its gates differ from example to example.
std::string model(const TempFolder& at, const Inputs& in, GateKind gate = GateKind::channel) {
  const GatedOptions o{.in_channels = in.info.channels,
                       .width = 4,
                       .classes = static_cast<int64_t>(in.info.classes.size()),
                       .gate = gate};
  GatedNet net(Random(1), o);
  for (GatedBlock& b : net.blocks)
    if (b.gate.there())
      b.gate.logits.weight = normal(Random(2), b.gate.logits.weight.shape()).requires_grad_();
  Metadata facts = ppp::to_metadata(o, in.info);
  for (const auto& [key, value] : to_metadata(in)) facts[key] = value;
  const std::string path =
      at / ("model-" + name(gate) + (in.sounds ? "-s" : "-p") + ".safetensors");
  save(net, path, facts);
  return path;
}
Inputs pictures_in(int64_t side_of = 16) {
  Inputs in;
  in.info = {3, side_of, side_of, {"a", "b"}, {0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
  return in;
}
std::string command(const std::vector<std::string>& words) {
  std::vector<const char*> argv{"regrad-ppp", "personalize"};
  for (const std::string& w : words) argv.push_back(w.c_str());
  std::string said;
  const bool ran = run_command(static_cast<int>(argv.size()), argv.data(),
                               [&](const std::string& text) { said += text; });
  CHECK(ran);
  return said;
}

}  // namespace

TEST_CASE("personalize: sounds of any rate and length, one or many") {
  const TempFolder at;
  const Inputs in = speech_inputs({"a", "b", "c"});
  const std::string m = model(at, in);
  put(at / "own/1.wav", wave(8000, 0.5, 1));
  put(at / "own/deep/2.wav", wave(22050, 0.3, 2));
  put(at / "own/notes.txt", "no sound");
  const std::string said = command({"--model", m, "--samples", at / "own", "--out", at / "small"});
  CHECK(said.find("2 samples; channels kept by block: ") == 0);
  const InferenceNet small = load_inference(at / "small");
  const Tensor x = stack(
      {in.of_sound(read_sound(at / "own/1.wav")), in.of_sound(read_sound(at / "own/deep/2.wav"))},
      0);
  const Global global = load_global(m);
  const Personal mine = personalize(global.net, x);
  CHECK(amax(abs(small(x) - mine.net(x))).item() < 1e-4);
  CHECK(small.info().classes == in.info.classes);
  // as regrad-sparse run makes an input of a file
  CHECK(inputs_of(small.info(), "small").of_file(at / "own/1.wav").to_vector() == x[0].to_vector());
  CHECK(small.cost().parameters <
        export_net(cut(global.net, {ones({4}), ones({8}), ones({16})}), global.info)
            .cost()
            .parameters);
  put(at / "one/1.wav", wave(8000, 0.5, 1));
  CHECK(command({"--model", m, "--samples", at / "one", "--out", at / "small"}).find("1 sample;") ==
        0);
}

TEST_CASE("personalize: pictures of any size") {
  const TempFolder at;
  for (const GateKind gate : {GateKind::channel, GateKind::block}) {
    const std::string m = model(at, pictures_in(), gate);
    put(at / "own/1.png", png(16, 16, 1));
    put(at / "own/2.PNG", png(50, 23, 2));
    const std::string said =
        command({"--model", m, "--samples", at / "own", "--out", at / "small"});
    CHECK(said.find("2 samples") == 0);
    CHECK(load_inference(at / "small").info().mean.size() == 3);
  }
}

TEST_CASE("personalize refuses, and leaves nothing behind") {
  const TempFolder at;
  const std::string sounds = model(at, speech_inputs({"a", "b"})),
                    plain = model(at, pictures_in(), GateKind::none),
                    pictures = model(at, pictures_in());
  put(at / "own/1.wav", wave(8000, 0.5, 1));
  std::filesystem::create_directories(at / "empty");
  Sound bad{normal(Random(1), {1, 4000}, 0, 0.1), 8000};
  std::vector<double> v = bad.samples.to_vector();
  v[77] = std::nan("");
  bad.samples = tensor(v, {1, 4000}, DType::f32);
  put(at / "nan/1.wav", wave(8000, 0.5, 1));
  put(at / "nan/2.wav", to_wav(bad, 32));
  put(at / "cut/1.wav", wave(8000, 0.5, 1).substr(0, 3000));
  const std::string out = at / "small";
  const auto io = [&](const std::string& m, const std::string& samples, const char* words) {
    return complaint<IOError>(
        [&] {
          command({"--model", m, "--samples", samples, "--out", out});
        },
        words);
  };
  CHECK(io(at / "nothing", at / "own", "nothing") == "");
  CHECK(io(plain, at / "own", "has no gates") == "");
  CHECK(io(sounds, at / "empty", "holds no samples") == "");
  CHECK(io(sounds, at / "nowhere", "is no folder of samples") == "");
  CHECK(io(pictures, at / "own", "takes pictures") == "");
  CHECK(io(sounds, at / "nan", "2.wav") == "");
  CHECK(io(sounds, at / "cut", "1.wav") == "");
  CHECK(complaint<ConfigError>(
            [&] {
              command({"--model", sounds, "--samples", at / "own", "--out", sounds});
            },
            "is the model itself") == "");
  CHECK(complaint<ConfigError>(
            [&] {
              command({"--model", sounds, "--out", out});
            },
            "--samples") == "");
  CHECK(complaint<ConfigError>(
            [&] {
              command({"--model", sounds, "--samples", "", "--out", out});
            },
            "empty path") == "");
  CHECK(complaint<ConfigError>(
            [&] {
              command({"--model", sounds, "--samples", at / "own", "--outt", out});
            },
            "--help") == "");
  CHECK(!std::filesystem::exists(out));
  CHECK_THROWS_AS(command({"--model", sounds, "--samples", at / "own", "--out", at / "no/such/x"}),
                  ConfigError);
  const char* other[] = {"regrad-ppp", "--help"};
  CHECK(!run_command(2, other, [](const std::string&) {}));
}

TEST_CASE("a model's metadata say what its inputs are, and are not trusted") {
  const Inputs in = speech_inputs({"a", "b"});
  const Metadata facts = to_metadata(in);
  const Inputs back = inputs_of(facts, in.info, "m");
  const Sound s{normal(Random(3), {2, 3000}, 0, 0.2), 11025};
  CHECK(back.of_sound(s).to_vector() == in.of_sound(s).to_vector());
  CHECK(in.of_sound(s).shape() == Shape{1, 40, 32});
  const auto with = [&](const std::string& key, const std::string& value, const char* words) {
    Metadata m = facts;
    m[key] = value;
    return complaint<IOError>([&] { inputs_of(m, in.info, "m"); }, words);
  };
  CHECK(with("input", "smells", "sounds or pictures") == "");
  CHECK(with("rate", "x", "rate") == "");
  CHECK(with("scale", "0", "scale") == "");
  CHECK(with("hop", "128", "does not give the net's inputs") == "");
  CHECK(with("mels", "41", "does not give the net's inputs") == "");
  CHECK(with("n_fft", "511", "does not give the net's inputs") == "");
  CHECK(with("samples", "99999999999", "samples") == "");
  Metadata lacking = facts;
  lacking.erase("rms");
  CHECK(complaint<IOError>([&] { inputs_of(lacking, in.info, "m"); }, "lack 'rms'") == "");
  InferenceInfo two = pictures_in().info;
  two.channels = 2;
  CHECK(complaint<IOError>([&] { inputs_of({{"input", "pictures"}}, two, "m"); }, "1 or 3") == "");
}

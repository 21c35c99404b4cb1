#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/profile.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <sstream>
#include <thread>

using namespace regrad;

TEST_CASE(
    "a profile counts calls, orders and bytes of every thread, and nothing outside its life") {
  const Tensor x = ones({4, 8}).requires_grad_();
  exp(x);
  {
    const Profile profile;
    CHECK_THROWS_AS(Profile(), Error);
    const Tensor g = grad(sum(exp(x)), x, {.create_graph = true});
    grad(sum(g), x);
    std::thread([&] { exp(x); }).join();
    int64_t exps = 0, muls = 0;
    for (const ProfileRow& r : profile.rows()) {
      if (r.op == "exp") {
        CHECK(r.order == 0);
        CHECK(r.bytes == 2 * 4 * 8 * 4);
        exps += r.calls;
      }
      if (r.op == "mul") muls |= int64_t{1} << r.order;
      CHECK(r.seconds >= 0);
    }
    CHECK(exps == 2);
    CHECK(muls == 6);  // order 1, and order 2
    CHECK(profile.table().find("exp") != std::string::npos);
    const std::string trace = profile.trace();
    CHECK(trace.find("\"name\": \"exp\"") != std::string::npos);
    CHECK(trace.find("\"cat\": \"order 2\"") != std::string::npos);
  }
  exp(x);
  const Profile again;
  CHECK(again.rows().empty());
}

namespace {

// A complete event of a trace, which has one a line.
struct Line {
  std::string name, cat;
  int tid;
  double ts, dur;
  std::string args;
};

std::string field(const std::string& line, const std::string& key) {
  size_t at = line.find("\"" + key + "\": ");
  if (at == std::string::npos) return "";
  at += key.size() + 4;
  if (line[at] == '{') return line.substr(at, line.find('}', at) + 1 - at);
  const bool text = line[at] == '"';
  return line.substr(at + text, line.find_first_of(text ? "\"" : ",}", at + text) - at - text);
}

std::vector<Line> lines_of(const std::string& trace) {
  std::vector<Line> out;
  std::istringstream in(trace);
  for (std::string line; std::getline(in, line);)
    if (field(line, "ph") == "X")
      out.push_back({field(line, "name"), field(line, "cat"), std::stoi(field(line, "tid")),
                     std::stod(field(line, "ts")), std::stod(field(line, "dur")),
                     field(line, "args")});
  return out;
}

const Line& only(const std::vector<Line>& lines, const std::string& name) {
  const Line* found = nullptr;
  for (const Line& l : lines)
    if (l.name == name) {
      CHECK_MESSAGE(found == nullptr, name);
      found = &l;
    }
  REQUIRE_MESSAGE(found != nullptr, name);
  return *found;
}

void two_milliseconds() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

}  // namespace

TEST_CASE("a trace has an op's shapes, bytes and operations") {
  const Tensor a = ones({3, 4}), b = ones({4, 5}), c = ones({5}), x = ones({2, 3, 6, 6}),
               w = ones({4, 3, 3, 3}).requires_grad_();
  const Profile profile;
  matmul(a, b), exp(a), transpose(a, 0, 1);
  grad(sum(conv2d(x, w)), w);
  const std::vector<Line> lines = lines_of(profile.trace());
  CHECK(only(lines, "matmul").args ==
        "{\"in\": [[3,4], [4,5]], \"out\": [3,5], \"bytes_read\": 128, \"bytes_written\": 60, "
        "\"operations\": 120}");
  CHECK(only(lines, "exp").args ==
        "{\"in\": [[3,4]], \"out\": [3,4], \"bytes_read\": 48, \"bytes_written\": 48, "
        "\"operations\": 12}");
  const std::string conv = std::to_string(2 * 2 * 4 * 4 * 4 * 3 * 3 * 3);
  CHECK(field(only(lines, "conv2d").args, "operations") == conv);
  CHECK(field(only(lines, "conv2d_weight").args, "operations") == conv);
  int64_t operations = -1;
  for (const ProfileRow& r : profile.rows())
    if (r.op == "matmul") operations = r.operations;
  CHECK(operations == 120);
}

TEST_CASE("phases nest, forward is what comes before the backward of a step, and times add up") {
  const Tensor w = ones({8}).requires_grad_();
  const Profile profile;
  {
    const ProfileScope step("step");
    {
      const ProfileScope data("data");
      two_milliseconds();
    }
    const Tensor loss = sum(exp(w));
    two_milliseconds();
    grad(loss, w);
    {
      const ProfileScope optimizer("optimizer");
      sqrt(w);
    }
    two_milliseconds();
  }
  {
    const ProfileScope evaluation("evaluation");
    grad(sum(w), w);  // in no step: no forward
  }
  const std::vector<Line> lines = lines_of(profile.trace());
  const Line &step = only(lines, "step"), &data = only(lines, "data"),
             &forward = only(lines, "forward"), &optimizer = only(lines, "optimizer"),
             &evaluation = only(lines, "evaluation");
  const auto inside = [](const Line& a, const Line& b) {
    return a.tid == b.tid && a.ts >= b.ts && a.ts + a.dur <= b.ts + b.dur + 0.0015;
  };
  for (const Line* l : {&data, &forward, &optimizer}) CHECK(inside(*l, step));
  CHECK(forward.ts + 0.0015 >= data.ts + data.dur);
  CHECK(inside(only(lines, "exp"), forward));
  CHECK(inside(only(lines, "sqrt"), optimizer));
  CHECK(data.dur >= 2000);
  CHECK(forward.dur >= 2000);
  for (const Line& a : lines)  // two events of a thread nest or lie apart
    for (const Line& b : lines)
      if (a.tid == b.tid && a.cat != "blocks" && b.cat != "blocks")
        CHECK((inside(a, b) || inside(b, a) || a.ts + a.dur <= b.ts + 0.0015 ||
               b.ts + b.dur <= a.ts + 0.0015));
  std::map<std::string, double> ms;
  double all = 0;
  for (const ProfilePhase& p : profile.phases()) ms[p.name] = 1e3 * p.seconds, all += p.seconds;
  CHECK(ms.size() == 6);
  CHECK(1e6 * all == doctest::Approx(step.dur + evaluation.dur).epsilon(1e-3));
  CHECK(ms["step"] >= 2);  // the rest of it
  CHECK(1e3 * ms["step"] <= step.dur - data.dur - forward.dur);
  // 2 ms each in data, before the backward, and at the end
  CHECK(profile.seconds_outside_ops() >= 0.006);
  CHECK(1e6 * profile.seconds_outside_ops() <= evaluation.ts + evaluation.dur - step.ts + 1);
  const std::string table = profile.table();
  for (const char* part : {"Gop/s", "forward", "step, the rest of it", "outside ops: "})
    CHECK_MESSAGE(table.find(part) != std::string::npos, part);
}

TEST_CASE("a trace has the blocks that workers ran") {
  const int before = num_threads();
  set_num_threads(2);
  const Profile profile;
  std::atomic<int> inside{0};
  for (int i = 0; i < 100 && inside < 2; ++i) {
    inside = 0;
    parallel_for(2, [&](int64_t) {
      ++inside;
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
      while (inside < 2 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
      exp(ones({3}));
    });
  }
  set_num_threads(before);
  const std::vector<Line> lines = lines_of(profile.trace());
  std::map<int, int> exps, blocks;
  for (const Line& l : lines) {
    if (l.name == "exp") ++exps[l.tid];
    if (l.cat == "blocks") {
      ++blocks[l.tid];
      CHECK(std::stoi(field(l.args, "blocks")) >= 1);
    }
  }
  CHECK(exps.size() == 2);
  CHECK(blocks.size() == 1);
  CHECK(exps.count(blocks.begin()->first) == 1);
  CHECK(profile.trace().find("\"name\": \"worker ") != std::string::npos);
}

TEST_CASE("a phase that began before the profile, or ends after it, is none of its own") {
  const ProfileScope outside("data");
  auto first = std::make_unique<Profile>();
  auto late = std::make_unique<ProfileScope>("step");
  first.reset();
  const Profile second;
  late.reset();
  CHECK(second.phases().empty());
  CHECK(lines_of(second.trace()).empty());
}

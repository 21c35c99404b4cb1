// Clips as devices have recorded them: whose each training clip is, pairs, and what folders must
// hold.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/data/recordings.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

#include <filesystem>

using namespace regrad;
using namespace regrad::experiment;

namespace {

Clips few() { return load_clips("scenes", "", front_end("scenes"), {.train = 4, .test = 2}); }

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.to(DType::f64).to_vector() == b.to(DType::f64).to_vector();
}

}  // namespace

TEST_CASE("clips have one length and one level") {
  const Clips c = few();
  CHECK(c.train_x.shape() == Shape{40, 16000});
  CHECK(c.test_x.shape() == Shape{20, 16000});
  CHECK(c.classes.size() == 10);
  const Tensor rms = sqrt(mean(c.train_x * c.train_x, {1}));
  for (double r : rms.to_vector()) CHECK(r == doctest::Approx(0.1).epsilon(1e-4));
  const FrontEnd front{{.rate = 8000}, 10};
  const Tensor short_one =
      prepared({tensor({0.1, -0.1, 0.1, 0.1}, DType::f32).reshape({1, 4}), 8000}, front);
  // repeated, not padded
  CHECK(same(short_one, tensor({0.1, -0.1, 0.1, 0.1, 0.1, -0.1, 0.1, 0.1, 0.1, -0.1})));
}

TEST_CASE(
    "the source has its share of the training clips, the other seen devices the rest in turn, "
    "unseen ones none") {
  const Clips c = few();
  const Recordings r = record(c, front_end("scenes"), recorders("simulated", "", 8000, Random(1)),
                              {.source = 0.7}, Random(1));
  CHECK(r.devices == std::vector<std::string>{"a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6"});
  CHECK(r.seen == 6);
  std::vector<int> count(9, 0);
  for (double d : r.train_device.to(DType::f64).to_vector()) ++count[static_cast<size_t>(d)];
  CHECK(count == std::vector<int>{28, 3, 3, 2, 2, 2, 0, 0, 0});
  CHECK(r.train_x.shape() == Shape{40, 1, 64, 101});
  REQUIRE(r.test_x.size() == 9);
  for (const Tensor& x : r.test_x) CHECK(x.shape() == Shape{20, 1, 64, 101});
  CHECK_FALSE(same(r.test_x[0], r.test_x[6]));
  // The source's recordings of the other devices' clips: the same clips, so the same labels,
  // recorded flat.
  CHECK(r.pair_x.size(0) == 12);
  CHECK(r.pair_of.to(DType::f64).to_vector().front() == 28);
  const Recordings flat = record(c, front_end("scenes"), recorders("sd0", "", 8000, Random(1)),
                                 {.source = 0.7}, Random(1));
  CHECK(same(flat.pair_x, index_select(flat.train_x, 0, flat.pair_of)));
  CHECK(same(flat.test_x[0], flat.test_x[8]));
}

TEST_CASE("the stream decides who records what, and the random curves") {
  const Clips c = few();
  const auto with = [&](int64_t seed) {
    return record(c, front_end("scenes"), recorders("sd8", "", 8000, Random(seed)), {},
                  Random(seed));
  };
  const Recordings a = with(1), again = with(1), b = with(2);
  CHECK(same(a.train_x, again.train_x));
  CHECK(same(a.test_x[7], again.test_x[7]));
  CHECK_FALSE(same(a.train_x, b.train_x));
  CHECK_FALSE(same(a.test_x[7], b.test_x[7]));
}

TEST_CASE("what is not there is said") {
  CHECK_THROWS_AS(load_clips("digits", "", front_end("digits")), IOError);
  CHECK_THROWS_AS(
      load_clips("esc10", std::filesystem::temp_directory_path().string() + "/regrad-none",
                 front_end("esc10")),
      IOError);
  CHECK_THROWS_AS(load_clips("tau", "", front_end("tau")), ConfigError);
  CHECK_THROWS_AS(tau_recordings("", front_end("tau")), IOError);
  CHECK_THROWS_AS(front_end("music"), ConfigError);
  CHECK_THROWS_AS(recorders("microphones", "", 8000, Random(0)), IOError);
  for (const char* bad : {"sd", "sdx", "sd-1", "phones"})
    CHECK_THROWS_AS(recorders(bad, "", 8000, Random(0)), ConfigError);
  CHECK_THROWS_AS(record(few(), front_end("scenes"), recorders("sd0", "", 8000, Random(0)),
                         {.noise = 3}, Random(0)),
                  ConfigError);
}

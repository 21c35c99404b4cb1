#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/profile.h>

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

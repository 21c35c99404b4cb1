// A child of fork() computes, whatever the other threads of its parent were at.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/int8.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/profile.h>

#include <atomic>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

using namespace regrad;

namespace {

// All that takes a lock somewhere: the pool, memory, primitives of ever new shapes, packed
// integers, the profile's books.
double work(int64_t n) {
  const Tensor x = full({2, 8, 6 + n % 7, 8}, 0.5).requires_grad_(),
               w = full({4, 8, 3, 3}, 0.25).requires_grad_();
  const Tensor loss = sum(square(conv2d(x, w, {}, {.padding = 1}))) +
                      sum(matmul(ones({160, 160}), ones({160, 160})));
  const std::vector<Tensor> g = grad(TensorList(loss), {x, w});
  static const Int8Conv2d integers(full({4, 8, 3, 3}, 0.25), {}, {.padding = 1}, Range{0, 1});
  return loss.item() + sum(g[0]).item() + sum(g[1]).item() + sum(integers(x.detach())).item() +
         num_threads() + static_cast<double>(memory_stats().live_nodes > 0);
}

// The exit status of a child that does the same as its parent; 128 and more: a signal's, 14 of them
// where it took too long.
int in_child(int64_t n, double right) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(60);
    try {
      _exit(work(n) == right ? 0 : 1);
    } catch (...) {
      _exit(2);
    }
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

TEST_CASE("a child forked while other threads compute") {
  const int before = num_threads();
  set_num_threads(3);
  std::vector<double> right;
  for (int64_t n = 0; n < 7; ++n) right.push_back(work(n));
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int k = 0; k < 3; ++k) {
    others.emplace_back([&stop, k] {
      for (int64_t n = k; !stop; ++n) work(n);
    });
  }
  {
    const Profile profile;
    for (int64_t n = 0; n < 40; ++n) CHECK(in_child(n, right[static_cast<size_t>(n % 7)]) == 0);
    CHECK_FALSE(profile.rows().empty());
  }
  stop = true;
  for (std::thread& t : others) t.join();
  CHECK(work(0) == right[0]);
  set_num_threads(before);
}

TEST_CASE("a child may set its threads, fork again, and leave by exit") {
  const double right = work(1);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(60);
    set_num_threads(num_threads() + 1);
    set_num_threads(num_threads() - 1);
    _exit(work(1) == right && in_child(1, right) == 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

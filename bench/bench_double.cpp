// The double backward of a convolution beside its forward pass, at the shapes of Conv4 (75 images)
// and ResNet-20 (128), first layers left out.
//
//   bench-double [threads]
//
// Forward: y = conv2d(x, w). Backward, recorded: gx, gw at g. Double backward: the gradients of
// <gx, u> + <gw, v> with respect to x, w and g, which are two forward passes, an input gradient and
// a weight gradient. CPU milliseconds (at one thread), medians of 9.
#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/random.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>

using namespace regrad;

namespace {

double now(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

double median_ms(const std::function<void()>& f) {
  const clockid_t clock = num_threads() == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
  f();
  std::vector<double> times;
  for (int i = 0; i < 9; ++i) {
    const double start = now(clock);
    f();
    times.push_back(now(clock) - start);
  }
  std::nth_element(times.begin(), times.begin() + 4, times.end());
  return times[4];
}

struct Shape3x3 {
  const char* name;
  int64_t images, in, out, size, stride;
};

double ratio(const Shape3x3& s) {
  const Random r(1);
  // A depthwise product leaves images channels last, as they come out of a convolution.
  const Tensor one = normal(r / "one", {s.in, 1, 1, 1});
  const Tensor x =
      conv2d(normal(r / "x", {s.images, s.in, s.size, s.size}), one, {}, {.groups = s.in})
          .detach()
          .requires_grad_();
  const Tensor w = normal(r / "w", {s.out, s.in, 3, 3}).requires_grad_();
  const ConvOptions options{.stride = s.stride, .padding = 1};
  const double forward = median_ms([&] { conv2d(x, w, {}, options); });
  const Tensor y = conv2d(x, w, {}, options), g = (y * 0.5).detach().requires_grad_();
  const std::vector<Tensor> first =
      grad(TensorList(y), {x, w}, {.grad_outputs = g, .create_graph = true});
  const Tensor u = (first[0] * 0.5).detach(), v = (first[1] * 0.5).detach();
  const double twice = median_ms([&] {
    grad({first[0], first[1]}, {x, w, g}, {.grad_outputs = {u, v}, .retain_graph = true});
  });
  std::printf("%-26s forward %8.3f ms, double backward %8.3f ms, ratio %.2f\n", s.name, forward,
              twice, twice / forward);
  return twice / forward;
}

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(argc > 1 ? std::max(1, std::atoi(argv[1])) : 1);
  double worst = 0;
  for (const Shape3x3& s : {Shape3x3{"conv4 64-64 14x14", 75, 64, 64, 14, 1},
                            Shape3x3{"conv4 64-64 7x7", 75, 64, 64, 7, 1},
                            Shape3x3{"conv4 64-64 3x3", 75, 64, 64, 3, 1},
                            Shape3x3{"resnet20 16-16 32x32", 128, 16, 16, 32, 1},
                            Shape3x3{"resnet20 16-32 32x32 / 2", 128, 16, 32, 32, 2},
                            Shape3x3{"resnet20 32-32 16x16", 128, 32, 32, 16, 1},
                            Shape3x3{"resnet20 32-64 16x16 / 2", 128, 32, 64, 16, 2},
                            Shape3x3{"resnet20 64-64 8x8", 128, 64, 64, 8, 1}})
    worst = std::max(worst, ratio(s));
  std::printf("largest ratio %.2f\n", worst);
}

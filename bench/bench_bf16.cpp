// What multiplying in bf16 costs and gains: ResNet-8 on Fashion-MNIST, f32 and bf16 from the same
// initial values and batches.
//
//   bench-bf16 IMAGES LABELS TEST_IMAGES TEST_LABELS [epochs] [seeds]
//
// IDX files, gz or not. SGD 0.05 with momentum 0.9 and weight decay 1e-4, cosine schedule, batch
// 128. Prints test accuracy and time a step by seed, and the paired difference with its 95%
// interval (t, seeds - 1 degrees).
#include <regrad/datasets/idx.h>
#include <regrad/datasets/loader.h>
#include <regrad/layers/nets/resnet.h>
#include <regrad/layers/optim.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>

using namespace regrad;

namespace {

double cpu_ms() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

struct Outcome {
  double accuracy, ms_a_step;
};

double accuracy(const Resnet& net, const ImageSet& test, const LoaderOptions& options) {
  const NoGrad quiet;
  LoaderOptions plain = options;
  plain.shuffle = false;
  plain.augment = {};
  Loader loader(test, Random(0), plain);
  double right = 0, all = 0;
  for (int64_t i = 0; i < loader.batches(); ++i) {
    const Batch b = loader.next();
    right += sum(eq(argmax(net(b.x), 1), b.y)).item();
    all += static_cast<double>(b.y.numel());
  }
  return 100 * right / all;
}

Outcome train(const ImageSet& data, const ImageSet& test, uint64_t seed, int64_t epochs,
              bool bf16) {
  const Bf16 precision(bf16);
  const Random r(seed);
  Resnet net(r / "net", {.depth = 8, .in_channels = 1}, 10);
  const LoaderOptions options{
      .batch = 128, .drop_last = true, .mean = {0.286}, .deviation = {0.353}};
  Loader loader(data, r / "loader", options);
  Sgd sgd{.lr = 0.05, .momentum = 0.9, .weight_decay = 1e-4};
  Sgd::State state;
  const int64_t steps = epochs * loader.batches();
  const double start = cpu_ms();
  for (int64_t i = 0; i < steps; ++i) {
    const Batch b = loader.next();
    Context ctx{.training = true};
    const Tensor loss = cross_entropy(net(b.x, ctx), b.y);
    sgd.lr = 0.025 *
             (1 + std::cos(3.14159265358979 * static_cast<double>(i) / static_cast<double>(steps)));
    net = commit(update(sgd, std::move(net), state, grad(loss, net)), ctx);
  }
  const double ms = (cpu_ms() - start) / static_cast<double>(steps);
  return {accuracy(net, test, options), ms};
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 5) {
    std::fprintf(stderr, "bench-bf16 IMAGES LABELS TEST_IMAGES TEST_LABELS [epochs] [seeds]\n");
    return 2;
  }
  const ImageSet data = load_idx_pair(argv[1], argv[2]), test = load_idx_pair(argv[3], argv[4]);
  const int64_t epochs = argc > 5 ? std::atoi(argv[5]) : 5,
                seeds = argc > 6 ? std::atoi(argv[6]) : 3;
  double sum = 0, squares = 0;
  for (int64_t s = 0; s < seeds; ++s) {
    const Outcome f32 = train(data, test, static_cast<uint64_t>(s), epochs, false),
                  low = train(data, test, static_cast<uint64_t>(s), epochs, true);
    std::printf("seed %d: f32 %.2f%% at %.1f ms per step, bf16 %.2f%% at %.1f ms (CPU time)\n",
                static_cast<int>(s), f32.accuracy, f32.ms_a_step, low.accuracy, low.ms_a_step);
    std::fflush(stdout);
    sum += low.accuracy - f32.accuracy;
    squares += (low.accuracy - f32.accuracy) * (low.accuracy - f32.accuracy);
  }
  const double n = static_cast<double>(seeds), mean = sum / n;
  constexpr double t975[] = {0, 12.706, 4.303, 3.182, 2.776, 2.571};
  if (seeds > 1 && seeds <= 6) {
    std::printf("bf16 less f32: %+.2f +- %.2f points\n", mean,
                t975[seeds - 1] * std::sqrt((squares - n * mean * mean) / (n - 1) / n));
  }
  return 0;
} catch (const Error& e) {
  std::fprintf(stderr, "bench-bf16: %s\n", e.what());
  return 1;
}

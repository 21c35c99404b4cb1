// The same bits for any number of threads, from the wave to the net: resampling, a device's filter,
// log-mel, then 20 training steps with time roll and mixup.
#include <doctest/doctest.h>

#include <regrad/datasets/audio/augment.h>
#include <regrad/datasets/audio/devices.h>
#include <regrad/datasets/audio/mel.h>
#include <regrad/datasets/audio/scenes.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/optim.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

using namespace regrad;

namespace {

constexpr int64_t clips = 11, classes = 10;

// FNV-1a over the bytes.
void add(uint64_t& h, const Tensor& x) {
  const Tensor dense = x.detach().contiguous();
  const auto* bytes = reinterpret_cast<const unsigned char*>(dense.data<float>());
  for (int64_t i = 0; i < dense.numel() * 4; ++i) h = (h ^ bytes[i]) * 0x100000001b3;
}

// Half a second of 22.05 kHz a clip, recorded by one device after the other: [clips, 1, 32, 51].
Tensor spectrograms(const Random& r) {
  const Scenes scenes{.rate = 22050, .seconds = 0.5};
  std::vector<Tensor> waves;
  for (int64_t i = 0; i < clips; ++i) {
    const Device& device = simulated_devices()[static_cast<size_t>(i) % simulated_devices().size()];
    waves.push_back(
        through(device, resample(scenes.draw(r / "clip" / i, i % classes), 16000).samples, 16000));
  }
  return log_mel(cat(waves, 0), {.rate = 16000, .n_fft = 512, .hop = 160, .mels = 32}).unsqueeze(1);
}

struct End {
  uint64_t hash;
  std::vector<double> losses;
  int64_t still;  // parameters that are what they were at the start
};
End trained() {
  const Random r(21);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < clips; ++i) labels.push_back(i % classes);
  const Tensor x = spectrograms(r),
               y = one_hot(from_data(labels.data(), {clips}, DType::i64), classes).to(DType::f32);
  BcResnetAsc net(r / "net", {.norm = FreqNorm::resnorm});
  const Sgd sgd{.lr = 0.05, .momentum = 0.9, .weight_decay = 1e-3};
  Sgd::State state;
  End end{0xcbf29ce484222325, {}, 0};
  const std::vector<Tensor> start = parameters(net);
  for (int64_t i = 0; i < 20; ++i) {
    const Random step = r / "step" / i;
    const Mixed m = mixup(time_roll(x, 10, step / "roll"), y, 0.3, step / "mix");
    Context ctx{.training = true, .random = step};
    const Tensor loss = -mean(sum(m.y * log_softmax(net(m.x, ctx), -1), {-1}));
    const BcResnetAsc g = grad(loss, net);
    net = commit(update(sgd, std::move(net), state, g), ctx);
    end.losses.push_back(loss.item());
  }
  const std::vector<Tensor> trained = parameters(net);
  for (size_t k = 0; k < start.size(); ++k)
    end.still += amax(abs(trained[k] - start[k])).item() == 0;
  add(end.hash, x);
  each(net, [&](const std::string&, const Tensor& t, bool) { add(end.hash, t); });
  return end;
}

}  // namespace

TEST_CASE("front end and 20 training steps: one hash on 1, 2, 3, 4 and 8 threads") {
  const int before = num_threads();
  std::set<uint64_t> hashes;
  for (const int threads : {1, 2, 3, 4, 8}) {
    set_num_threads(threads);
    const End end = trained();
    hashes.insert(end.hash);
    // A net that stood still, or is not a number, would have one hash too. How far the loss falls
    // in 20 steps is decided by the last bits.
    CHECK(end.still == 0);
    for (const double loss : end.losses) CHECK((loss > 0 && std::isfinite(loss)));
  }
  set_num_threads(before);
  CHECK(hashes.size() == 1);
}

// Long sounds are converted by pieces side by side, short ones whole.
TEST_CASE("resampling by pieces gives what the whole gives") {
  const auto apart = [](const Tensor& a, const Tensor& b) { return amax(abs(a - b)).item(); };
  for (const auto& rates : {std::pair{44100, 16000},
                            {16000, 44100},
                            {8000, 16000},
                            {48000, 8000},
                            {44100, 16001},
                            {16000, 80}}) {
    const int from = rates.first, to = rates.second;
    CAPTURE(from);
    CAPTURE(to);
    // A short sound: its conversion is the same with four seconds of silence after it, which take
    // it to the pieces.
    const int64_t n = std::max(40, 3 * from / to), silence = 4 * from;
    const Tensor x = normal(Random(22), {1, n}, 0, 0.3);
    const Tensor short_one = resample({x, from}, to).samples,
                 longer = resample({cat(std::vector<Tensor>{x, zeros({1, silence})}, 1), from}, to)
                              .samples;
    CHECK(short_one.size(1) == (n * to + from - 1) / from);
    CHECK(apart(slice(longer, 1, 0, short_one.size(1)), short_one) < 2e-6);
    // Noise that starts a whole number of common periods later comes out as much later, wherever
    // the seams are.
    const int64_t step = from / std::gcd(from, to), to_step = to / std::gcd(from, to),
                  later = (from / 3 + step - 1) / step;
    const Tensor noise = normal(Random(23), {1, 3 * from}, 0, 0.3);
    const Tensor y = resample({noise, from}, to).samples;
    const Tensor moved =
        resample({cat(std::vector<Tensor>{zeros({1, later * step}), noise}, 1), from}, to).samples;
    CHECK(apart(slice(moved, 1, later * to_step, later * to_step + y.size(1)), y) < 2e-6);
    CHECK(amax(abs(y)).item() > 0.01);
  }
}

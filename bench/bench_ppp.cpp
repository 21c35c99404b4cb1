// PPP on the device, on one thread: a net cut for a person by ten clips, from samples to a net that
// can run; and the small net's time beside its multiply-adds.
//
//   bench-ppp [ROUNDS]
//
// The net is regrad-ppp's on spoken digits (ResNet-8, gates of channels, 40 log-mels x 32 frames of
// a second at 8 kHz) with drawn gates; clips are made-up, of half a second at 16 kHz. Printed are
// medians over the rounds, of CPU time. Small nets keep the same share of each block's channels.
#include <regrad/algorithms/ppp/personalize.h>
#include <regrad/datasets/audio/mel.h>
#include <regrad/datasets/audio/sound.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/export.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>

using namespace regrad;

namespace {

double median_ms(int rounds, int each, const std::function<void()>& f) {
  std::vector<double> times;
  f();
  for (int r = 0; r < rounds; ++r) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < each; ++i) f();
    times.push_back(1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / each);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

// The first of each block's channels.
ppp::Tensors first(const GatedNet& net, double share) {
  ppp::Tensors out;
  for (const GatedBlock& b : net.blocks) {
    const auto n = static_cast<double>(b.conv1.weight.size(0));
    out.push_back(lt(arange(0.0, n).to(DType::f32), share * n).to(DType::f32));
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
  if (rounds < 1) return std::fprintf(stderr, "bench-ppp: '%s' is no number\n", argv[1]), 2;
  set_num_threads(1);
  GatedNet net(Random(1), {.classes = 10});
  int64_t l = 0;
  for (GatedBlock& b : net.blocks)
    b.gate.logits.weight =
        normal(Random(2) / l++, b.gate.logits.weight.shape(), 0, 2).requires_grad_();
  const LogMel front{.rate = 8000, .n_fft = 512, .window = 400, .hop = 256, .mels = 40};
  const InferenceInfo info{1, front.mels, front.frames(8000), {}, {}, {}};
  std::vector<Sound> clips;
  for (int64_t i = 0; i < 10; ++i)
    clips.push_back({normal(Random(3) / i, {1, 8000}, 0, 0.1), 16000});
  const auto inputs = [&] {
    std::vector<Tensor> x;
    for (const Sound& s : clips)
      x.push_back(log_mel(tile(normalize_rms(resample(mono(s), 8000).samples), 8000), front));
    return (stack(x, 0) + 4.0) / 4.0;
  };
  const Tensor x = inputs();
  const double front_ms = median_ms(rounds, 3, [&] { inputs(); }),
               cut_ms = median_ms(rounds, 3, [&] { ppp::personalize(net, x); }),
               all_ms = median_ms(rounds, 3,
                                  [&] { export_net(ppp::personalize(net, inputs()).net, info); });
  std::printf("personalize from 10 clips: %.1f ms (front end %.1f, prototype and cut %.1f)\n\n",
              all_ms, front_ms, cut_ms);
  std::printf("width  channels  batch  multiply-adds        ms  of full: time  multiply-adds\n");
  for (const int64_t width : {16, 32, 64})
    for (const int64_t batch : {1, 64}) {
      const GatedNet whole(Random(1), {.width = width, .classes = 10});
      const Tensor some = normal(Random(4), {batch, 1, info.height, info.width});
      double full_ms = 0, full_macs = 0;
      for (const double share : {1.0, 0.75, 0.5, 0.25}) {
        const InferenceNet small = export_net(ppp::cut(whole, first(whole, share)), info);
        const double ms = median_ms(rounds, batch == 1 ? 40 : 2, [&] { small(some); }),
                     macs = static_cast<double>(small.cost().macs);
        if (share == 1) full_ms = ms, full_macs = macs;
        std::printf("%5d  %7.0f%%  %5d  %13.0f  %8.3f  %12.1f%%  %12.1f%%\n",
                    static_cast<int>(width), 100 * share, static_cast<int>(batch), macs, ms,
                    100 * ms / full_ms, 100 * macs / full_macs);
      }
    }
}

// Every allocation of the audio readers and the front end failed once.
#include <doctest/doctest.h>

#include <regrad/datasets/audio/augment.h>
#include <regrad/datasets/audio/devices.h>
#include <regrad/datasets/audio/esc.h>
#include <regrad/datasets/audio/fsdd.h>
#include <regrad/datasets/audio/mel.h>
#include <regrad/datasets/audio/scenes.h>
#include <regrad/datasets/audio/tau.h>
#include <regrad/engine/parallel.h>

#include "../engine/fail_each.h"
#include "pack.h"

using namespace regrad;
using namespace regrad::test;

TEST_CASE("audio: OutOfMemory at every allocation of ours") {
  const int before = num_threads();
  set_num_threads(1);  // failures are of the calling thread
  const std::string wav = to_wav({full({2, 50}, 0.25), 8000}),
                    list = "filename,fold,target,category,src_file,take\na.wav,1,0,dog,77,A\n";
  const std::string digits = pack("tar", Pack::xz, {{"0_bob_1.wav", wav}}),
                    esc = pack("zip", Pack::none, {{"meta.csv", list}, {"a.wav", wav}});
  const std::string meta =
      "filename\tscene_label\tidentifier\tsource_label\naudio/bus-a-1-1-a.wav\tbus\ta-1\ta\naudio/"
      "bus-b-2-1-s4.wav\tbus\tb-2\ts4\n";
  const TauLists tau{meta, "filename\tscene_label\naudio/bus-a-1-1-a.wav\tbus\n",
                     "filename\naudio/bus-b-2-1-s4.wav\n", ""};
  const Tensor x = full({2, 300}, 0.1), spectrogram = full({2, 1, 4, 5}, 1.5);
  const Sound s = parse_sound(wav);
  const LogMel front{.rate = 8000, .n_fft = 64, .hop = 20, .mels = 8};
  const std::function<void()> calls[] = {
      [&] { parse_sound(wav); },
      [&] { resample(mono(s), 4000); },
      [&] { tile(normalize_rms(x), 700); },
      [&] { to_wav(s, 24); },
      [&] { parse_fsdd(digits); },
      [&] { parse_esc10(esc); },
      [&] { parse_tau(tau); },
      [&] { parse_microphones(digits); },
      [&] { log_mel(x, front); },
      [&] { stft(x, front.stft()); },
      [&] { through(simulated_devices()[3], x, 8000); },
      [&] {
        through(Microphone{"m", s, true}, x, 16000);
      },
      [&] { time_roll(spectrogram, 2, Random(1)); },
      [&] { spec_augment(spectrogram, {.frequency_max = 3, .time_max = 3}, Random(1)); },
      [&] { freq_mix_style(spectrogram, Random(1), {.p = 1}); },
      [&] { Scenes{.seconds = 0.5}.sample(Random(1), 1, 0); },
  };
  for (size_t i = 0; i < std::size(calls); ++i) {
    CAPTURE(i);
    CHECK(fail_each(calls[i]) > 1);
  }
  set_num_threads(before);
}

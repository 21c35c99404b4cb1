// What decides a run of regrad-rfn.
#pragma once

#include <regrad/algorithms/experiment/data/sound_table.h>

namespace regrad::relaxed_norm {

struct Settings : experiment::TrainSettings, experiment::SoundSettings {
  std::string net = "bcresnet";
  double tau = 1, dropout = 0.1;
  double mixup = 0;
  int mask_mels = 0, mask_frames = 0;
  double mix_p = 0.5, mix_alpha = 0.1, freq_mix_p = 0.4, freq_mix_alpha = 0.3, cross_step = 1,
         clipped_step = 10, cross_clip = 0.1, cross_share = 0.5;
  bool information = true;

  Settings() {
    epochs = 20, batch = 32, lr = 0.06, weight_decay = 1e-3, warmup = 0.05, log_every = 5;
    devices = {"simulated", "microphones", "sd0", "sd4", "sd8"};
  }
  static void parts(auto& self, auto&& part) {
    using namespace experiment;
    part("net", self.net,
         "bcresnet (BC-ResNet-ASC); bcresnet-kws: the same group's net for keyword spotting with "
         "norms at the same places; or pooled: norms on the input alone, then an MLP of 64 units "
         "on frames pooled in time (the pilot's)");
    part("tau", self.tau,
         "width: 10 tau channels in the first stage of BC-ResNet-ASC, 8 tau of bcresnet-kws",
         between(0.1, 100));
    part("dropout", self.dropout, "of the blocks' channels", part_of_whole());
    TrainSettings::parts(self, part);
    SoundSettings::parts(self, part);
    part("mixup", self.mixup, "mixup's alpha, in every row; 0: none", at_least(0));
    part("mask_mels", self.mask_mels,
         "SpecAugment, in every row: two masks of fewer than so many mel bands; 0: none",
         at_least(0));
    part("mask_frames", self.mask_frames,
         "SpecAugment, in every row: two masks of fewer than so many frames; 0: none", at_least(0));
    part("mix_p", self.mix_p, "MixStyle: how likely a batch (or one of its maps) is restyled",
         share());
    part("mix_alpha", self.mix_alpha, "MixStyle: Beta's parameter", above(0));
    part("freq_mix_p", self.freq_mix_p, "Freq-MixStyle: the same", share());
    part("freq_mix_alpha", self.freq_mix_alpha, "Freq-MixStyle: the same", above(0));
    part("cross_step", self.cross_step, "CrossGrad: how far inputs move along a gradient",
         at_least(0));
    part("clipped_step", self.clipped_step, "crossgrad-clipped: the same", at_least(0));
    part("cross_clip", self.cross_clip,
         "crossgrad-clipped: what each number of the gradient is held to, up and down", above(0));
    part("cross_share", self.cross_share, "CrossGrad: the moved inputs' share of the loss",
         share());
    part("information", self.information,
         "measure what frequency and channel statistics hold of device and class");
  }
};

}  // namespace regrad::relaxed_norm

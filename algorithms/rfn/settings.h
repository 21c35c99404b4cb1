// What decides a run of regrad-rfn.
#pragma once

#include <regrad/algorithms/experiment/range.h>
#include <string>
#include <vector>

namespace regrad::relaxed_norm {

struct Settings {
  std::string net = "bcresnet";
  int mels = 0;
  double tau = 1;
  int epochs = 20, batch = 32;
  double lr = 0.06, momentum = 0.9, weight_decay = 1e-3, warmup = 0.05;
  int roll = 0;
  double dropout = 0.1;
  std::vector<std::string> devices = {"simulated", "microphones", "sd0", "sd4", "sd8"};
  double source = 0.85, noise = 0;
  bool wide = false;
  double mix_p = 0.5, mix_alpha = 0.1, freq_mix_p = 0.4, freq_mix_alpha = 0.3, cross_step = 1,
         cross_share = 0.5;
  bool information = true;

  static void parts(auto& self, auto&& part) {
    part("net", self.net,
         "bcresnet, or pooled: norms on the input alone, then an MLP of 64 units on frames pooled "
         "in time (the pilot's)");
    part("mels", self.mels, "bands; 0: the task's. bcresnet needs a multiple of 32",
         experiment::between(0, 65536));
    part("tau", self.tau, "width of BC-ResNet-ASC: 10 tau channels in the first stage",
         experiment::between(0.1, 100));
    part("epochs", self.epochs, "passes over the training clips", experiment::at_least(1));
    part("batch", self.batch, "clips a step; an epoch's last, shorter batch is left out",
         experiment::at_least(2));
    part("lr", self.lr,
         "highest step size (SGD), reached after the warm-up, then half a cosine to 0",
         experiment::above(0));
    part("momentum", self.momentum, "momentum", experiment::part_of_whole());
    part("weight_decay", self.weight_decay, "L2 on every parameter", experiment::at_least(0));
    part("warmup", self.warmup, "share of the steps in which lr climbs from 0",
         experiment::part_of_whole());
    part("roll", self.roll, "clips are turned in time by up to so many frames",
         experiment::at_least(0));
    part("dropout", self.dropout, "of the blocks' channels", experiment::part_of_whole());
    part("devices", self.devices,
         "simulated, microphones (needs --data), or sdX: random curves of X dB");
    part("source", self.source,
         "share of the training clips that the source records; the other seen devices share the "
         "rest",
         experiment::share());
    part("noise", self.noise, "dB of noise after the device, such as -60; 0: none",
         experiment::at_most(0));
    part("wide", self.wide, "the challenge's front end: 256 bands, 128 ms every 30");
    part("mix_p", self.mix_p, "MixStyle: how likely a batch is restyled", experiment::share());
    part("mix_alpha", self.mix_alpha, "MixStyle: Beta's parameter", experiment::above(0));
    part("freq_mix_p", self.freq_mix_p, "Freq-MixStyle: the same", experiment::share());
    part("freq_mix_alpha", self.freq_mix_alpha, "Freq-MixStyle: the same", experiment::above(0));
    part("cross_step", self.cross_step, "CrossGrad: how far inputs move along a gradient",
         experiment::at_least(0));
    part("cross_share", self.cross_share, "CrossGrad: the moved inputs' share of the loss",
         experiment::share());
    part("information", self.information,
         "measure what frequency and channel statistics say of device and class");
  }
};

}  // namespace regrad::relaxed_norm

// What decides a run of regrad-asc.
#pragma once

#include <regrad/algorithms/experiment/range.h>
#include <string>

namespace regrad::asc {

struct Settings {
  double tau = 2, lambda = 0.1, dropout = 0.1;
  int epochs = 60, batch = 32;
  double lr = 0.06, momentum = 0.9, weight_decay = 1e-3, warmup = 0.05;
  double roll = 0.5, mixup = 0.3;
  int mask_mels = 0, mask_frames = 0;
  std::string devices = "simulated";
  double source = 0.85, noise = 0;
  int train = 40, test = 10;
  bool wide = false;
  int log_every = 10;
  struct Translation {
    int steps = 300, batch = 8, crop = 64, width = 8;
    double lr = 0.01, rate = 0.5;
    static void parts(auto& self, auto&& part) {
      part("steps", self.steps, "steps of Adam that train it, before the scene net",
           experiment::at_least(1));
      part("batch", self.batch, "pairs of clips a step", experiment::at_least(1));
      part("crop", self.crop, "frames of them that a step looks at; 0: all",
           experiment::at_least(0));
      part("width", self.width, "channels inside", experiment::at_least(1));
      part("lr", self.lr, "its highest step size; then half a cosine to 0", experiment::above(0));
      part("rate", self.rate, "how likely a clip of the source is replaced by its translation",
           experiment::share());
    }
  } translation;
  bool compress = false;
  struct Compression {
    double ratio = 0.89;
    int epochs = 40;
    double lr = 0.03, share = 0.5, temperature = 2;
    bool quantized = true;
    static void parts(auto& self, auto&& part) {
      part("ratio", self.ratio, "share of the convolutions' weights that become 0",
           experiment::share());
      part("epochs", self.epochs, "of fine-tuning", experiment::at_least(1));
      part("lr", self.lr, "highest step size of fine-tuning", experiment::above(0));
      part("share", self.share, "a of (1 - a) CE + a T^2 KL", experiment::share());
      part("temperature", self.temperature, "T", experiment::above(0));
      part("quantized", self.quantized,
           "fine-tune at 8-bit weights, the gradient straight through");
    }
  } compression;

  static void parts(auto& self, auto&& part) {
    part("tau", self.tau, "width of BC-ResNet-ASC: 10 tau channels in the first stage",
         experiment::between(0.1, 100));
    part("lambda", self.lambda, "of the residual norm");
    part("dropout", self.dropout, "of the blocks' channels", experiment::part_of_whole());
    part("epochs", self.epochs, "passes over the training clips", experiment::at_least(1));
    part("batch", self.batch, "clips a step; an epoch's last, shorter batch is left out",
         experiment::at_least(1));
    part(
        "lr", self.lr,
        "highest step size (SGD, Nesterov off), reached after the warm-up, then half a cosine to 0",
        experiment::above(0));
    part("momentum", self.momentum, "momentum", experiment::part_of_whole());
    part("weight_decay", self.weight_decay, "L2 on every parameter", experiment::at_least(0));
    part("warmup", self.warmup, "share of the steps in which lr climbs from 0",
         experiment::share());
    part("roll", self.roll, "clips are turned in time by up to so many seconds",
         experiment::between(0, 3600));
    part("mixup", self.mixup, "mixup's alpha; 0: none", experiment::at_least(0));
    part("mask_mels", self.mask_mels,
         "SpecAugment: two masks of fewer than so many mel bands; 0: none",
         experiment::at_least(0));
    part("mask_frames", self.mask_frames,
         "SpecAugment: two masks of fewer than so many frames; 0: none", experiment::at_least(0));
    part("devices", self.devices,
         "simulated, microphones (needs --data), or sdX: random curves of X dB; tau has its own");
    part("source", self.source,
         "share of the training clips that device a records; the other seen ones share the rest",
         experiment::share());
    part("noise", self.noise, "dBFS of noise after the device, such as -60; 0: none",
         experiment::at_most(0));
    part("train", self.train, "scenes: generated training clips of each class",
         experiment::at_least(1));
    part("test", self.test, "scenes: generated test clips of each class", experiment::at_least(1));
    part("wide", self.wide,
         "the challenge's front end: 256 bands (128 at 8 kHz), 128 ms every 30; else 64 bands, 32 "
         "or 40 ms every 10 or 20");
    part("log_every", self.log_every, "epochs between two measurements for the learning curves",
         experiment::at_least(1));
    part("translation", self.translation);
    part("compress", self.compress,
         "after training: prune, fine-tune with and without distillation, 8 bits");
    part("compression", self.compression);
  }
};

}  // namespace regrad::asc

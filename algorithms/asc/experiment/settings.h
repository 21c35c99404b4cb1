// What decides a run of regrad-asc.
#pragma once

#include <regrad/algorithms/experiment/data/sound_table.h>

namespace regrad::asc {

struct Settings : experiment::TrainSettings, experiment::SoundSettings {
  double tau = 2, lambda = 0.1, dropout = 0.1;
  double mixup = 0.3;
  int mask_mels = 0, mask_frames = 0;
  struct Translation {
    int steps = 300, batch = 8, crop = 64, width = 8;
    double lr = 0.01, rate = 0.5;
    static void parts(auto& self, auto&& part) {
      using namespace experiment;
      part("steps", self.steps, "steps of Adam that train it, before the scene net", at_least(1));
      part("batch", self.batch, "pairs of clips per step", at_least(1));
      part("crop", self.crop, "frames of them that a step looks at; 0: all", at_least(0));
      part("width", self.width, "channels inside", at_least(1));
      part("lr", self.lr, "its highest step size; then half a cosine to 0", above(0));
      part("rate", self.rate, "how likely a clip of the source is replaced by its translation",
           share());
    }
  } translation;
  bool compress = false;
  struct Compression {
    double ratio = 0.89;
    int epochs = 40;
    double lr = 0.03, share = 0.5, temperature = 2;
    bool quantized = true;
    static void parts(auto& self, auto&& part) {
      using namespace experiment;
      part("ratio", self.ratio, "share of the convolutions' weights that become 0",
           experiment::share());
      part("epochs", self.epochs, "of fine-tuning", at_least(1));
      part("lr", self.lr, "highest step size of fine-tuning", above(0));
      part("share", self.share, "a of (1 - a) CE + a T^2 KL", experiment::share());
      part("temperature", self.temperature, "T", above(0));
      part("quantized", self.quantized,
           "fine-tune at 8-bit weights, the gradient straight through");
    }
  } compression;

  Settings() {
    epochs = 60, batch = 32, lr = 0.06, weight_decay = 1e-3, warmup = 0.05, log_every = 10;
    roll = 0.5;
  }
  static void parts(auto& self, auto&& part) {
    using namespace experiment;
    part("tau", self.tau, "width of BC-ResNet-ASC: 10 tau channels in the first stage",
         between(0.1, 100));
    part("lambda", self.lambda, "of the residual norm");
    part("dropout", self.dropout, "of the blocks' channels", part_of_whole());
    TrainSettings::parts(self, part);
    SoundSettings::parts(self, part);
    part("mixup", self.mixup, "mixup's alpha; 0: none", at_least(0));
    part("mask_mels", self.mask_mels,
         "SpecAugment: two masks of fewer than so many mel bands; 0: none", at_least(0));
    part("mask_frames", self.mask_frames,
         "SpecAugment: two masks of fewer than so many frames; 0: none", at_least(0));
    part("translation", self.translation);
    part("compress", self.compress,
         "after training: prune, fine-tune with and without distillation, 8 bits");
    part("compression", self.compression);
  }
};

}  // namespace regrad::asc

// What decides a pruning run.
#pragma once

#include <regrad/algorithms/experiment/config.h>

#include <string>
#include <vector>

namespace regrad::pruning {

struct Settings {
  std::string net = "r8";
  int train = 5000, test = 10000, curve = 2000;
  int size = 32;
  int epochs = 12, batch = 128;
  std::vector<double> sparsities = {0.9, 0.98};
  double lr = 0.1, momentum = 0.9, weight_decay = 5e-4;
  double warmup = 0, warmup_from = 0.5;
  std::vector<double> milestones = {0.5, 0.75};
  double gamma = 0.1;
  int padding = 0;
  bool flip = false;
  int refresh = 16;
  std::string schedule_unit = "epoch", mask_rule = "exact";
  double target = 0.75, exploit = 0.83, distill = 0.23;
  double temperature = 2, z = 1;
  double rigl_share = 0.3, str_initial = -5, str_decay = 5e-4;

  static void parts(auto& self, auto&& part) {
    part("net", self.net,
         "tiny, mlp, r8, resnet20, resnet32, resnet56, resnet56-bottleneck, resnet20-pad, .., "
         "vgg16, wrn-28-2, mobilenet");
    part("train", self.train, "training images, the first so many", experiment::at_least(1));
    part("test", self.test, "test images, the first so many", experiment::at_least(1));
    part("curve", self.curve, "of them those that the accuracy after each epoch is measured on",
         experiment::at_least(1));
    part("size", self.size, "folder: pixels per side that pictures are brought to",
         experiment::between(1, 4096));
    part("epochs", self.epochs, "passes over the training images (dpf-x2: twice as many)",
         experiment::at_least(1));
    part("batch", self.batch, "images a step; an epoch's last, shorter batch is left out",
         experiment::at_least(1));
    part("sparsities", self.sparsities,
         "shares of the prunable weights (or filters) that are pruned in the end",
         experiment::part_of_whole());
    part("lr", self.lr, "step size (SGD, Nesterov)", experiment::above(0));
    part("momentum", self.momentum, "momentum", experiment::Range{0, 1, true, true});
    part("weight_decay", self.weight_decay, "L2, on every parameter, pruned ones included",
         experiment::at_least(0));
    part("warmup", self.warmup, "share of the epochs in which lr climbs", experiment::share());
    part("warmup_from", self.warmup_from, "from so much of lr", experiment::share());
    part("milestones", self.milestones,
         "shares of the epochs after which lr is multiplied by gamma", experiment::at_least(0));
    part("gamma", self.gamma, "factor on lr at a milestone", experiment::at_least(0));
    part("padding", self.padding, "random crops with so many zeros around",
         experiment::between(0, 1024));
    part("flip", self.flip, "random horizontal flips");
    part("refresh", self.refresh, "steps between two masks", experiment::at_least(1));
    part("schedule_unit", self.schedule_unit, "epoch or step: what the cubic schedule counts");
    part("mask_rule", self.mask_rule, "exact or official (DCIL's code: one weight more)");
    part("target", self.target, "share of the epochs after which the final sparsity is reached",
         experiment::between(0, 1e9));
    part("exploit", self.exploit, "MAP: share of the epochs after which masks are frozen",
         experiment::between(0, 1e9));
    part("distill", self.distill, "DCIL: share of the epochs after which distillation begins",
         experiment::between(0, 1e9));
    part("temperature", self.temperature, "DCIL: T", experiment::above(0));
    part("z", self.z, "MAP: strength of the attention", experiment::at_least(0));
    part("rigl_share", self.rigl_share, "RigL: share that is dropped at first",
         experiment::share());
    part("str_initial", self.str_initial, "STR: the thresholds' initial logit");
    part("str_decay", self.str_decay, "STR: weight decay of the thresholds",
         experiment::at_least(0));
  }
};

}  // namespace regrad::pruning

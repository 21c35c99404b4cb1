// What decides a pruning run.
#pragma once

#include <regrad/algorithms/experiment/data/images.h>
#include <regrad/algorithms/experiment/training/settings.h>

#include <string>
#include <vector>

namespace regrad::pruning {

struct Settings : experiment::TrainSettings, experiment::ImageSettings {
  std::string net = "r8", init = "fan_in";
  std::vector<double> sparsities = {0.9, 0.98};
  double warmup_from = 0.5;
  std::string warmup_unit = "step";
  std::vector<double> milestones = {0.5, 0.75};
  double gamma = 0.1;
  int refresh = 16;
  std::string schedule_unit = "epoch", mask_rule = "exact";
  double target = 0.75, exploit = 0.83, distill = 0.23;
  double temperature = 2, kd_floor = 0, z = 1;
  std::string second_classifier = "copy";
  double rigl_share = 0.3, str_initial = -5, str_decay = 5e-4;
  int rigl_period = 16;

  static void parts(auto& self, auto&& part) {
    using namespace experiment;
    part("net", self.net,
         "tiny, mlp, r8, resnet20, resnet32, resnet56, resnet56-bottleneck, resnet20-pad, .., "
         "vgg16, wrn-28-2, mobilenet, resnet50, bcresnet-1, bcresnet-8");
    part("init", self.init,
         "fan_in or fan_out: convolutions start with a variance of 2 / that (He)");
    ImageSettings::parts(self, part);
    TrainSettings::parts(self, part);
    part("sparsities", self.sparsities,
         "shares of the prunable weights (or filters) that are pruned in the end", part_of_whole());
    part("warmup_from", self.warmup_from, "where lr begins to climb, as a share of it", share());
    part("warmup_unit", self.warmup_unit, "epoch or step: what the climb of lr counts");
    part("milestones", self.milestones,
         "shares of the epochs after which lr is multiplied by gamma", at_least(0));
    part("gamma", self.gamma, "factor on lr at a milestone", at_least(0));
    part("refresh", self.refresh, "steps between two masks", at_least(1));
    part("schedule_unit", self.schedule_unit, "epoch or step: what the cubic schedule counts");
    part("mask_rule", self.mask_rule, "exact or official (DCIL's code: one weight more)");
    part("target", self.target, "share of the epochs after which the final sparsity is reached",
         between(0, 1e9));
    part("exploit", self.exploit, "MAP: share of the epochs after which masks are frozen",
         between(0, 1e9));
    part("distill", self.distill, "DCIL: share of the epochs after which distillation begins",
         between(0, 1e9));
    part("temperature", self.temperature, "DCIL: T", above(0));
    part("kd_floor", self.kd_floor, "DCIL: added to the teacher's probabilities (its code: 1e-7)",
         share());
    part("second_classifier", self.second_classifier,
         "DCIL: the dense path's classifier begins as a copy of the sparse path's, or by a draw of "
         "its own: copy or draw");
    part("z", self.z, "MAP: strength of the attention", at_least(0));
    part("rigl_share", self.rigl_share, "RigL: share that is dropped at first", share());
    part("rigl_period", self.rigl_period, "RigL: steps between two changes of its masks",
         at_least(1));
    part("str_initial", self.str_initial, "STR: the thresholds' initial logit");
    part("str_decay", self.str_decay, "STR: weight decay of the thresholds", at_least(0));
  }
};

}  // namespace regrad::pruning

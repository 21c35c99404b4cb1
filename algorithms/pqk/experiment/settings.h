// What decides a run of regrad-pqk.
#pragma once

#include <regrad/algorithms/experiment/data/images.h>
#include <regrad/algorithms/experiment/training/settings.h>

#include <string>
#include <vector>

namespace regrad::pqk {

struct Settings : experiment::TrainSettings, experiment::ImageSettings {
  std::string net = "r8", init = "fan_in", threshold = "global";
  int frames = 32;
  std::vector<double> sparsities = {0.9, 0.95};
  std::vector<int> bits = {8, 4, 3};
  double corner = 0.98;
  int edge_bits = 8;
  double range_momentum = 0.1;
  double second = 0.5, target = 0.75, restart = 0.2, restart_milestone = 0.5;
  std::vector<double> milestones = {0.5, 0.75};
  double gamma = 0.1;
  int refresh = 16;
  double temperature = 2, hinton_share = 0.9, hinton_temperature = 4;

  static void parts(auto& self, auto&& part) {
    using namespace experiment;
    part("net", self.net,
         "tiny, mlp, r8, resnet20, resnet32, .., vgg16, wrn-28-2, mobilenet, bcresnet-1: any net "
         "by name");
    part("init", self.init,
         "fan_in or fan_out: convolutions start with a variance of 2 / that (He)");
    part("frames", self.frames, "spoken words: frames a second, of 40 log-mels each", at_least(1));
    ImageSettings::parts(self, part);
    TrainSettings::parts(self, part);
    part("sparsities", self.sparsities, "shares of the convolutions' weights that are pruned",
         part_of_whole());
    part("bits", self.bits, "of weights and inputs, each with each sparsity", between(2, 8));
    part("threshold", self.threshold,
         "global: one for all layers; layer: the same sparsity in each, for nets whose layers' "
         "weights differ in size");
    part("corner", self.corner,
         "one sparsity more, with the fewest bits alone, where the method should fail; 0: none",
         part_of_whole());
    part("edge_bits", self.edge_bits, "of the first and the last layer, where bits are fewer",
         between(2, 8));
    part("range_momentum", self.range_momentum,
         "weight of a batch in the running mean of inputs' largest values", share());
    part("second", self.second, "share of the epochs after which phase 2 begins", inside());
    part("target", self.target, "share of phase 1 after which the final sparsity is reached",
         share());
    part("restart", self.restart, "lr of phase 2's beginning, as a share of lr", above(0));
    part("restart_milestone", self.restart_milestone,
         "share of phase 2 after which lr is multiplied by gamma", at_least(0));
    part("milestones", self.milestones, "shares of phase 1 after which lr is multiplied by gamma",
         at_least(0));
    part("gamma", self.gamma, "factor on lr at a milestone", at_least(0));
    part("refresh", self.refresh, "steps between two masks", at_least(1));
    part("temperature", self.temperature, "PQK: T", above(0));
    part("hinton_share", self.hinton_share, "pq-kd: weight of its teacher's term, a", share());
    part("hinton_temperature", self.hinton_temperature, "pq-kd: T", above(0));
  }
};

}  // namespace regrad::pqk

// What every table that trains a net on a labelled set lets the user set. A table's own settings
// are a struct that inherits these and lists its own after them.
#pragma once

#include <regrad/algorithms/experiment/config.h>
#include <regrad/layers/optim.h>
#include <regrad/layers/schedule.h>

namespace regrad::experiment {

struct TrainSettings {
  int epochs = 12, batch = 128;
  double lr = 0.1, momentum = 0.9, weight_decay = 5e-4, warmup = 0;
  int log_every = 1;

  static void parts(auto& self, auto&& part) {
    part("epochs", self.epochs, "passes over the training set", at_least(1));
    part("batch", self.batch,
         "examples per step; an epoch's last, shorter batch is left out where nothing else is said",
         at_least(1));
    part("lr", self.lr, "highest step size (SGD)", above(0));
    part("momentum", self.momentum, "momentum", part_of_whole());
    part("weight_decay", self.weight_decay, "L2 on every parameter", at_least(0));
    part("warmup", self.warmup, "share of the steps in which lr climbs", part_of_whole());
    part("log_every", self.log_every, "epochs between two points of the learning curves",
         at_least(1));
  }
};

// ConfigError where `examples` ("clips") of the training set do not fill one batch.
inline void check_batch(const TrainSettings& s, int64_t examples, const std::string& called) {
  need(s.batch <= examples, "batch: " + std::to_string(s.batch) + " " + called + " a step of " +
                                std::to_string(examples) + " training " + called);
}

// Step i of `steps`: a climb to lr over the warm-up, then half a cosine to 0.
inline Sgd sgd_at(const TrainSettings& s, int64_t i, int64_t steps, double lr) {
  return {.lr = cosine_with_warmup(lr, steps, s.warmup)(i),
          .momentum = s.momentum,
          .weight_decay = s.weight_decay};
}

}  // namespace regrad::experiment

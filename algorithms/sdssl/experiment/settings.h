// What decides a run of regrad-sdssl.
#pragma once

#include <regrad/algorithms/experiment/range.h>
#include <regrad/algorithms/sdssl/sdssl.h>

#include <string>
#include <vector>

namespace regrad::sdssl {

// The defaults are a pilot's (text-and-ssl.md 3.2).
struct Settings {
  std::string base = "simclr", optimizer = "adamw";
  int train = 100000, test = 100000, size = 32;
  double test_share = 0.2;
  int patch = 8, width = 64, depth = 6, heads = 4;
  int steps = 600, batch = 64, log_every = 100;
  double lr = 3e-3, weight_decay = 0.1, warmup = 0.1;
  double tau = 0.2, alpha = 0, momentum = 0.99;
  int hidden = 256, lower_hidden = 128, projection = 64, predictor_hidden = 256;
  double scale = 0.2;
  bool blur = false;
  int k = 20;
  double temperature = 0.07;
  int probe_epochs = 50;
  double probe_lr = 0.5;
  bool by_target = false;

  static void parts(auto& self, auto&& part) {
    using namespace experiment;
    part("base", self.base, "simclr, byol or mocov3: what self-distillation is added to");
    part("train", self.train, "training images, the first so many; k-NN's bank and the probe's too",
         at_least(2));
    part("test", self.test, "test images, the first so many", at_least(2));
    part("size", self.size, "folder: pixels per side that pictures are brought to",
         between(1, 4096));
    part("test_share", self.test_share,
         "folder without train/ and test/: share of each class that is kept for test, by a hash of "
         "the names",
         inside());
    part("patch", self.patch, "pixels per side of a patch, a divisor of the image's", at_least(1));
    part("width", self.width, "of the ViT, a multiple of 4 and of heads", between(4, 4096));
    part("depth", self.depth, "its layers", between(2, 64));
    part("heads", self.heads, "of attention", at_least(1));
    part("steps", self.steps, "of training", at_least(1));
    part("batch", self.batch, "images a step, two views of each", at_least(2));
    part("log_every", self.log_every, "steps between two points of the learning curve",
         at_least(1));
    part("optimizer", self.optimizer, "adamw or lars");
    part("lr", self.lr, "highest step size", above(0));
    part("weight_decay", self.weight_decay, "on matrices", at_least(0));
    part("warmup", self.warmup, "share of the steps in which lr climbs", part_of_whole());
    part("tau", self.tau, "temperature of the contrastive losses", above(0));
    part("alpha", self.alpha,
         "weight of the lower layers' loss at the end; 0: the code's, 1 of mocov3 and 0.8 else",
         at_least(0));
    part("momentum", self.momentum, "of the target at the first step; 1 at the last", share());
    part("hidden", self.hidden, "of the last layer's projector", at_least(1));
    part("lower_hidden", self.lower_hidden, "of the lower layers' projectors", at_least(1));
    part("projection", self.projection, "numbers that projectors and predictors end in",
         at_least(1));
    part("predictor_hidden", self.predictor_hidden, "of predictors", at_least(1));
    part("scale", self.scale, "random crops take at least this share of an image",
         {.least = 0, .most = 1, .above = true});
    part("blur", self.blur, "the papers' views: one blurred, the other sometimes and solarized");
    part("k", self.k, "neighbours of k-NN", at_least(1));
    part("temperature", self.temperature, "k-NN: a neighbour's weight is exp(cosine / this)",
         above(0));
    part("probe_epochs", self.probe_epochs, "linear probe: passes over the training features",
         at_least(1));
    part("probe_lr", self.probe_lr, "linear probe: step size at 256 examples a batch", above(0));
    part("by_target", self.by_target,
         "evaluate the target net (byol, mocov3), not the one trained");
  }
};

struct Row {
  const char *name, *help;
  Lower lower;
  bool predictors = true, trained = true, pixels = false;
  bool by_default = true;
};
// base, sd, sd-sum, sd-no-pred, random, pixels.
const std::vector<Row>& rows();
const Row& row(const std::string& name);

// base, optimizer: ConfigError where they are none.
Options options(const Row& row, const Settings& s);
Training training(const Settings& s);
VitOptions vit(const Settings& s, int64_t side, int64_t channels);

}  // namespace regrad::sdssl

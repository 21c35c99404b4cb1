// What decides a run of regrad-ppp.
#pragma once

#include <regrad/algorithms/experiment/config.h>

#include <string>
#include <vector>

namespace regrad::ppp {

struct Settings {
  int depth = 8, width = 16;
  std::string gate = "channel";
  int epochs = 20, persons = 8, samples = 8;
  double lr = 0.1, momentum = 0.9, weight_decay = 5e-4;
  std::vector<double> milestones = {0.5, 0.75};
  double gamma = 0.1;
  int log_every = 5;
  double target = 0.6, rate = 20, prototype = 1;
  bool shared = true;
  int enrol = 10, tune_epochs = 5;
  double tune_lr = 0.01;
  int draws = 3, others = 5;
  int held = 2;
  bool leave_out = false;
  int people = 20, classes = 4, train = 200, validation = 20, test = 100;
  int size = 32;
  double seconds = 1, test_share = 0.2;

  static void parts(auto& self, auto&& part) {
    using namespace experiment;
    part("depth", self.depth, "of the residual net: 6 n + 2", between(8, 1000));
    part("width", self.width, "its channels in the first of three stages", between(1, 4096));
    part("gate", self.gate, "channel (of a block's hidden channels) or block (of its branch)");
    part("epochs", self.epochs, "passes over the training set, in examples drawn", at_least(1));
    part("persons", self.persons, "P of a batch, at most those of the training", between(1, 4096));
    part("samples", self.samples, "K of each of them", between(2, 4096));
    part("lr", self.lr, "first step size (SGD)", above(0));
    part("momentum", self.momentum, "momentum", part_of_whole());
    part("weight_decay", self.weight_decay, "L2 on every parameter", at_least(0));
    part("milestones", self.milestones, "shares of the steps after which lr is multiplied by gamma",
         at_least(0));
    part("gamma", self.gamma, "factor on lr at a milestone", at_least(0));
    part("log_every", self.log_every, "epochs between two points of the learning curves",
         at_least(1));
    part("target", self.target, "tau, the share of gates that should be open", share());
    part("rate", self.rate, "a, weight of the rate's loss", at_least(0));
    part("prototype", self.prototype, "b, weight of the prototypes' loss in row ppp and its like",
         at_least(0));
    part("shared", self.shared, "every second batch runs with its persons' shared gates");
    part("enrol", self.enrol, "k, examples that stand for a person", between(1, 65536));
    part("tune_epochs", self.tune_epochs, "norm-tuned: passes over them, a step each",
         between(0, 100000));
    part("tune_lr", self.tune_lr, "norm-tuned: step size", above(0));
    part("draws", self.draws, "random: sets of channels that a person's accuracy is averaged over",
         between(1, 1000));
    part("others", self.others,
         "ppp-other: other persons whose prototypes a person's accuracy is averaged over",
         between(1, 1000));
    part("held", self.held, "persons who are in no training, the last ones", between(0, 1000));
    part("leave_out", self.leave_out,
         "for each person one more net, trained without that person (rows of ppp)");
    part("people", self.people,
         "glyphs, persons, a folder that tells no persons: how many are made", between(2, 1000));
    part("classes", self.classes, "the same: classes of each", between(1, 10));
    part("train", self.train, "glyphs, persons: training images of a person", between(1, 1000000));
    part("validation", self.validation, "glyphs, persons: images of a person behind the curve",
         between(1, 1000000));
    part("test", self.test, "glyphs, persons: test images of a person", between(1, 1000000));
    part("size", self.size, "folder: pixels per side that pictures are brought to",
         between(8, 1024));
    part("seconds", self.seconds, "folder: length of a sound, cut or repeated", between(0.1, 60));
    part("test_share", self.test_share,
         "folder without train/ and test/: share of each class that is kept for test, by a hash of "
         "the names",
         inside());
  }
};

}  // namespace regrad::ppp

// What decides a run of regrad-rde.
#pragma once

#include <regrad/algorithms/experiment/range.h>

#include <string>
#include <vector>

namespace regrad::rde {

struct TableSettings {
  std::vector<std::string> nets = {"cnn", "bilstm", "transformer"}, attacks = {"pwws", "tf-lite"};
  int train = 100000, validation = 100000, test = 100000, attacked = 1000;
  std::string text_column = "text", label_column = "label", wordnet;
  int words = 20000, most = 64, width = 128;
  int epochs = 5, batch = 32, log_every = 1;
  double lr = 1e-3, dropout = 0.3, word_dropout = 0.1;
  double confident = 0.9;
  int components = 50, fit = 8000, adversarial = 1000, splits = 1;
  double gamma = 0;
  std::string singular = "pinv";

  static void parts(auto& self, auto&& part) {
    using namespace experiment;
    part("nets", self.nets, "classifiers from scratch: cnn, bilstm, transformer");
    part("attacks", self.attacks, "pwws, tf-lite, tf-adj-lite");
    part("train", self.train, "training texts, the first so many", at_least(2));
    part("validation", self.validation, "validation texts, the first so many", at_least(2));
    part("test", self.test, "test texts, the first so many", at_least(2));
    part("attacked", self.attacked, "test texts that are attacked, the first so many",
         at_least(10));
    part("text_column", self.text_column, "table: the column of the texts");
    part("label_column", self.label_column, "table: the column of the labels");
    part("wordnet", self.wordnet, "folder of WordNet's files; empty: Debian's");
    part("words", self.words, "words of the vocabulary, the most frequent ones", at_least(1));
    part("most", self.most, "tokens of a text that a net reads", between(1, 4096));
    part("width", self.width, "of a word's vector", between(1, 4096));
    part("epochs", self.epochs, "passes over the training texts", at_least(1));
    part("batch", self.batch, "texts of a step", at_least(1));
    part("log_every", self.log_every, "epochs between two points of the learning curve",
         at_least(1));
    part("lr", self.lr, "Adam's step size", above(0));
    part("dropout", self.dropout, "of the features", share());
    part("word_dropout", self.word_dropout, "share of words that training leaves out", share());
    part("confident", self.confident,
         "far from the boundary: attacks go on until a wrong class has this probability", share());
    part("components", self.components, "RDE: P of kernel PCA", at_least(1));
    part("fit", self.fit, "RDE: training texts that it is fitted on, drawn", at_least(10));
    part("gamma", self.gamma, "RDE: of the RBF kernel; 0: 1 / width of the features", at_least(0));
    part("singular", self.singular,
         "what answers a class whose covariance is singular: pinv (as the authors' code), refuse");
    part("adversarial", self.adversarial, "at most so many attacked texts in a mixture (N_max)",
         at_least(1));
    part("splits", self.splits, "draws of the mixtures, whose mean a seed reports", at_least(1));
  }
};

}  // namespace regrad::rde

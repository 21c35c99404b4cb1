// What decides a run of regrad-rde.
#pragma once

#include <regrad/algorithms/experiment/range.h>

#include <string>
#include <vector>

namespace regrad::rde {

// Of a pretrained net: AdamW, whose step size climbs from 0 and falls in a line to 0.
struct FineTuning {
  int epochs = 3;
  double lr = 5e-5, warmup = 0.1, weight_decay = 0.01, clip = 1;

  static void parts(auto& self, auto&& part) {
    using namespace experiment;
    part("epochs", self.epochs, "pretrained: passes over the training texts", at_least(0));
    part("lr", self.lr, "pretrained: AdamW's largest step size", above(0));
    part("warmup", self.warmup, "pretrained: share of the steps in which it climbs", share());
    part("weight_decay", self.weight_decay, "pretrained: of matrices", at_least(0));
    part("clip", self.clip, "pretrained: largest norm of a step's gradient; 0: any", at_least(0));
  }
};

struct TableSettings {
  std::vector<std::string> nets = {"cnn", "bilstm", "transformer"}, attacks = {"pwws", "tf-lite"};
  int train = 100000, validation = 100000, test = 100000, attacked = 1000;
  std::string text_column = "text", label_column = "label", wordnet;
  std::string net;
  FineTuning fine_tuning = {};
  int words = 20000, most = 64, width = 128;
  int epochs = 5, batch = 32, log_every = 1;
  double lr = 1e-3, dropout = 0.3, word_dropout = 0.1;
  double confident = 0.9;
  int mlm_epochs = 8;
  int components = 50, fit = 8000, adversarial = 1000, splits = 1;
  double gamma = 0;
  std::string singular = "pinv";

  static void parts(auto& self, auto&& part) {
    using namespace experiment;
    part("nets", self.nets,
         "classifiers: cnn, bilstm, transformer from scratch, pretrained from --net; empty: the "
         "preset's, or with --net pretrained");
    part("net", self.net, "folder of a pretrained BERT or RoBERTa (Hugging Face's layout)",
         a_path());
    part("fine_tuning", self.fine_tuning);
    part("attacks", self.attacks,
         "pwws, tf-lite, tf-adj-lite, bae-lite; empty: the preset's, or of these with --net pwws "
         "and tf-lite");
    part("train", self.train, "training texts, the first so many", at_least(2));
    part("validation", self.validation, "validation texts, the first so many", at_least(2));
    part("test", self.test, "test texts, the first so many", at_least(2));
    part("attacked", self.attacked, "test texts that are attacked, the first so many",
         at_least(10));
    part("text_column", self.text_column, "table: the column of the texts");
    part("label_column", self.label_column, "table: the column of the labels");
    part("wordnet", self.wordnet, "folder of WordNet's files; empty: Debian's", a_path());
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
    part("mlm_epochs", self.mlm_epochs,
         "bae-lite: passes of its masked language model over the training texts", at_least(1));
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

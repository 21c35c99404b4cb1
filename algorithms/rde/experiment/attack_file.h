// regrad-rde attack: a log in TextAttack's layout of an attack on a classifier, text by text.
#pragma once

#include <regrad/engine/io/serialize.h>

#include <functional>
#include <string>

namespace regrad::rde {

using Print = std::function<void(const std::string&)>;

struct AttackOptions {
  std::string model, out;  // files: --model (or a run's folder), the log
  std::string attack = "pwws";
  std::string task, data;  // whose test texts are attacked, and whose corpus gives neighbours
  std::string texts;       // or a table of one's own: columns as below
  std::string text_column = "text", label_column = "label", wordnet;
  int attacked = 100000;
  double confident = 0;  // 0: an attack ends where the prediction turns
  double checkpoint_every = 10;
  bool resume = false, force = false, quiet = false;
};

// Attacks the texts one after the other and writes the log whole, when all are done. Until then
// `out`.attack.safetensors holds what is done; a run killed anywhere and resumed ends in the same
// bytes. ConfigError: options that contradict each other, a log or a checkpoint that is there
// (resume and force decide), a checkpoint of another attack, a log that another process writes;
// IOError as load_model and load_data; Interrupted at a signal, after a checkpoint.
void attack_texts(const AttackOptions& options, const Print& print);

// What a checkpoint is of: a resume must have the same.
Metadata attack_key(const AttackOptions& options);

}  // namespace regrad::rde

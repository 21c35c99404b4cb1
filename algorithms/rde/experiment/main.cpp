// regrad-rde: tables of attacked texts and of what finds them, and their parts as commands.
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/rde/experiment/command.h>
#include <regrad/algorithms/rde/experiment/table.h>
#include <regrad/algorithms/rde/experiment/train_table.h>

#include <string>
#include <vector>

namespace {

// The words of `regrad-rde train ..` as a program's own.
int train(int argc, char** argv) {
  const std::string name = std::string(argv[0]) + " train";
  std::vector<const char*> words = {name.c_str()};
  words.insert(words.end(), argv + 2, argv + argc);
  regrad::experiment::TaskList tasks = regrad::rde::train_tasks();
  return regrad::experiment::main(tasks, static_cast<int>(words.size()), words.data());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "train") return train(argc, argv);
  regrad::experiment::TaskList tasks = regrad::rde::rde_tasks();
  return regrad::experiment::main(tasks, argc, argv, regrad::rde::run_command,
                                  regrad::rde::commands_help);
}

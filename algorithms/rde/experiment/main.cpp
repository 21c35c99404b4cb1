// regrad-rde: tables of attacked texts and of what finds them, and their parts as commands.
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/rde/experiment/command.h>
#include <regrad/algorithms/rde/experiment/table.h>
#include <regrad/algorithms/rde/experiment/train_table.h>

#include <algorithm>
#include <cstdio>
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
  using namespace regrad;
  if (argc > 1 && std::string(argv[1]) == "train") return train(argc, argv);
  const auto print = [](const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
  };
  bool ran = false;
  const int code = experiment::exit_code_of([&] { ran = rde::run_command(argc, argv, print); });
  if (ran || code != 0) return code;
  experiment::TaskList tasks = rde::rde_tasks();
  const int of_table = experiment::main(tasks, argc, argv);
  const bool help = std::any_of(argv + 1, argv + argc, [](const std::string& word) {
    return word == "--help" || word == "-h";
  });
  if (of_table == 0 && help) print(rde::commands_help);
  return of_table;
}

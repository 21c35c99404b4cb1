// regrad-sdssl: tables of layers that learn from the last one, and a command that embeds pictures.
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/sdssl/experiment/command.h>
#include <regrad/algorithms/sdssl/experiment/table.h>

#include <algorithm>
#include <cstdio>
#include <string>

int main(int argc, char** argv) {
  using namespace regrad;
  const auto print = [](const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
  };
  bool ran = false;
  const int code = experiment::exit_code_of([&] { ran = sdssl::run_command(argc, argv, print); });
  if (ran || code != 0) return code;
  experiment::TaskList tasks = sdssl::sdssl_tasks();
  const int of_table = experiment::main(tasks, argc, argv);
  const bool help = std::any_of(argv + 1, argv + argc, [](const std::string& word) {
    return word == "--help" || word == "-h";
  });
  if (of_table == 0 && help) print(sdssl::commands_help);
  return of_table;
}

// regrad-asc: tables of acoustic scenes by device, and two commands on sound files.
#include <regrad/algorithms/asc/experiment/files.h>
#include <regrad/algorithms/asc/experiment/table.h>
#include <regrad/algorithms/experiment/experiment.h>

#include <cstdio>
#include <string>

namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

bool asks_for_help(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (std::string(argv[i]) == "--help" || std::string(argv[i]) == "-h") return true;
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace regrad;
  if (asc::is_command(argc, argv))
    return experiment::exit_code_of([&] { asc::run_command(argc, argv, print); });
  experiment::TaskList tasks = asc::asc_tasks();
  const int code = experiment::main(tasks, argc, argv);
  if (code != 0 || !asks_for_help(argc, argv)) return code;
  return experiment::exit_code_of([] { print(asc::commands_help()); });
}

// regrad-ppp: tables of persons, and commands that cut a net for one of them and that classify.
#include <regrad/algorithms/experiment/data/classify.h>
#include <regrad/algorithms/ppp/experiment/command.h>
#include <regrad/algorithms/ppp/experiment/table.h>

int main(int argc, char** argv) {
  using namespace regrad;
  experiment::TaskList tasks = ppp::ppp_tasks();
  const auto command = [](int n, const char* const* words, const experiment::Print& print) {
    return ppp::run_command(n, words, print) || experiment::run_classify(n, words, print);
  };
  const std::string help = ppp::commands_help + experiment::classify_help("regrad-ppp");
  return experiment::main(tasks, argc, argv, command, help.c_str());
}

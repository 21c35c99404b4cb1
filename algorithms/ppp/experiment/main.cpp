// regrad-ppp: tables of persons, and a command that cuts a net for one of them.
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/ppp/experiment/command.h>
#include <regrad/algorithms/ppp/experiment/table.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::ppp::ppp_tasks();
  return regrad::experiment::main(tasks, argc, argv, regrad::ppp::run_command,
                                  regrad::ppp::commands_help);
}

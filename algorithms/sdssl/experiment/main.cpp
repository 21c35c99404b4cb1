// regrad-sdssl: tables of layers that learn from the last one, and a command that embeds pictures.
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/sdssl/experiment/command.h>
#include <regrad/algorithms/sdssl/experiment/table.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::sdssl::sdssl_tasks();
  return regrad::experiment::main(tasks, argc, argv, regrad::sdssl::run_command,
                                  regrad::sdssl::commands_help);
}

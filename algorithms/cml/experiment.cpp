#include <regrad/algorithms/cml/sinusoid.h>
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/experiment/tasks.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks;
  tasks.add("sinusoid", std::make_unique<regrad::cml::SinusoidExperiment>());
  return regrad::experiment::main(tasks, argc, argv);
}

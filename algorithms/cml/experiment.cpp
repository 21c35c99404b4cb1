#include <regrad/algorithms/cml/sinusoid.h>
#include <regrad/algorithms/experiment/experiment.h>

int main(int argc, char** argv) {
  regrad::cml::SinusoidExperiment experiment;
  return regrad::experiment::main(experiment, argc, argv);
}

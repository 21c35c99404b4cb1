#include <regrad/algorithms/cml/images.h>
#include <regrad/algorithms/cml/node_data.h>
#include <regrad/algorithms/cml/sinusoid.h>
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/experiment/tasks.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks;
  tasks.add("sinusoid", std::make_unique<regrad::cml::SinusoidExperiment>());
  tasks.add("omniglot", regrad::cml::omniglot_experiment());
  tasks.add("images", regrad::cml::images_experiment());
  using regrad::cml::NodeEncoder;
  const auto nodes = [&](const char* name, NodeEncoder encoder) {
    tasks.add(name, std::make_unique<regrad::cml::NodeExperiment>(name, encoder, regrad::cml::load_nodes));
  };
  nodes("nodes", NodeEncoder::sgc);
  nodes("nodes-gmeta", NodeEncoder::gmeta);
  nodes("nodes-amm", NodeEncoder::amm);
  return regrad::experiment::main(tasks, argc, argv);
}

#include <regrad/algorithms/cml/experiment/images.h>
#include <regrad/algorithms/cml/experiment/node_data.h>
#include <regrad/algorithms/cml/experiment/sinusoid.h>
#include <regrad/algorithms/cml/experiment/tasks.h>

namespace regrad::cml {

experiment::TaskList cml_tasks() {
  experiment::TaskList tasks;
  tasks.add("sinusoid", std::make_unique<SinusoidExperiment>());
  tasks.add("omniglot", omniglot_experiment());
  tasks.add("images", images_experiment());
  const auto nodes = [&](const char* name, NodeEncoder encoder) {
    tasks.add(name, std::make_unique<NodeExperiment>(name, encoder, load_nodes));
  };
  nodes("nodes", NodeEncoder::sgc);
  nodes("nodes-gmeta", NodeEncoder::gmeta);
  nodes("nodes-amm", NodeEncoder::amm);
  return tasks;
}

}  // namespace regrad::cml

#include <regrad/algorithms/cml/experiment/images.h>
#include <regrad/algorithms/cml/experiment/nodes.h>
#include <regrad/algorithms/cml/experiment/sinusoid.h>
#include <regrad/algorithms/cml/experiment/tasks.h>

namespace regrad::cml {

experiment::TaskList cml_tasks() {
  experiment::TaskList tasks;
  tasks.add("sinusoid", std::make_unique<SinusoidExperiment>());
  tasks.add("omniglot", omniglot_experiment());
  tasks.add("images", images_experiment());
  for (const auto& [name, encoder] :
       {std::pair{"nodes", NodeEncoder::sgc}, std::pair{"nodes-gmeta", NodeEncoder::gmeta},
        std::pair{"nodes-amm", NodeEncoder::amm}})
    tasks.add(name, std::make_unique<NodeExperiment>(name, encoder));
  return tasks;
}

}  // namespace regrad::cml

#include <regrad/algorithms/cml/experiment/nodes.h>
#include <regrad/algorithms/cml/experiment/tasks.h>

namespace regrad::cml {

experiment::TaskList cml_tasks() {
  const std::string methods =
      "MAML and cooperative meta-learning (CML: Shin, Han and Kim, UAI 2024) on ";
  const std::string scored = "few-shot classification, test accuracy in %.";
  experiment::TaskList tasks;
  tasks.add("sinusoid", sinusoid_experiment());
  const auto images = [&](const char* name, const std::string& of, const LoadClasses& load,
                          int reaches, const LoadClasses& lazily = {}) {
    tasks.add(name, image_experiment(name, methods + of + ": " + scored, load, reaches, lazily));
  };
  const auto drawn = [](const std::string& folder, int64_t size) {
    return folder.empty() ? glyph_classes(size) : folder_classes(folder, size);
  };
  images("omniglot", "Omniglot", omniglot_classes, 82);
  images("images", "classes of images (--data; without it, drawn glyphs)", drawn, 0);
  images("folder", "pictures in a folder (--data)", folder_classes, 0, lazy_folder_classes);
  const auto nodes = [&](const char* name, const char* of, NodeEncoder encoder) {
    tasks.add(name, nodes_experiment(name, of, encoder));
  };
  nodes("nodes", "Meta-GNN", NodeEncoder::sgc);
  nodes("nodes-gmeta", "G-Meta", NodeEncoder::gmeta);
  nodes("nodes-amm", "AMM-GNN", NodeEncoder::amm);
  return tasks;
}

}  // namespace regrad::cml

#include <regrad/algorithms/cml/experiment/nodes.h>
#include <regrad/algorithms/cml/experiment/tasks.h>

namespace regrad::cml {

experiment::TaskList cml_tasks() {
  const std::string methods =
      "MAML and cooperative meta-learning (CML: Shin, Han and Kim, UAI 2024) on ";
  const std::string scored = "few-shot classification, test accuracy in %.";
  experiment::TaskList tasks;
  tasks.add("sinusoid", sinusoid_experiment());
  tasks.add("omniglot", image_experiment(
                            "omniglot", methods + "Omniglot: " + scored,
                            [](const std::string& folder, int64_t size) {
                              return omniglot_classes(folder, size ? size : 28);
                            },
                            82));
  tasks.add(
      "images",
      image_experiment(
          "images", methods + "classes of images (--data; without it, drawn glyphs): " + scored,
          [](const std::string& folder, int64_t size) {
            return folder.empty() ? glyph_classes(size ? size : 28)
                                  : folder_classes(folder, size ? size : 84);
          },
          0));
  tasks.add("folder", image_experiment(
                          "folder", methods + "pictures in a folder (--data): " + scored,
                          [](const std::string& folder, int64_t size) {
                            return folder_classes(folder, size ? size : 84);
                          },
                          0));
  tasks.add("nodes", nodes_experiment("nodes", NodeEncoder::sgc));
  tasks.add("nodes-gmeta", nodes_experiment("nodes-gmeta", NodeEncoder::gmeta));
  tasks.add("nodes-amm", nodes_experiment("nodes-amm", NodeEncoder::amm));
  return tasks;
}

}  // namespace regrad::cml

// regrad-rfn: tables of norms by device, and a command that classifies sounds.
#include <regrad/algorithms/rfn/experiment/models.h>
#include <regrad/algorithms/rfn/experiment/table.h>

int main(int argc, char** argv) {
  using namespace regrad;
  experiment::TaskList tasks = relaxed_norm::rfn_tasks();
  const auto command = [](int n, const char* const* words, const experiment::Print& print) {
    return experiment::run_classify(n, words, print, relaxed_norm::classifier_readers());
  };
  return experiment::main(tasks, argc, argv, command,
                          experiment::classify_help("regrad-rfn").c_str());
}

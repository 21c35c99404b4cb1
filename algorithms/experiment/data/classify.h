// `classify MODEL FILE..` of every binary: the most likely classes of pictures or sounds, by any
// model that a binary left in models/, and by the small files that regrad-sparse and regrad-ppp
// write.
//
//   const Classifier c = load_classifier("out/models/map-90%-seed-0.safetensors");
//   Tensor p = softmax(c.logits("cat.png"), -1);      // [classes]
#pragma once

#include <regrad/algorithms/experiment/data/inputs.h>
#include <regrad/algorithms/experiment/experiment.h>

#include <functional>
#include <string>
#include <vector>

namespace regrad::experiment {

struct Classifier {
  std::vector<std::string> classes;
  // f32 [classes] of a PNG or JPEG, or WAV, FLAC or OGG file, whichever the model takes. IOError
  // naming it: it is broken, or the other kind.
  std::function<Tensor(const std::string& file)> logits;
};

// Nets that one binary alone has. Its reader gives nothing where the file's `net` is another's.
struct ClassifierReader {
  std::vector<std::string> nets;  // by the metadata's `net`
  Classifier (*read)(const TensorFile& file);
};
// IOError naming the file: it is broken; its metadata lack what is needed (with the run that writes
// it); its net is no classifier of files, such as one that learns from a support set.
Classifier load_classifier(const std::string& path, const std::vector<ClassifierReader>& own = {});

// Those of a small file; "class 0" and so on where it has no names.
std::vector<std::string> class_names(const InferenceNet& net);

// "cat.png: cat 81.2%, dog 10.3%, owl 4.0%": the three most likely.
std::string likeliest(const std::string& file, const Tensor& logits,
                      const std::vector<std::string>& classes);

// Whether argv's first word is `classify`; then it ran: a line of each file on stdout, a file that
// cannot be read on stderr (each_file). ConfigError at a wrong use.
bool run_classify(int argc, const char* const* argv, const Print& print,
                  const std::vector<ClassifierReader>& own = {});
// The table, and `classify` beside it, with the readers that every binary has.
int main_with_classify(Experiment& experiment, int argc, const char* const* argv);
// For --help, of a program's name: "\nA command classifies files ..".
std::string classify_help(const std::string& program);

}  // namespace regrad::experiment

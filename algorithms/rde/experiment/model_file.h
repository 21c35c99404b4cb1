// A classifier that a run left in models/, read back with all that it needs to classify texts.
#pragma once

#include <regrad/algorithms/rde/experiment/victim.h>

#include <string>
#include <vector>

namespace regrad::rde {

struct Model {
  Classifier classifier;
  std::vector<std::string> classes;  // by label
  std::string without;               // logs whose texts it was not trained on; empty: none
  std::string net;                   // one of net_names()
  std::string bytes;  // a number for the file's content: another file, another number
};

// A safetensors file, or the --out of a run that left one file in its models/. IOError naming the
// file: no such file, several in the folder, metadata that lack or do not fit the tensors.
Model load_model(const std::string& path);

// Labels of `texts` have their places in the model's classes. IOError naming `where` otherwise.
void check_classes(const Model& model, const std::vector<std::string>& classes,
                   const std::string& where);

}  // namespace regrad::rde

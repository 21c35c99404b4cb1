// regrad-rde detect on features: guards any classifier of anyone's, from its last hidden layer.
#pragma once

#include <functional>
#include <string>

namespace regrad::rde {

using Print = std::function<void(const std::string&)>;

// Files are .npy, or safetensors with a tensor of the flag's name ("features", "labels", "test",
// "predicted", "attacked"); `tensors` is one for all that no flag names.
struct FeatureOptions {
  std::string tensors, features, labels, test, predicted, attacked;
  std::string guard, save;  // a detector that was saved; where to save the fitted one
  std::string scores;       // .npy to write; else scores are printed, a line each
  std::string method = "rde";
  int components = 100, rows = 8000;
  double gamma = 0;
  bool pinv = false;
  uint64_t seed = 0;
};

// Fits (or loads) a detector, saves it, scores `test` by the class predicted; with `attacked` (0 or
// 1) also AUC, TPR and F1. Files are written when all is computed. ConfigError: options that
// contradict each other; IOError naming the file: tensors that are missing, of another dtype or
// shape; NumericError: NaN, a class without a covariance.
void detect_features(const FeatureOptions& options, const Print& print);

}  // namespace regrad::rde

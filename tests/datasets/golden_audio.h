// The cases of golden/audio.txt, and the signal of both sides.
#pragma once

#include <regrad/engine/io/files.h>
#include <regrad/engine/tensor.h>

#include <cmath>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace regrad::test {

struct GoldenAudio {
  int64_t samples = 0;
  std::map<std::string, std::string> settings;
  std::vector<int64_t> sizes;
  std::vector<double> values;
  int64_t number(const std::string& key) const { return std::stoll(settings.at(key)); }
};

inline std::vector<GoldenAudio> golden_audio(const std::string& name) {
  std::vector<GoldenAudio> out;
  std::istringstream text(read_file(REGRAD_GOLDEN_AUDIO));
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line), shape;
    std::string word, case_name;
    GoldenAudio g;
    words >> word >> case_name >> g.samples;
    while (words >> word)
      g.settings[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    std::getline(text, line);
    std::istringstream values(line);
    values >> word >> word;
    shape.str(word.substr(1));
    for (int64_t n = 0; shape >> n; shape.get()) g.sizes.push_back(n);
    for (double v = 0; values >> v;) g.values.push_back(v);
    if (case_name == name) out.push_back(std::move(g));
  }
  return out;
}

inline Tensor golden_signal(int64_t n) {
  std::vector<double> x;
  for (int64_t k = 0; k < n; ++k) {
    const auto i = static_cast<double>(k);
    x.push_back(0.4 * std::sin(i * i / 5000) + 0.3 * std::cos(0.37 * i) +
                0.1 * (static_cast<double>(7919 * k % 1009) / 1009 - 0.5));
  }
  return tensor(x, {n});
}

}  // namespace regrad::test

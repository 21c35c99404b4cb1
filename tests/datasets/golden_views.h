// The cases of golden/views.txt, and the images of both sides.
#pragma once

#include <regrad/engine/io/files.h>
#include <regrad/engine/tensor.h>

#include <cmath>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "../unit.h"

namespace regrad::test {

inline Tensor unit_image(const Shape& sizes, bool quarters = false, uint32_t stream = 1) {
  std::vector<float> x;
  for (int64_t i = 0; i < sizes.numel(); ++i) {
    const auto u = static_cast<float>(unit(stream, static_cast<uint32_t>(i)));
    x.push_back(quarters ? std::nearbyint(u * 4) / 4 : u);
  }
  return tensor(x, sizes);
}

struct GoldenView {
  std::string name;
  Tensor image;
  std::map<std::string, double> settings;
  Shape sizes;
  std::vector<double> values;
  double at(const std::string& key) const { return settings.at(key); }
  int64_t integer(const std::string& key) const { return static_cast<int64_t>(at(key)); }
};

inline std::vector<GoldenView> golden_views() {
  std::vector<GoldenView> out;
  std::istringstream text(read_file(REGRAD_GOLDEN_VIEWS));
  for (std::string line; std::getline(text, line);) {
    GoldenView g;
    std::istringstream words(line);
    std::string word;
    int64_t c = 0, h = 0, w = 0, steps = 0;
    words >> word >> g.name >> c >> h >> w >> steps;
    g.image = unit_image({c, h, w}, steps != 0);
    while (words >> word) {
      const size_t equals = word.find('=');
      g.settings[word.substr(0, equals)] = std::stod(word.substr(equals + 1));
    }
    std::getline(text, line);
    std::istringstream values(line);
    values >> word >> word;
    std::istringstream shape(word.substr(1));
    for (int64_t n = 0; shape >> n; shape.get()) g.sizes.push_back(n);
    for (double v = 0; values >> v;) g.values.push_back(v);
    out.push_back(std::move(g));
  }
  return out;
}

}  // namespace regrad::test

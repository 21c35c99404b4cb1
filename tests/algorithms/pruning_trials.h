// A pruning trial on images of a few pixels.
#pragma once

#include <regrad/algorithms/pruning/experiment/trial.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace regrad::test {

using namespace pruning;
using namespace experiment;
using Values = std::map<std::string, std::vector<double>>;

// 30 training and 20 test images of 8x8 pixels in four classes, in turn; a class is bright in its
// corner.
inline Images images(uint64_t seed = 5) {
  const auto part = [&](const char* name, int64_t n) {
    Tensor x = uniform(Random(seed) / name, {n, 1, 8, 8}, 0, 0.6);
    std::vector<int64_t> y;
    std::vector<double> bright(static_cast<size_t>(64 * n), 0.0);
    for (int64_t i = 0; i < n; ++i) {
      y.push_back(i % 4);
      for (int64_t p = 0; p < 64; ++p)
        if (p % 8 / 4 == i % 2 && p / 32 == i % 4 / 2)
          bright[static_cast<size_t>(64 * i + p)] = 0.3;
    }
    return ImageSet{x + tensor(bright, {n, 1, 8, 8}, DType::f32), tensor(y), {"a", "b", "c", "d"}};
  };
  return {part("train", 30), part("test", 20), {0.3}, {0.2}};
}

inline Settings settings() {
  Settings s;
  s.net = "tiny";
  s.epochs = 8, s.batch = 8, s.refresh = 2, s.lr = 0.05, s.warmup = 0.1;
  s.train = 24, s.test = 18, s.curve = 10;  // fewer than there are
  s.sparsities = {0.75};
  return s;
}

inline std::unique_ptr<Trial> trial_of(const char* row, const Images& of,
                                       const Settings& s = settings(), uint64_t seed = 3) {
  return pruning::trial({row, "75%", seed}, s, std::make_shared<const Images>(of));
}

inline Values state_of(Trial& t) {
  Values out;
  t.state([&](const std::string& name, Tensor& x) { out[name] = x.to(DType::f64).to_vector(); });
  return out;
}
// Without the learning curve, which is what test images make.
inline Values trained(Trial& t) {
  Values out = state_of(t);
  out.erase("curve");
  return out;
}

}  // namespace regrad::test

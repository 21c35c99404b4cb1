// What three seen and four unseen devices might have recorded, as few numbers in f64.
#pragma once

#include <regrad/algorithms/experiment/data/recordings.h>
#include <regrad/engine/functional.h>

#include <memory>
#include <numeric>

#include "rfn_told.h"

namespace regrad::test {

inline constexpr int seen = 3, unseen = 4, train_clips = 10, test_clips = 7, held_clips = 5,
                     classes = 3;

// Random spectrograms in f64: levels and scales by frequency, a level by device and by class.
inline experiment::Recordings recordings(int64_t mels, int64_t frames, int64_t tests = test_clips) {
  const Random r(9);
  const auto clips = [&](const char* name, int64_t n, const Tensor& y, const Tensor& device) {
    const auto by_clip = [](const Tensor& t) {
      return reshape(t.to(DType::f64), {t.size(0), 1, 1, 1});
    };
    return normal(r / name, {n, 1, mels, frames}, 0, 1, DType::f64) *
               uniform(r / "scale", {mels, 1}, 0.5, 2, DType::f64) +
           uniform(r / "level", {mels, 1}, -4, 1, DType::f64) +
           by_clip(device) * normal(r / "curve", {mels, 1}, 0, 0.5, DType::f64) +
           by_clip(y) * normal(r / "class", {mels, frames}, 0, 0.3, DType::f64);
  };
  experiment::Recordings out;
  out.train_y = tensor({0, 1, 2, 1, 0, 2, 2, 1, 0, 1}, DType::i64);
  out.train_device = tensor({0, 0, 0, 0, 0, 0, 1, 1, 2, 2}, DType::i64);
  out.train_x = clips("train", train_clips, out.train_y, out.train_device);
  for (int64_t d = 0; d < seen + unseen; ++d) {
    out.test_y.push_back(randint(r / "test y", 0, classes, {tests}));
    out.test_x.push_back(clips(("test " + std::to_string(d)).c_str(), tests, out.test_y.back(),
                               full({tests}, static_cast<double>(d))));
    out.test_group.emplace_back();
    for (int64_t i = 0; i < tests; ++i) out.test_group.back().push_back(100 + i / 2);
    out.devices.push_back("d" + std::to_string(d));
    if (d >= seen) continue;
    out.validation_y.push_back(randint(r / "held y", 0, classes, {held_clips}));
    out.validation_x.push_back(clips(("held " + std::to_string(d)).c_str(), held_clips,
                                     out.validation_y.back(),
                                     full({held_clips}, static_cast<double>(d))));
  }
  out.seen = seen, out.classes = {"a", "b", "c"}, out.front.mel.mels = mels;
  return out;
}
inline std::shared_ptr<const experiment::Recordings> made(int64_t mels, int64_t frames) {
  return std::make_shared<const experiment::Recordings>(recordings(mels, frames));
}

// Some clips of x [n,1,F,T] as constants.
inline Map clips_of(const Tensor& x, const std::vector<int>& which) {
  const std::vector<double> all = x.to_vector();
  Map out(static_cast<int>(which.size()), 1, static_cast<int>(x.size(2)),
          static_cast<int>(x.size(3)));
  each_cell(out, [&](int n, int, int f, int t) {
    out(n, 0, f, t) =
        all[static_cast<size_t>((which[static_cast<size_t>(n)] * out.f + f) * out.t + t)];
  });
  return out;
}
inline std::vector<int> whole(int n) {
  std::vector<int> all(static_cast<size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace regrad::test

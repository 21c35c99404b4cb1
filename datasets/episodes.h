// Few-shot episodes of a set with classes: which rows are support and which are query.
//
//   const EpisodeSampler sampler(omniglot.train.set.labels);
//   const Episodes e = sampler.sample(random / "task" / step, 4, {.ways = 5, .shots = 1, .queries =
//       5});
//   const Tensor x = take_images(omniglot.train.set.images, e.support);  // f32 [4, 5, 1, 28, 28]
#pragma once

#include <regrad/engine/random.h>

#include <vector>

namespace regrad {

// T tasks. Rows of one task are distinct; way w's rows come together, in the order of `classes`.
struct Episodes {
  Tensor support, query;      // i64 [T, ways * shots], [T, ways * queries]: rows of the set
  Tensor support_y, query_y;  // i64, of the same shapes: 0 .. ways - 1
  Tensor classes;             // i64 [T, ways]: way w stands for this class of the set
};

struct EpisodeShape {
  int64_t ways = 5, shots = 1, queries = 15;  // shots and queries a way
};

class EpisodeSampler {
 public:
  // labels: i64 [n], the class of each row; negative ones belong to none. Only these classes, where
  // some are named; classes without rows are left out. DTypeError, ShapeError: labels of another
  // kind; ConfigError: a class named that has no row, or twice.
  explicit EpisodeSampler(const Tensor& labels, const std::vector<int64_t>& classes = {});

  // The stream decides all of it, and task t depends on r / t alone: each class as likely, in any
  // order, without replacement; each of its rows as likely, without replacement. ConfigError:
  // counts below 1 (tasks, ways, shots) or 0 (queries), more ways than classes, a drawn class with
  // fewer than shots + queries rows.
  Episodes sample(const Random& r, int64_t tasks, const EpisodeShape& shape) const;

  // The classes it draws from, ascending.
  const std::vector<int64_t>& classes() const { return classes_; }

 private:
  std::vector<int64_t> classes_;
  std::vector<std::vector<int64_t>> rows_;  // of each of classes_
};

}  // namespace regrad

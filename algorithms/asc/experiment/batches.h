// Training batches of scenes, the same for every row of the table.
#pragma once

#include <regrad/algorithms/asc/experiment/settings.h>
#include <regrad/algorithms/asc/translate.h>

namespace regrad::asc {

struct SceneBatch {
  Tensor x, y;  // [N,1,F,T], soft labels [N,K]
};

// Clips in a random order of their own each epoch, rolled in time, masked and mixed with each
// other.
class SceneBatches {
 public:
  SceneBatches(std::shared_ptr<const experiment::Recordings> data, const Settings& settings)
      : data_(std::move(data)), s_(settings) {}

  int64_t per_epoch() const { return data_->clips() / s_.batch; }
  // Of step i. g: clips of the source are translated to other devices now and then, or nullptr.
  SceneBatch at(int64_t i, const Random& r, const TranslationNet* g = nullptr) const;
  const experiment::Recordings& data() const { return *data_; }

 private:
  std::shared_ptr<const experiment::Recordings> data_;
  Settings s_;
};

}  // namespace regrad::asc

#include <regrad/algorithms/asc/experiment/batches.h>
#include <regrad/datasets/audio/augment.h>
#include <regrad/engine/functional.h>

namespace regrad::asc {

SceneBatch SceneBatches::at(int64_t i, const Random& r, const TranslationNet* g) const {
  const Tensor order = randperm(r / "order" / (i / per_epoch()), data_->clips());
  const experiment::RecordedBatch clips = batch_of(*data_, order, i % per_epoch(), s_.batch);
  SceneBatch b{clips.x, one_hot(clips.y, data_->class_count()).to(clips.x.dtype())};
  if (g) b.x = translated(*g, b.x, clips.device, s_.translation.rate, r / "translated" / i);
  b.x = experiment::rolled(b.x, data_->front.mel, s_.roll, r / "roll" / i);
  if (s_.mask_mels > 0 || s_.mask_frames > 0)
    b.x = spec_augment(b.x, {.frequency_max = s_.mask_mels, .time_max = s_.mask_frames},
                       r / "mask" / i);
  if (s_.mixup > 0) {
    Mixed m = mixup(b.x, b.y, s_.mixup, r / "mixup" / i);
    b = {std::move(m.x), std::move(m.y)};
  }
  return b;
}

}  // namespace regrad::asc

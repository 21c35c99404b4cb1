// Pictures of spectrograms and of confusions.
#pragma once

#include <regrad/algorithms/experiment/picture.h>
#include <regrad/engine/tensor.h>

namespace regrad::asc {

// x [F,T]: time to the right, low frequencies at the bottom, from dark blue (least) over red to
// yellow (most); `zoom` pixels a cell each way. ShapeError where x is not [F,T] or empty.
experiment::Picture spectrogram_picture(const Tensor& x, int zoom = 3);

// counts f64 [K,K], row: the true class, column: the net's answer. Each cell is the share of its
// row, white for 0 and dark for 1.
experiment::Picture confusion_picture(const Tensor& counts, const std::string& caption);

}  // namespace regrad::asc

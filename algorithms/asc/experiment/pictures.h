// Pictures of spectrograms and of confusions.
#pragma once

#include <regrad/algorithms/experiment/listing.h>
#include <regrad/algorithms/experiment/picture.h>
#include <regrad/engine/tensor.h>

namespace regrad::asc {

// x [F,T]: time to the right, low frequencies at the bottom, from dark blue (least) over red to
// yellow (most); `zoom` pixels a cell each way. ShapeError where x is not [F,T] or empty.
experiment::Picture spectrogram_picture(const Tensor& x, int zoom = 3);

// counts f64 [K,K], row: the true class, column: the net's answer. Each cell is the share of its
// row in whole %, under the classes' names. ShapeError where counts are not [K,K] of these classes.
experiment::Listing confusions(const Tensor& counts, const std::vector<std::string>& classes,
                               const std::string& title);

}  // namespace regrad::asc

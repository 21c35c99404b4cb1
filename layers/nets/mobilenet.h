// MobileNetV1 (Howard et al. 2017).
#pragma once

#include <regrad/layers/nets/chain.h>

namespace regrad {

// A 3x3 convolution of `width` / 2 channels, then 13 pairs of a depthwise 3x3 and a
// 1x1 convolution. For images of 32 pixels the first convolution and the second pair keep the size,
// so that the last map is 4x4 (of 28: too); width 64 is the paper's net at multiplier 1.
ChainNet mobilenet(const Random& r, const ConvNetOptions& o, int64_t classes);

}  // namespace regrad

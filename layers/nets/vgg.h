// VGG (Simonyan and Zisserman 2015) with batch norm.
#pragma once

#include <regrad/layers/nets/chain.h>

namespace regrad {

// VGG-16-BN: 13 convolutions 3x3 of width x {1,1, 2,2, 4,4,4, 8,8,8, 8,8,8}, pooled after each
// stage: 32x32 pixels end at 1x1 (the form that is used for CIFAR).
ChainNet vgg16(const Random& r, const ConvNetOptions& o, int64_t classes);

}  // namespace regrad

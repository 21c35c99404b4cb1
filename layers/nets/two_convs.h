// A net of two convolutions, for quick trials.
#pragma once

#include <regrad/layers/nets/chain.h>

namespace regrad {

// Two 3x3 convolutions of `width` and 2 width channels, pooled both.
ChainNet two_convs(const Random& r, const ConvNetOptions& o, int64_t classes);

}  // namespace regrad

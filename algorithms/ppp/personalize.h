// A net with gates, cut for one person (pruning.md section 5): what an app does on the device.
//
//   const ppp::Personal mine = ppp::personalize(net, x);     // x: the person's examples [k,C,H,W]
//   const InferenceNet small = export_net(mine.net, info);   // layers/export.h
//
//   eval mode, no noise;  pi_u = mean over x of pi(x);  a channel stays where pi_u > 1/2, in each
//   block at least the likeliest;  weights are cut, gate nets deleted
//
// No labels, no gradients, no training: 0 nodes are recorded, the net given stays as it is. Each
// example's path is its own (own_gates), so one example keeps its own gates. Gates of blocks take
// out whole branches, and may take out all.
#pragma once

#include <regrad/algorithms/ppp/gates.h>

namespace regrad::ppp {

// pi_u by block, [G] each. Examples are taken 64 at a time. ConfigError where the net has no gates;
// ShapeError where x is not [k,C,H,W] with k >= 1 and the net's channels; NumericError where x,
// or what a gate makes of it, is no number.
Tensors prototype(const GatedNet& net, const Tensor& x);

// 1 where pi > 1/2, else 0, [G] by block; of channels at least the likeliest (the first of equals).
Tensors kept(const GatedNet& net, const Tensors& pi);

// The net that is left with these masks: conv1's filters and norm1's entries, conv2's channels (or
// whole branches), no gate nets. Its outputs are those of the given net with gates given(masks).
// ShapeError where masks do not fit; ConfigError where one keeps no channel.
GatedNet cut(const GatedNet& net, const Tensors& masks);

struct Personal {
  GatedNet net;
  Tensors prototype, masks;
};
Personal personalize(const GatedNet& net, const Tensor& x);

// What stands beside it in the tables. As many channels of each block as `masks` keeps:
// at random, by r / block;
Tensors random_masks(const Tensors& masks, const Random& r);
// those whose filter of conv1 has the largest L2 norm (the first of equals). Masks of branches: as
// many branches of the net, at random by r / 0, or those whose conv1 has the largest mean square
// (ours).
Tensors norm_masks(const GatedNet& net, const Tensors& masks);

// |a and b| / |a or b| of what two persons keep, over all blocks; 1 where both keep nothing.
double overlap(const Tensors& a, const Tensors& b);

}  // namespace regrad::ppp

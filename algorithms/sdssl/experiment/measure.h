// What a net's layers are worth: k-NN, linear probe, alignment; and raw pixels by the same.
#pragma once

#include <regrad/algorithms/experiment/data/images.h>
#include <regrad/algorithms/sdssl/experiment/settings.h>

namespace regrad::sdssl {

// Of a set's images by the net's layers: f32 [n, layers, d].
Tensor features(const Vit& net, const experiment::Images& images, Split part, int64_t first);

// metrics of the row: "k-NN, layer l", "linear, layer l", their means over the lower layers, what
// two views of an image lie apart, and a map of the last layer.
void measure(const experiment::Job& job, const Vit& net, const experiment::Images& images,
             const Settings& s, experiment::Outcome& out);
// "k-NN, cosine of pixels", "k-NN, standardized pixels", "linear, pixels".
void measure_pixels(const experiment::Job& job, const experiment::Images& images, const Settings& s,
                    experiment::Outcome& out);

}  // namespace regrad::sdssl

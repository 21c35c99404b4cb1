// Drawn glyph classes: few-shot images that need no data. A class is a few random strokes; an
// example is a shaky drawing of them.
//
//   const Glyphs glyphs;
//   const ImageSet train = glyphs.sample(Random(seed) / "train", 200, 20);
//       // f32 [4000, 1, 28, 28], ink 1 on 0
//
// A stroke of class c is a quadratic Bezier curve of three points, the first of each stroke
// anywhere in the middle 80% of the unit square, the next ones at least `reach` away from the one
// before. An example moves every point by N(0, wobble^2), then turns the whole by U(-rotation,
// rotation), scales it by 1 + U(-scale, scale) and shifts it by U(-shift, shift) in each direction,
// and draws it with a pen of width
// U(thin, thick). Ink of a pixel falls from 1 to 0 linearly over one pixel's width at the pen's
// edge.
#pragma once

#include <regrad/datasets/images.h>
#include <regrad/engine/random.h>

namespace regrad {

struct Glyphs {
  int64_t size = 28;                       // pixels a side
  int64_t least_strokes = 2, strokes = 4;  // a class has U{least_strokes..strokes} of them
  double reach = 0.25;                     // in the unit square, as all that follow but rotation
  double wobble = 0.02;
  double rotation = 12;  // degrees
  double scale = 0.12, shift = 0.06;
  double thin = 0.05, thick = 0.09;

  // Classes 0 .. classes - 1 of the stream with `examples` each, class by class. The address
  // decides each image: example e of class c is the same in every call with that stream, on any
  // number of threads. ConfigError: counts or size below 1, strokes below least_strokes or either
  // below 1, lengths or angles below 0, thick below thin, or thin not above 0.
  ImageSet sample(const Random& r, int64_t classes, int64_t examples) const;
  // One image, [1, size, size].
  Tensor draw(const Random& r, int64_t of_class, int64_t example) const;
};

}  // namespace regrad

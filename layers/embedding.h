// Tokens as vectors.
//
//   const Embedding words(Random(seed) / "words", 30522, 384, 0);
//   Tensor x = words(ids);                 // i64 [N,L] -> [N,L,384]; id 0's row has no gradient
#pragma once

#include <regrad/engine/functional.h>
#include <regrad/layers/params.h>

namespace regrad {

// The row of each id. ShapeError: an id outside of [0, rows).
struct Embedding {
  Tensor weight;                       // [rows, width]
  std::optional<int64_t> padding_idx;  // its row gets no gradient (PyTorch's); none by default

  Embedding() = default;
  // N(0, deviation^2), zeros in the row of padding_idx (deviation 1: PyTorch's). Stream: r /
  // "weight". ConfigError: sizes below 1; ShapeError: padding_idx outside.
  Embedding(const Random& r, int64_t rows, int64_t width, std::optional<int64_t> padding = {},
            double deviation = 1, DType t = DType::f32);

  Tensor operator()(const Tensor& ids) const { return embedding(ids, weight, padding_idx); }
  static void parts(auto& self, auto&& part) { part("weight", self.weight); }
};

}  // namespace regrad

// Recurrent layers over texts of any lengths.
//
//   const LSTM lstm(Random(seed) / "lstm", 128, 64, {.bidirectional = true});
//   const Packed texts = pack(ids, 0);
//   const LSTM::Output o = lstm(words(texts.ids), texts);   // o.y [M,128], o.h [2,N,64]
#pragma once

#include <regrad/layers/init.h>
#include <regrad/layers/packed.h>
#include <regrad/layers/params.h>

namespace regrad {

// One layer, in PyTorch's order of gates (i, f, g, o) and with its names:
//   i, f, o = sigmoid, g = tanh of W_ih x + b_ih + W_hh h + b_hh;  c <- f c + i g;
//   h <- o tanh(c);  h = c = 0 before the first token.
// The reverse direction reads each text from its own last token to its first. Each text's bits are
// the same in any company. Differentiable to any order.
struct LSTM {
  Tensor weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0;  // [4H,D], [4H,H], [4H], [4H]
  // undefined where one direction is read
  Tensor weight_ih_l0_reverse, weight_hh_l0_reverse, bias_ih_l0_reverse, bias_hh_l0_reverse;

  struct Options {
    bool bidirectional = false;
    DType dtype = DType::f32;
  };
  LSTM() = default;
  // All uniform in +-1/sqrt(hidden) (PyTorch's). Streams: r / the parameter's name. ConfigError:
  // sizes below 1.
  LSTM(const Random& r, int64_t in, int64_t hidden, const Options& o);

  struct Output {
    Tensor y;     // [M, H] or [M, 2 H]: each token's h, forward and backward side by side
    Tensor h, c;  // [1 or 2, N, H]: the last ones of each text; zeros of a text without tokens
  };
  // x [M,D], the texts' tokens. ShapeError where it is not.
  Output operator()(const Tensor& x, const Packed& texts) const;
  // x [N,L,D] (batch first), lengths i64 [N] in [0, L]; undefined: all L. y [N,L,H or 2 H], zeros
  // behind each text.
  Output operator()(const Tensor& x, const Tensor& lengths = {}) const;

  static void parts(auto& self, auto&& part) {
    part("weight_ih_l0", self.weight_ih_l0);
    part("weight_hh_l0", self.weight_hh_l0);
    part("bias_ih_l0", self.bias_ih_l0);
    part("bias_hh_l0", self.bias_hh_l0);
    part("weight_ih_l0_reverse", self.weight_ih_l0_reverse);
    part("weight_hh_l0_reverse", self.weight_hh_l0_reverse);
    part("bias_ih_l0_reverse", self.bias_ih_l0_reverse);
    part("bias_hh_l0_reverse", self.bias_hh_l0_reverse);
  }
};

}  // namespace regrad

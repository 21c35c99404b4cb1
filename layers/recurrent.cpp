// Texts are sorted by length, long ones first, and step t works on those that have a t-th token:
// the first n_t of them. Rows of step 0 come first, then those of step 1, ..
#include <regrad/layers/recurrent.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace regrad {
namespace {

struct Steps {
  std::vector<int64_t> alive;  // texts of each step
  std::vector<int64_t> row;    // the packed row that each row of the steps reads
  std::vector<int64_t> back;   // the step's row of each packed row
  std::vector<int64_t> last;   // the step's row where each text ends; one behind all: nowhere
};
Steps steps_of(const Packed& texts, bool reverse) {
  const int64_t n = texts.texts(), tokens = texts.start.back();
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return texts.length(a) > texts.length(b); });
  Steps s{{},
          {},
          std::vector<int64_t>(static_cast<size_t>(tokens)),
          std::vector<int64_t>(static_cast<size_t>(n), tokens)};
  for (int64_t t = 0; t < texts.longest(); ++t) {
    s.alive.push_back(0);
    for (const int64_t text : order) {
      const int64_t length = texts.length(text), first = texts.start[static_cast<size_t>(text)];
      if (length <= t) break;
      const auto at = static_cast<int64_t>(s.row.size());
      s.row.push_back(first + (reverse ? length - 1 - t : t));
      s.back[static_cast<size_t>(s.row.back())] = at;
      if (t + 1 == length) s.last[static_cast<size_t>(text)] = at;
      ++s.alive.back();
    }
  }
  return s;
}

struct Weights {
  const Tensor &ih, &hh, &bias_ih, &bias_hh;
};

// h and c behind one step.
struct State {
  Tensor h, c;
};
State step(const Tensor& gates, const Tensor& c, int64_t hidden) {
  const auto gate = [&](int64_t from, int64_t to) {
    return slice(gates, 1, from * hidden, to * hidden);
  };
  const Tensor i_f = sigmoid(gate(0, 2)), g = tanh(gate(2, 3)), o = sigmoid(gate(3, 4)),
               i = slice(i_f, 1, 0, hidden), f = slice(i_f, 1, hidden, 2 * hidden);
  State s;
  s.c = c.defined() ? f * c + i * g : i * g;
  s.h = o * tanh(s.c);
  return s;
}

Tensor rows_and_zeros(const std::vector<Tensor>& rows, int64_t hidden, DType t) {
  std::vector<Tensor> all = rows;
  all.push_back(zeros({1, hidden}, t));
  return cat(all, 0);
}

LSTM::Output one_direction(const Tensor& x, const Packed& texts, const Weights& w, bool reverse) {
  const Steps s = steps_of(texts, reverse);
  const int64_t hidden = w.hh.size(1);
  const Tensor gates = linear_rows(index_select(x, 0, tensor(s.row)), w.ih, w.bias_ih + w.bias_hh);
  std::vector<Tensor> hs, cs;
  int64_t first = 0;
  for (const int64_t n : s.alive) {
    Tensor g = slice(gates, 0, first, first + n), c;
    if (!hs.empty()) {
      g = linear_rows(slice(hs.back(), 0, 0, n), w.hh, g);
      c = slice(cs.back(), 0, 0, n);
    }
    State next = step(g, c, hidden);
    hs.push_back(std::move(next.h));
    cs.push_back(std::move(next.c));
    first += n;
  }
  const Tensor h = rows_and_zeros(hs, hidden, x.dtype()), c = rows_and_zeros(cs, hidden, x.dtype()),
               last = tensor(s.last);
  return {index_select(h, 0, tensor(s.back)), index_select(h, 0, last), index_select(c, 0, last)};
}

}  // namespace

LSTM::LSTM(const Random& r, int64_t in, int64_t hidden, const Options& o) {
  if (in < 1 || hidden < 1)
    throw ConfigError("LSTM: " + std::to_string(in) + " inputs and " + std::to_string(hidden) +
                      " hidden units; both must be at least 1");
  const auto fill = [&](const char* name, const Shape& s) {
    return init::torch_default(r / name, s, hidden, o.dtype).requires_grad_();
  };
  weight_ih_l0 = fill("weight_ih_l0", {4 * hidden, in});
  weight_hh_l0 = fill("weight_hh_l0", {4 * hidden, hidden});
  bias_ih_l0 = fill("bias_ih_l0", {4 * hidden});
  bias_hh_l0 = fill("bias_hh_l0", {4 * hidden});
  if (!o.bidirectional) return;
  weight_ih_l0_reverse = fill("weight_ih_l0_reverse", {4 * hidden, in});
  weight_hh_l0_reverse = fill("weight_hh_l0_reverse", {4 * hidden, hidden});
  bias_ih_l0_reverse = fill("bias_ih_l0_reverse", {4 * hidden});
  bias_hh_l0_reverse = fill("bias_hh_l0_reverse", {4 * hidden});
}

LSTM::Output LSTM::operator()(const Tensor& x, const Packed& texts) const {
  return typed_memory([&] {
    if (x.dim() != 2 || x.size(0) != texts.start.back())
      throw ShapeError("LSTM: x " + str(x.shape()) + " is not [M,D] of " +
                       std::to_string(texts.start.back()) + " tokens");
    Output a = one_direction(x, texts, {weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0}, false);
    if (!weight_ih_l0_reverse.defined()) return Output{a.y, unsqueeze(a.h, 0), unsqueeze(a.c, 0)};
    const Output b = one_direction(
        x, texts,
        {weight_ih_l0_reverse, weight_hh_l0_reverse, bias_ih_l0_reverse, bias_hh_l0_reverse}, true);
    return Output{cat({a.y, b.y}, 1), stack({a.h, b.h}, 0), stack({a.c, b.c}, 0)};
  });
}

LSTM::Output LSTM::operator()(const Tensor& x, const Tensor& lengths) const {
  return typed_memory([&] {
    if (x.dim() != 3) throw ShapeError("LSTM: x " + str(x.shape()) + " is not [N,L,D]");
    std::vector<int64_t> each(static_cast<size_t>(x.size(0)), x.size(1));
    if (lengths.defined()) each = lengths.to_vector<int64_t>();
    if (static_cast<int64_t>(each.size()) != x.size(0))
      throw ShapeError("LSTM: lengths " + str(lengths.shape()) + " for x " + str(x.shape()));
    for (const int64_t n : each)
      if (n < 0 || n > x.size(1))
        throw ShapeError("LSTM: length " + std::to_string(n) + " is outside of x " +
                         str(x.shape()));
    const Packed texts = packed_lengths(each);
    Output o = (*this)(pack_rows(x, texts), texts);
    o.y = unpack(o.y, texts);
    if (o.y.size(1) < x.size(1)) o.y = unslice(o.y, 1, x.size(1), 0);
    return o;
  });
}

}  // namespace regrad

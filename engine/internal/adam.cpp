#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/adam.h>
#include <regrad/engine/internal/node.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/parallel.h>

#include <algorithm>

namespace regrad::detail {
namespace {

using kernels::Binary;
using kernels::Params;
using kernels::Unary;

// Strips of n contiguous elements; operands may be one another.
class Piece {
 public:
  Piece(int t, int64_t n) : t_(t), n_(n) {}
  void affine(void* y, const void* x, double scale, double shift) const {
    void* data[] = {y, const_cast<void*>(x)};
    kernels::table().unary[t_][int(Unary::affine)](data, ones, n_, Params{scale, shift});
  }
  void root(void* y, const void* x) const {
    void* data[] = {y, const_cast<void*>(x)};
    kernels::table().unary[t_][int(Unary::sqrt)](data, ones, n_, Params{});
  }
  void two(Binary op, void* y, const void* a, const void* b, double p0 = 0) const {
    void* data[] = {y, const_cast<void*>(a), const_cast<void*>(b)};
    kernels::table().binary[t_][int(op)](data, ones, n_, Params{p0, 0});
  }

 private:
  static constexpr int64_t ones[] = {1, 1, 1};
  int t_;
  int64_t n_;
};

struct Memory {
  const void *g, *p, *m, *v;
  void *p_out, *m_out, *v_out, *room;
};
void step_piece(const AdamStep& s, const Piece& k, const Memory& x) {
  const void *p = x.p, *g = x.g;
  if (s.shrink != 1) {
    k.affine(x.p_out, p, s.shrink, 0);
    p = x.p_out;
  }
  k.affine(x.m_out, x.m, s.beta1, 0);
  k.affine(x.v_out, x.v, s.beta2, 0);
  if (s.decay != 0) {
    k.two(Binary::add, x.room, g, p, s.decay);
    k.two(Binary::add, x.m_out, x.m_out, x.room, 1 - s.beta1);
    k.two(Binary::mul, x.room, x.room, x.room);
  } else {
    k.two(Binary::add, x.m_out, x.m_out, g, 1 - s.beta1);
    k.two(Binary::mul, x.room, g, g);
  }
  k.two(Binary::add, x.v_out, x.v_out, x.room, 1 - s.beta2);
  k.root(x.room, x.v_out);
  k.affine(x.room, x.room, s.unbias, s.eps);
  k.two(Binary::div, x.room, x.m_out, x.room);
  k.two(Binary::add, x.p_out, p, x.room, -s.rate);
}

// x's own memory where nobody else can see it, else as much.
Tensor reused(const Tensor& x) {
  const Node* n = x.node();
  const Storage* storage = n->storage.load(std::memory_order_acquire);
  const bool own = n->users.load(std::memory_order_acquire) == handle_unit && !n->op &&
                   storage->size_class >= 0 && storage->users.load(std::memory_order_acquire) == 1;
  return own ? x.detach() : empty(x.shape(), x.dtype());
}

}  // namespace

bool adam_step(const AdamStep& s, const Tensor& g, Tensor& p, Tensor& m, Tensor& v) {
  constexpr int64_t piece = 2048, a_block = 16 * piece;
  const auto plain = [&](const Tensor& x) {
    return x.is_contiguous() && x.dtype() == p.dtype() && !(grad_enabled() && x.requires_grad());
  };
  if (!is_floating(p.dtype()) || p.numel() < piece || mode.anomaly || !plain(g) || !plain(p) ||
      !plain(m) || !plain(v))
    return false;
  const int64_t n = p.numel(), item = item_size(p.dtype());
  const int t = p.dtype() == DType::f64;
  const Tensor out[] = {reused(p), reused(m), reused(v)};
  parallel_for((n + a_block - 1) / a_block, [&](int64_t b) {
    const Scratch room(piece * item);
    for (int64_t i = b * a_block; i < std::min(n, (b + 1) * a_block); i += piece) {
      const auto at = [&](const Tensor& x) {
        return static_cast<void*>(static_cast<char*>(x.node()->raw()) + i * item);
      };
      step_piece(s, Piece(t, std::min(piece, n - i)),
                 {at(g), at(p), at(m), at(v), at(out[0]), at(out[1]), at(out[2]), room.as<void>()});
    }
  });
  p = out[0];
  m = out[1];
  v = out[2];
  return true;
}

}  // namespace regrad::detail

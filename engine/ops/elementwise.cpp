#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace detail {
namespace {

constexpr int max_operands = 4;
// elements per parallel block, at least: some 10 us of work, several times what waking a thread
// costs
constexpr int64_t block = 65536;

struct Loop {
  int operands = 0;
  char* data[max_operands];
  int item[max_operands];
  int64_t stride[max_operands][max_dims];  // elements
  int64_t size[max_dims];
  int dims = 0;
};

void add_operand(Loop& l, const Node* n, const Shape& out) {
  const int k = l.operands++;
  l.data[k] = static_cast<char*>(n->raw());
  l.item[k] = item_size(n->dtype);
  const int lead = out.size() - n->shape.size();
  for (int d = 0; d < out.size(); ++d)
    l.stride[k][d] = d < lead || n->shape[d - lead] == 1 ? 0 : n->strides[d - lead];
}

// Drops dims of one element, sorts the rest by the output's stride (longest first), and joins
// neighbours that run on in every operand.
void simplify(Loop& l, const Shape& out) {
  int order[max_dims], n = 0;
  for (int d = 0; d < out.size(); ++d)
    if (out[d] != 1) order[n++] = d;
  std::stable_sort(order, order + n, [&](int a, int b) { return l.stride[0][a] > l.stride[0][b]; });
  Loop r = l;
  r.dims = 0;
  for (int i = 0; i < n; ++i) {
    const int d = order[i];
    bool joins = r.dims > 0;
    for (int k = 0; k < l.operands && joins; ++k)
      joins = r.stride[k][r.dims - 1] == l.stride[k][d] * out[d];
    if (!joins) r.size[r.dims++] = 1;
    r.size[r.dims - 1] *= out[d];
    for (int k = 0; k < l.operands; ++k) r.stride[k][r.dims - 1] = l.stride[k][d];
  }
  l = r;
}

// Strips [first, last) of the loop: the last dim is the strip, the others count them.
void run(const Loop& l, kernels::Strip strip, const kernels::Params& p, int64_t first,
         int64_t last) {
  const int inner = l.dims - 1;
  int64_t stride[max_operands], at[max_dims] = {};
  for (int k = 0; k < l.operands; ++k) stride[k] = l.stride[k][inner];
  void* data[max_operands];
  for (int k = 0; k < l.operands; ++k) data[k] = l.data[k];
  const auto move = [&](int d, int64_t steps) {
    for (int k = 0; k < l.operands; ++k)
      data[k] = static_cast<char*>(data[k]) + steps * l.stride[k][d] * l.item[k];
  };
  int64_t rest = first;
  for (int d = inner - 1; d >= 0; --d) {
    at[d] = rest % l.size[d];
    rest /= l.size[d];
    move(d, at[d]);
  }
  for (int64_t s = first; s < last; ++s) {
    strip(data, stride, l.size[inner], p);
    for (int d = inner - 1; d >= 0; --d) {
      move(d, 1);
      if (++at[d] < l.size[d]) break;
      move(d, -l.size[d]);
      at[d] = 0;
    }
  }
}

// One long strip, cut into pieces.
void run_long(const Loop& l, kernels::Strip strip, const kernels::Params& p) {
  const int64_t n = l.size[0];
  parallel_for((n + block - 1) / block, [&](int64_t b) {
    void* data[max_operands];
    int64_t stride[max_operands];
    for (int k = 0; k < l.operands; ++k) {
      stride[k] = l.stride[k][0];
      data[k] = l.data[k] + b * block * stride[k] * l.item[k];
    }
    strip(data, stride, std::min(block, n - b * block), p);
  });
}

bool plain(const Node* y) {
  for (int i = 0; i < y->n_in; ++i) {
    const Node* x = y->in(i).node();
    if (x->shape != y->shape || x->strides != y->strides) return false;
  }
  return true;
}

}  // namespace

void walk(const Call& c, kernels::Strip strip, const kernels::Params& params) {
  const Node* y = c.node();
  const int64_t n = y->shape.numel();
  if (n == 0) return;
  // Outputs are dense, so equal shapes and strides make one strip.
  if (n <= block && plain(y)) {
    void* data[max_operands] = {y->raw()};
    static constexpr int64_t ones[max_operands] = {1, 1, 1, 1};
    for (int i = 0; i < y->n_in; ++i) data[i + 1] = y->in(i).node()->raw();
    return strip(data, ones, n, params);
  }
  Loop l;
  add_operand(l, y, y->shape);
  for (int i = 0; i < y->n_in; ++i) add_operand(l, y->in(i).node(), y->shape);
  simplify(l, y->shape);
  if (l.dims == 0) {
    l.dims = 1;
    l.size[0] = 1;
    for (int k = 0; k < l.operands; ++k) l.stride[k][0] = 1;
  }
  if (l.dims == 1) return run_long(l, strip, params);
  const int64_t strips = n / l.size[l.dims - 1];
  const int64_t a_block = std::max<int64_t>(1, block / l.size[l.dims - 1]);
  parallel_for((strips + a_block - 1) / a_block, [&](int64_t b) {
    run(l, strip, params, b * a_block, std::min(strips, (b + 1) * a_block));
  });
}

int kernel_dtype(const Call& c, DType t) {
  if (t <= DType::i64) return static_cast<int>(t);
  throw DTypeError(std::string(c.node()->op->name) + ": " + name(t) +
                   " has no arithmetic; use x.to(DType::i64) or a floating dtype");
}

}  // namespace detail

namespace {
void need_real(const Call& c, const Tensor& x) {
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string(c.node()->op->name) + ": needs f32 or f64, not " +
                     name(x.dtype()));
}
void need_same(const Call& c) {
  if (c.in(0).dtype() != c.in(1).dtype()) {
    throw DTypeError(std::string(c.node()->op->name) + ": " + name(c.in(0).dtype()) + " with " +
                     name(c.in(1).dtype()) + "; convert one with x.to(dtype)");
  }
}
}  // namespace

void same(const Call& c) {
  need_real(c, c.x());
  c.out(c.x().shape(), c.x().dtype());
}
void same_any(const Call& c) {
  detail::kernel_dtype(c, c.x().dtype());
  c.out(c.x().shape(), c.x().dtype());
}
void broadcast_two(const Call& c) {
  need_same(c);
  detail::kernel_dtype(c, c.x().dtype());
  const Shape &a = c.in(0).shape(), &b = c.in(1).shape();
  c.out(a == b ? a : broadcast(a, b, c.node()->op->name), c.x().dtype());
}
void broadcast_real(const Call& c) {
  need_real(c, c.x());
  broadcast_two(c);
}
void broadcast_mask(const Call& c) {
  broadcast_two(c);
  c.node()->dtype = DType::b8;
}

double broadcast_at(const RefIn& in, const Shape& out, int64_t i) {
  int64_t at = 0, step = 1;
  for (int d = out.size() - 1, k = in.shape.size() - 1; k >= 0; --d, --k) {
    if (in.shape[k] != 1) at += i % out[d] * step;
    step *= in.shape[k];
    i /= out[d];
  }
  return in.v[static_cast<size_t>(at)];
}

}  // namespace regrad

#include <regrad/algorithms/ppp/personalize.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace regrad::ppp {
namespace {

constexpr int64_t at_once = 64;

void check_examples(const GatedNet& net, const Tensor& x) {
  if (!net.gated()) throw ConfigError("personalize: the net has no gates");
  const int64_t channels = net.conv.weight.size(1);
  if (x.dim() != 4 || x.size(1) != channels)
    throw ShapeError("personalize: examples are " + str(x.shape()) + ", not [k," +
                     std::to_string(channels) + ",H,W]");
  if (x.size(0) < 1) throw ShapeError("personalize: no examples");
  if (!all(isfinite(x)).item())
    throw NumericError("personalize: the examples hold what is no number");
}

// The places of a mask's ones, i64.
Tensor places(const Tensor& mask) {
  std::vector<int64_t> out;
  const std::vector<double> m = mask.to_vector();
  for (size_t i = 0; i < m.size(); ++i)
    if (m[i] > 0.5) out.push_back(static_cast<int64_t>(i));
  return tensor(out);
}

// [n] with ones at the first `count` places of an order.
Tensor ones_at(const std::vector<int64_t>& order, int64_t count, DType t) {
  std::vector<double> out(order.size(), 0.0);
  for (int64_t i = 0; i < count; ++i) out[static_cast<size_t>(order[static_cast<size_t>(i)])] = 1;
  return tensor(out, {static_cast<int64_t>(out.size())}, t);
}

int64_t count_of(const Tensor& mask) { return std::llround(sum(mask).item()); }

Tensor leaf(const Tensor& t) { return t.detach().contiguous().requires_grad_(); }

// Whether the mask is of the block's branch, not of its channels: by the gates' kind, or where
// there are none by its size.
bool takes_branches(const GatedBlock& b, const Tensor& mask) {
  if (!b.conv1.weight.defined() || b.kind == GateKind::block) return true;
  return b.kind == GateKind::none && mask.numel() == 1 && b.conv1.weight.size(0) != 1;
}

// Masks of branches: a gate a block. All that can be drawn or ranked is which blocks.
bool are_of_branches(const Tensors& masks) {
  return masks.size() > 1 &&
         std::all_of(masks.begin(), masks.end(), [](const Tensor& m) { return m.numel() == 1; });
}
Tensors split(const Tensor& all) {
  Tensors out;
  for (int64_t l = 0; l < all.size(0); ++l) out.push_back(slice(all, 0, l, l + 1).contiguous());
  return out;
}

// The places of values, the largest first, the first of equals first.
std::vector<int64_t> descending(const std::vector<double>& v) {
  std::vector<int64_t> order(v.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return v[static_cast<size_t>(a)] > v[static_cast<size_t>(b)];
  });
  return order;
}

void cut_channels(GatedBlock& b, const Tensor& mask, size_t block) {
  const Tensor at = places(mask);
  if (at.size(0) == 0)
    throw ConfigError("cut: block " + std::to_string(block) + " would keep no channel");
  const auto rows = [&](const Tensor& t) { return index_select(t, 0, at); };
  b.conv1.weight = leaf(rows(b.conv1.weight));
  b.norm1.weight = leaf(rows(b.norm1.weight)), b.norm1.bias = leaf(rows(b.norm1.bias));
  b.norm1.running_mean = rows(b.norm1.running_mean).contiguous();
  b.norm1.running_var = rows(b.norm1.running_var).contiguous();
  b.conv2.weight = leaf(index_select(b.conv2.weight, 1, at));
}

}  // namespace

Tensors prototype(const GatedNet& net, const Tensor& x) {
  const NoGrad quiet;
  check_examples(net, x);
  const int64_t n = x.size(0);
  Tensors sums;
  for (int64_t from = 0; from < n; from += at_once) {
    Context ctx;
    Paths paths;
    net.forward(slice(x, 0, from, std::min(from + at_once, n)).contiguous(), ctx, own(net, paths));
    for (size_t l = 0; l < paths.pi.size(); ++l) {
      const Tensor s = sum(paths.pi[l], {0});
      if (from == 0)
        sums.push_back(s);
      else
        sums[l] = sums[l] + s;
    }
  }
  for (Tensor& s : sums) {
    s = s / static_cast<double>(n);
    if (!all(isfinite(s)).item()) throw NumericError("personalize: a gate gives what is no number");
  }
  return sums;
}

Tensors kept(const GatedNet& net, const Tensors& pi) {
  const NoGrad quiet;
  if (pi.size() != net.blocks.size())
    throw ShapeError("kept: a prototype of " + std::to_string(pi.size()) + " blocks for a net of " +
                     std::to_string(net.blocks.size()));
  Tensors out;
  for (size_t l = 0; l < pi.size(); ++l) {
    const Tensor open = gt(pi[l], 0.5).to(pi[l].dtype());
    out.push_back(net.blocks[l].kind == GateKind::channel
                      ? maximum(open, one_hot(argmax(pi[l], 0), pi[l].size(0)).to(open.dtype()))
                      : open);
  }
  return out;
}

GatedNet cut(const GatedNet& net, const Tensors& masks) {
  const NoGrad quiet;
  if (masks.size() != net.blocks.size())
    throw ShapeError("cut: masks of " + std::to_string(masks.size()) + " blocks for a net of " +
                     std::to_string(net.blocks.size()));
  GatedNet out = net;
  for (size_t l = 0; l < masks.size(); ++l) {
    GatedBlock& b = out.blocks[l];
    const bool branch = takes_branches(b, masks[l]);
    const int64_t gates = branch ? 1 : b.conv1.weight.size(0);
    if (masks[l].dim() != 1 || masks[l].size(0) != gates)
      throw ShapeError("cut: block " + std::to_string(l) + " has " + std::to_string(gates) +
                       " gates, its mask is " + str(masks[l].shape()));
    if (!branch) {
      cut_channels(b, masks[l], l);
    } else if (masks[l].item() < 0.5) {
      b.conv1 = b.conv2 = {}, b.norm1 = b.norm2 = {};
    }
    b.gate = {}, b.kind = GateKind::none;
  }
  return out;
}

Personal personalize(const GatedNet& net, const Tensor& x) {
  Tensors pi = prototype(net, x), masks = kept(net, pi);
  GatedNet small = cut(net, masks);
  return {std::move(small), std::move(pi), std::move(masks)};
}

Tensors random_masks(const Tensors& masks, const Random& r) {
  if (are_of_branches(masks)) {
    const Tensor all = cat(masks, 0);
    return split(
        ones_at(randperm(r / 0, all.size(0)).to_vector<int64_t>(), count_of(all), all.dtype()));
  }
  Tensors out;
  for (size_t l = 0; l < masks.size(); ++l) {
    const Random of = r / static_cast<int64_t>(l);
    out.push_back(ones_at(randperm(of, masks[l].size(0)).to_vector<int64_t>(), count_of(masks[l]),
                          masks[l].dtype()));
  }
  return out;
}

Tensors norm_masks(const GatedNet& net, const Tensors& masks) {
  const NoGrad quiet;
  const auto squares = [](const Tensor& w) { return square(w.detach().to(DType::f64)); };
  if (are_of_branches(masks)) {
    std::vector<double> size;
    for (const GatedBlock& b : net.blocks) size.push_back(mean(squares(b.conv1.weight)).item());
    const Tensor all = cat(masks, 0);
    return split(ones_at(descending(size), count_of(all), all.dtype()));
  }
  Tensors out;
  for (size_t l = 0; l < masks.size(); ++l) {
    const Tensor& w = net.blocks[l].conv1.weight;
    if (w.size(0) != masks[l].size(0))
      throw ShapeError("norm_masks: block " + std::to_string(l) + " has " +
                       std::to_string(w.size(0)) + " filters, its mask " +
                       std::to_string(masks[l].size(0)) + " gates");
    out.push_back(ones_at(descending(sum(squares(w), {1, 2, 3}).to_vector()), count_of(masks[l]),
                          masks[l].dtype()));
  }
  return out;
}

double overlap(const Tensors& a, const Tensors& b) {
  const NoGrad quiet;
  if (a.size() != b.size()) throw ShapeError("overlap: masks of two different nets");
  double both = 0, either = 0;
  for (size_t l = 0; l < a.size(); ++l) {
    both += sum(minimum(a[l], b[l])).item();
    either += sum(maximum(a[l], b[l])).item();
  }
  return either > 0 ? both / either : 1;
}

}  // namespace regrad::ppp

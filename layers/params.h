// parts: a net lists its parts once, and everything that needs its parameters comes from that.
//
//   struct Linear {
//     Tensor weight, bias;
//     static void parts(auto& self, auto&& part) {
//       part("weight", self.weight);
//       part("bias", self.bias);
//     }
//   };
//   std::vector<Tensor> p = parameters(net);
//   Linear fast = at(net, {p[0] - lr * g[0], p[1] - lr * g[1]});
//
// A part is a Tensor, a struct with parts of its own, or a std::vector or std::array of parts
// (named 0, 1, ...). Undefined tensors are no parts.
// A tensor marked `buffer` (part("running_mean", self.running_mean, buffer)) is saved and mapped
// with the net but is no parameter.
#pragma once

#include <array>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <regrad/engine/autograd.h>

namespace regrad {

struct Buffer {};
inline constexpr Buffer buffer{};

namespace detail {

template <class T>
struct is_list : std::false_type {};
template <class T>
struct is_list<std::vector<T>> : std::true_type {};
template <class T, size_t N>
struct is_list<std::array<T, N>> : std::true_type {};

// Calls f(name, tensor, is_buffer) for every tensor below `self`; names are joined by dots.
template <class Self, class F>
void visit(Self& self, const std::string& prefix, F&& f, bool is_buffer = false) {
  using Plain = std::remove_const_t<Self>;
  if constexpr (std::is_same_v<Plain, Tensor>) {
    if (self.defined()) f(prefix, self, is_buffer);
  } else if constexpr (is_list<Plain>::value) {
    for (size_t i = 0; i < self.size(); ++i)
      visit(self[i], prefix.empty() ? std::to_string(i) : prefix + "." + std::to_string(i), f,
            is_buffer);
  } else {
    Plain::parts(self, [&](const char* name, auto& part, auto... mark) {
      visit(part, prefix.empty() ? name : prefix + "." + name, f, is_buffer || sizeof...(mark) > 0);
    });
  }
}

}  // namespace detail

// f(name, tensor, is_buffer), for a const net (const Tensor&) or not (Tensor&).
template <class Net, class F>
void each(Net& net, F&& f) {
  typed_memory([&] { detail::visit(net, "", f); });
}

template <class Net>
std::vector<Tensor> parameters(const Net& net) {
  std::vector<Tensor> out;
  each(net, [&](const std::string&, const Tensor& t, bool is_buffer) {
    if (!is_buffer) out.push_back(t);
  });
  return out;
}

template <class Net>
std::vector<std::pair<std::string, Tensor>> named_parameters(const Net& net) {
  std::vector<std::pair<std::string, Tensor>> out;
  each(net, [&](const std::string& name, const Tensor& t, bool is_buffer) {
    if (!is_buffer) out.emplace_back(name, t);
  });
  return out;
}

// Scalars in all parameters.
template <class Net>
int64_t parameter_count(const Net& net) {
  int64_t n = 0;
  for (const Tensor& t : parameters(net)) n += t.numel();
  return n;
}

// The same net at other parameters, given in the order of parameters(net). ShapeError where their
// number differs.
template <class Net>
Net at(Net net, const std::vector<Tensor>& params) {
  size_t i = 0;
  each(net, [&](const std::string& name, Tensor& t, bool is_buffer) {
    if (is_buffer) return;
    if (i >= params.size()) throw ShapeError("at: no parameter given for '" + name + "'");
    t = params[i++];
  });
  if (i != params.size())
    throw ShapeError("at: " + std::to_string(params.size()) + " parameters given for a net of " +
                     std::to_string(i));
  return net;
}

// f on every tensor, buffers included.
template <class Net, class F>
Net map(Net net, F&& f) {
  each(net, [&](const std::string&, Tensor& t, bool) { t = f(t); });
  return net;
}

template <class Net>
Net to(const Net& net, DType t) {
  return map(net, [t](const Tensor& x) {
    const bool leaf_flag = x.is_leaf() && x.requires_grad();
    Tensor y = x.to(t);
    return leaf_flag ? y.detach().requires_grad_() : y;
  });
}

// The net's parameters as new leaves that require gradients; buffers as they are.
template <class Net>
Net as_leaves(Net net, bool requires_grad = true) {
  each(net, [&](const std::string&, Tensor& t, bool is_buffer) {
    if (!is_buffer) t = t.detach().requires_grad_(requires_grad);
  });
  return net;
}

// The gradients of a scalar, shaped as the net: grad(loss, net).weight is d loss / d net.weight.
// Parameters that the loss does not reach give zeros.
template <class Net>
requires(!std::is_convertible_v<const Net&, TensorList>) Net
    grad(const Tensor& loss, const Net& net, GradOptions options = {}) {
  return typed_memory([&] {
    options.allow_unused = true;
    const std::vector<Tensor> p = parameters(net);
    std::vector<Tensor> g = grad(TensorList(loss), TensorList(p), options);
    for (size_t i = 0; i < g.size(); ++i)
      if (!g[i].defined()) g[i] = zeros_like(p[i]);
    return at(net, g);
  });
}

// The parameters of a net with one leading task dimension, [T, ...], as views: each task then moves
// away from the shared ones by itself.
template <class Net>
Net per_task(const Net& net, int64_t tasks) {
  std::vector<Tensor> p = parameters(net);
  for (Tensor& t : p) {
    Shape sizes = t.shape();
    sizes.insert(0, tasks);
    t = t.expand(sizes);
  }
  return at(net, p);
}

}  // namespace regrad

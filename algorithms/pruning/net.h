// Any net as a value of one type, so that a pruning method is compiled once and prunes yours.
#pragma once

#include <regrad/engine/error.h>
#include <regrad/layers/context.h>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace regrad::pruning {

// The tensors of a struct that has parts and operator()(x, ctx), and how it is evaluated at them.
// Its parts are that struct's: parameters, at, commit, update and files take it as they take the
// struct.
class AnyNet {
 public:
  AnyNet() = default;
  template <class Net>
  requires(!std::is_same_v<Net, AnyNet> &&
           std::is_invocable_r_v<Tensor, const Net&, const Tensor&, Context&>) AnyNet(Net net) {
    each(net, [&](const std::string& name, Tensor& t, bool is_buffer) {
      slots_.push_back({name, std::exchange(t, scalar(0)), is_buffer});
    });
    const auto empty = std::make_shared<const Net>(std::move(net));
    evaluate_ = [empty](const AnyNet& self, const Tensor& x, Context& ctx) {
      return self.as(*empty)(x, ctx);
    };
  }

  Tensor operator()(const Tensor& x, Context& ctx) const { return evaluate_(*this, x, ctx); }
  Tensor operator()(const Tensor& x) const {  // not in training
    Context ctx;
    return (*this)(x, ctx);
  }
  // `like`, a net of the struct that this one was made of, with these tensors. ShapeError where it
  // has not as many.
  template <class Net>
  Net as(Net like) const {
    size_t i = 0;
    each(like, [&](const std::string&, Tensor& t, bool) {
      if (i < slots_.size()) t = slots_[i].tensor;
      ++i;
    });
    if (i != slots_.size())
      throw ShapeError("AnyNet: " + std::to_string(slots_.size()) + " tensors for a net of " +
                       std::to_string(i));
    return like;
  }

  static void parts(auto& self, auto&& part) {
    for (auto& s : self.slots_)
      s.is_buffer ? part(s.name.c_str(), s.tensor, buffer) : part(s.name.c_str(), s.tensor);
  }

 private:
  struct Slot {
    std::string name;
    Tensor tensor;
    bool is_buffer;
  };
  std::vector<Slot> slots_ = {};
  std::function<Tensor(const AnyNet&, const Tensor&, Context&)> evaluate_ = {};
};

}  // namespace regrad::pruning

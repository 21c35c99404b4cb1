// Any net as a value of one type, so that a pruning method is compiled once and prunes yours.
#pragma once

#include <regrad/engine/error.h>
#include <regrad/layers/context.h>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace regrad::pruning {

// Holds a copy of a struct that has parts and operator()(x, ctx). Its parts are that struct's, so
// parameters, at, commit, update and files take it as they take the struct. A copy is a copy.
class AnyNet {
 public:
  AnyNet() = default;
  template <class Net>
  requires(!std::is_same_v<Net, AnyNet> &&
           std::is_invocable_r_v<Tensor, const Net&, const Tensor&, Context&>) AnyNet(Net net)
      : held_(std::make_unique<Held<Net>>(std::move(net))) {}
  AnyNet(const AnyNet& other) : held_(other.held_ ? other.held_->copy() : nullptr) {}
  AnyNet(AnyNet&&) noexcept = default;
  AnyNet& operator=(AnyNet other) noexcept {
    held_ = std::move(other.held_);
    return *this;
  }

  Tensor operator()(const Tensor& x, Context& ctx) const { return held_->evaluate(x, ctx); }
  Tensor operator()(const Tensor& x) const {  // not in training
    Context ctx;
    return (*this)(x, ctx);
  }
  // The struct that is held. ConfigError where it is of another type.
  template <class Net>
  const Net& as() const {
    const auto* held = dynamic_cast<const Held<Net>*>(held_.get());
    if (!held) throw ConfigError("AnyNet: the net that is held is of another type");
    return held->net;
  }

  static void parts(auto& self, auto&& part) {
    using Slot = std::conditional_t<std::is_const_v<std::remove_reference_t<decltype(self)>>,
                                    const Tensor, Tensor>;
    if (!self.held_) return;
    self.held_->visit([&](const std::string& name, Tensor& t, bool is_buffer) {
      Slot& slot = t;
      is_buffer ? part(name.c_str(), slot, buffer) : part(name.c_str(), slot);
    });
  }

 private:
  using Visit = std::function<void(const std::string&, Tensor&, bool is_buffer)>;
  struct Base {
    virtual ~Base() = default;
    virtual std::unique_ptr<Base> copy() const = 0;
    virtual Tensor evaluate(const Tensor& x, Context& ctx) const = 0;
    virtual void visit(const Visit& f) = 0;
  };
  template <class Net>
  struct Held : Base {
    explicit Held(Net n) : net(std::move(n)) {}
    std::unique_ptr<Base> copy() const override { return std::make_unique<Held>(net); }
    Tensor evaluate(const Tensor& x, Context& ctx) const override { return net(x, ctx); }
    void visit(const Visit& f) override { each(net, f); }
    Net net;
  };
  std::unique_ptr<Base> held_ = nullptr;
};

}  // namespace regrad::pruning

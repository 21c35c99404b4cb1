// Dropout inside nets: in training, from the context's stream, each place by a name of its own.
//
//   Tensor h = dropout(x, 0.1, "attention", ctx);
//       // x itself out of training, or where the context has no stream
//   const Stream here(ctx, 3);     // while it lives, names are those of layer 3
#pragma once

#include <regrad/layers/context.h>

namespace regrad {

inline Tensor dropout(const Tensor& x, double p, std::string_view name, const Context& ctx) {
  return ctx.training && ctx.random && p > 0 ? dropout(x, p, *ctx.random / name) : x;
}

class Stream {
 public:
  template <class Name>
  Stream(Context& ctx, const Name& name) : ctx_(ctx), before_(ctx.random) {
    if (ctx.random) ctx.random = *ctx.random / name;
  }
  ~Stream() { ctx_.random = before_; }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

 private:
  Context& ctx_;
  std::optional<Random> before_;
};

}  // namespace regrad

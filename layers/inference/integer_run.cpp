// The integer way of running: images channels last, a few at a time.
#include <regrad/engine/internal/memory.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/layers/inference/plan.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace regrad::inference {
namespace {

using Layer = InferenceLayer;
using detail::Scratch;

// Memory at a cache line, kept by the thread between calls.
char* kept_memory(int64_t bytes) {
  static thread_local std::vector<char> memory;
  if (static_cast<int64_t>(memory.size()) < bytes + 64)
    memory.assign(static_cast<size_t>(bytes + 64), 0);
  return memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
}

class Run {
 public:
  Run(const std::vector<Layer>& layers, const IntegerPlan& plan, int64_t n)
      : layers_(layers),
        plan_(plan),
        n_(n),
        memory_(kept_memory(n * plan.bytes + kernels::int8_room)),
        scratch_(scratch_bytes(plan.dense, n)) {}

  void operator()(const float* x, float* out) {
    const Size &in = plan_.dense.values.front(), &last = plan_.dense.values.back();
    for (int64_t i = 0; i < n_; ++i)
      channels_last(in, x + i * in.numel(), value(0) + i * in.numel());
    make_wholes(0, 0);
    for (size_t i = 0; i < layers_.size(); ++i) {
      const WholeLayer& k = plan_.layers[i];
      if (k.skipped) continue;
      const bool at_hand = k.conv || layers_[i].kind == Layer::add_row;
      if (k.conv) {
        by_whole_numbers(layers_[i], k);
      } else if (at_hand) {
        add_row(layers_[i], k.writes);
      } else {
        const Layer& l = layers_[i];
        run_layer(layers_, plan_.dense, i,
                  {n_, value(l.from), l.residual >= 0 ? value(l.residual) : nullptr,
                   l.row >= 0 ? value(l.row) : nullptr, value(k.writes)},
                  scratch_.as<void>());
      }
      make_wholes(k.writes, at_hand ? 1 : 0);
    }
    const float* y = value(static_cast<int>(layers_.size()));
    for (int64_t i = 0; i < n_; ++i)
      channels_first(last, y + i * last.numel(), out + i * last.numel());
  }

 private:
  float* value(int v) const {
    return reinterpret_cast<float*>(memory_ + n_ * plan_.value_at[static_cast<size_t>(v)]);
  }
  char* whole(int k) const { return memory_ + n_ * plan_.whole_at[static_cast<size_t>(k)]; }

  // f's fields for whole value k
  static kernels::Int8Finish finish_of(const WholeValue& w) {
    kernels::Int8Finish f{};
    f.wide = w.lies.wide, f.low = w.low, f.high = w.high, f.offset = w.offset;
    f.q_row = w.lies.row, f.q_pixel = w.size.c;
    return f;
  }

  void by_whole_numbers(const Layer& l, const WholeLayer& k) const {
    const auto v = static_cast<size_t>(k.writes);
    kernels::Int8Finish f{};
    int64_t q_image = 0;
    if (!plan_.of_value[v].empty()) {
      const int to = plan_.of_value[v][0];
      const WholeValue& w = plan_.wholes[static_cast<size_t>(to)];
      const int64_t item = w.lies.wide ? 2 : 1;
      f = finish_of(w);
      f.q = whole(to) + w.lies.first * item;
      q_image = w.lies.bytes / item;
    }
    f.relu = k.relu;
    if (plan_.is_f32[v]) f.y = value(k.writes);
    if (l.residual >= 0) f.residual = value(l.residual);
    k.conv->run(n_, whole(k.reads), f, plan_.dense.values[v].numel(), q_image);
    if (f.q) pad(plan_.of_value[v][0]);
  }

  void add_row(const Layer& l, int to) const {
    const auto v = static_cast<size_t>(to);
    const Size& s = plan_.dense.values[v];
    const int whole_to = plan_.of_value[v].empty() ? -1 : plan_.of_value[v][0];
    const WholeValue* w = whole_to < 0 ? nullptr : &plan_.wholes[static_cast<size_t>(whole_to)];
    kernels::Int8Finish f = w ? finish_of(*w) : kernels::Int8Finish{};
    for (int64_t i = 0; i < n_; ++i) {
      const int64_t at = i * s.numel();
      if (plan_.is_f32[v]) f.y = value(to) + at;
      if (l.residual >= 0) f.residual = value(l.residual) + at;
      if (w) f.q = whole(whole_to) + i * w->lies.bytes + w->lies.first * (w->lies.wide ? 2 : 1);
      kernels::table().int8.add_row(value(l.from) + at, value(l.row) + i * s.w * s.c, s.h,
                                    s.w * s.c, w ? w->columns.data() : nullptr,
                                    w ? w->period : s.w * s.c, f);
    }
    if (w) pad(whole_to);
  }

  // The whole numbers of value v, from the first-th on, of its f32.
  void make_wholes(int v, size_t first) const {
    const std::vector<int>& all = plan_.of_value[static_cast<size_t>(v)];
    for (size_t i = first; i < all.size(); ++i) {
      const WholeValue& w = plan_.wholes[static_cast<size_t>(all[i])];
      const int64_t item = w.lies.wide ? 2 : 1, columns = w.size.w * w.size.c;
      kernels::Int8Finish f = finish_of(w);
      for (int64_t k = 0; k < n_; ++k)
        for (int64_t r = 0; r < w.size.h; ++r) {
          f.q = whole(all[i]) + k * w.lies.bytes + (w.lies.first + r * w.lies.row) * item;
          kernels::table().int8.to_levels(value(v) + k * w.size.numel() + r * columns, columns,
                                          w.columns.data(), w.period, f);
        }
      pad(all[i]);
    }
  }

  // The zeros around a whole value's images.
  void pad(int k) const {
    const WholeValue& w = plan_.wholes[static_cast<size_t>(k)];
    if (w.pad_h == 0 && w.pad_w == 0) return;
    const int64_t item = w.lies.wide ? 2 : 1, row = w.lies.row * item,
                  side = w.pad_w * w.size.c * item;
    const auto fill = [&](char* at, int64_t bytes) {
      std::memset(at, w.offset, static_cast<size_t>(bytes));
    };
    for (int64_t i = 0; i < n_; ++i) {
      char* at = whole(k) + i * w.lies.bytes;
      fill(at, w.pad_h * row + side);
      at += w.pad_h * row;
      // behind a row and before the next one
      for (int64_t r = 1; side > 0 && r < w.size.h; ++r) fill(at + r * row - side, 2 * side);
      at += w.size.h * row;
      fill(at - side, w.pad_h * row + side);
    }
  }

  const std::vector<Layer>& layers_;
  const IntegerPlan& plan_;
  int64_t n_;
  char* memory_;
  Scratch scratch_;
};

}  // namespace

void run_integers(const std::vector<InferenceLayer>& layers, const IntegerPlan& plan,
                  const float* x, int64_t n, float* out) {
  Run(layers, plan, n)(x, out);
}

}  // namespace regrad::inference

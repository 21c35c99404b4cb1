// The sparse way of running: one multiply-accumulate a kept weight and pixel.
#include <regrad/engine/kernels/kernels.h>
#include <regrad/layers/inference/plan.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace regrad::inference {
namespace {

using Layer = InferenceLayer;

// Zeroed memory for planes, at a cache line; kept by the thread between images.
class Buffer {
 public:
  float* planes() { return first_; }
  const float* planes() const { return first_; }
  void fit(const Planes& p) {
    if (first_ && shape_ == p) return;
    data_.assign(static_cast<size_t>(p.elements() + 3 * room), 0.0f);
    first_ = data_.data() + room + (64 - reinterpret_cast<uintptr_t>(data_.data()) % 64) / 4 % room;
    shape_ = p;
  }

 private:
  std::vector<float> data_ = {};
  float* first_ = nullptr;
  Planes shape_ = {};
};

struct Workspace {
  std::vector<Buffer> slots = {}, phases = {}, held = {};
};

kernels::Taps rows_of(const Layer& l, const Taps& t) {
  return {l.weight.shape()[0], t.begin.data(), t.offsets.data(), t.values.data(),
          l.bias.data<float>()};
}

// Every stride-th pixel of each plane, a plane per phase. What lies beyond the image is 0: another
// net of the same planes may have had pixels there.
void split_phases(const Planes& from, const float* x, const LayerPlan& l, const Steps& s,
                  float* out) {
  const Planes& to = l.phases;
  const auto phases = static_cast<int64_t>(l.used.size());
  for (int64_t c = 0; c < from.size.c; ++c)
    for (int64_t p = 0; p < phases; ++p) {
      const int64_t a = l.used[static_cast<size_t>(p)] / s.stride_w,
                    b = l.used[static_cast<size_t>(p)] % s.stride_w;
      float* y = out + (c * phases + p) * to.plane + to.first();
      const float* plane = x + c * from.plane + from.first();
      const int64_t all_rows = to.size.h + l.behind_h, all_columns = to.size.w + l.behind_w;
      const auto within = [](int64_t size, int64_t first, int64_t stride, int64_t all) {
        return std::clamp<int64_t>((size - first + stride - 1) / stride, 0, all);
      };
      const int64_t rows = within(from.size.h, a, s.stride_h, all_rows),
                    columns = within(from.size.w, b, s.stride_w, all_columns);
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < columns; ++j)
          y[i * to.row + j] = plane[(i * s.stride_h + a) * from.row + j * s.stride_w + b];
        for (int64_t j = columns; j < all_columns; ++j) y[i * to.row + j] = 0;
      }
      for (int64_t i = rows; i < all_rows; ++i) std::fill_n(y + i * to.row, all_columns, 0.0f);
    }
}

void run_conv(const Layer& l, const LayerPlan& p, const Planes& from, const Planes& to,
              const float* x, const Planes* residual, const float* r, Buffer& phases, float* y) {
  const Steps s(l);
  if (s.stride_h > 1 || s.stride_w > 1) {
    phases.fit(p.phases);
    split_phases(from, x, p, s, phases.planes());
    x = phases.planes();
  }
  kernels::table().taps(rows_of(l, p.taps),
                        {.x = x,
                         .pixel = 1,
                         .y = y + to.first(),
                         .y_row = to.plane,
                         .residual = r ? r + residual->first() : nullptr,
                         .residual_row = r ? residual->plane : 0,
                         .mask = p.mask.empty() ? nullptr : p.mask.data(),
                         .relu = l.relu},
                        to.reach());
}

// The layers that only move or shrink: pixel (i,j) of channel c by f.
template <class F>
void each_pixel(const Planes& to, float* y, F&& f) {
  for (int64_t c = 0; c < to.size.c; ++c)
    for (int64_t i = 0; i < to.size.h; ++i)
      for (int64_t j = 0; j < to.size.w; ++j)
        y[c * to.plane + to.first() + i * to.row + j] = f(c, i, j);
}

void run_simple(const Layer& l, const Planes& from, const Planes& to, const float* x, float* y) {
  const auto at = [&](int64_t c, int64_t i, int64_t j) {
    return x[c * from.plane + from.first() + i * from.row + j];
  };
  if (l.kind == Layer::affine) {
    const float *w = l.weight.data<float>(), *b = l.bias.data<float>();
    const int64_t band = from.size.h / l.bands;
    each_pixel(to, y, [&](int64_t c, int64_t i, int64_t j) {
      const int64_t k = c * l.bands + i / band;
      const float v = w[k] * at(c, i, j) + b[k];
      return l.relu ? std::max(v, 0.0f) : v;
    });
  } else if (l.kind == Layer::max_pool) {
    each_pixel(to, y, [&](int64_t c, int64_t i, int64_t j) {
      const PoolSpan rows(l, i, from.size.h), columns(l, j, from.size.w);
      float most = at(c, rows.first, columns.first);
      for (int64_t p = rows.first; p < rows.end; ++p)
        for (int64_t q = columns.first; q < columns.end; ++q) {
          const float v = at(c, p, q);
          if (v > most || v != v) most = v;  // NaN is largest
        }
      return most;
    });
  } else if (l.kind == Layer::mean) {
    each_pixel(to, y, [&](int64_t c, int64_t, int64_t) {
      double total = 0;
      for (int64_t i = 0; i < from.size.h; ++i)
        for (int64_t j = 0; j < from.size.w; ++j) total += at(c, i, j);
      return static_cast<float>(total / static_cast<double>(from.size.h * from.size.w));
    });
  } else if (l.kind == Layer::mean_rows) {
    each_pixel(to, y, [&](int64_t c, int64_t, int64_t j) {
      float total = 0;
      for (int64_t i = 0; i < from.size.h; ++i) total += at(c, i, j);
      return total / static_cast<float>(from.size.h);
    });
  } else if (l.kind == Layer::silu) {
    const int64_t strides[2] = {1, 1};
    for (int64_t c = 0; c < from.size.c; ++c)
      for (int64_t i = 0; i < from.size.h; ++i) {
        void* const operands[2] = {
            y + c * to.plane + to.first() + i * to.row,
            const_cast<float*>(x + c * from.plane + from.first() + i * from.row)};
        kernels::table().unary[0][static_cast<int>(kernels::Unary::silu)](operands, strides,
                                                                          from.size.w, {});
      }
  } else {
    const int64_t before = (l.channels - from.size.c) / 2;
    each_pixel(to, y, [&](int64_t c, int64_t i, int64_t j) {
      const int64_t k = c - before;
      return k < 0 || k >= from.size.c ? 0.0f : at(k, i * l.stride, j * l.stride);
    });
  }
}

// What add_row reads beside its input: planes of its size, and of one row.
void run_add_row(const Planes& from, const Planes& to, const Planes* residual, const Planes& row,
                 const float* x, const float* r, const float* added, float* y) {
  each_pixel(to, y, [&](int64_t c, int64_t i, int64_t j) {
    const float v = x[c * from.plane + from.first() + i * from.row + j],
                k = added[c * row.plane + row.first() + j];
    const float z =
        r ? r[c * residual->plane + residual->first() + i * residual->row + j] + v + k : v + k;
    return z < 0 ? 0.0f : z;
  });
}

// The input of a layer with levels, at them. 0 stays 0, so whole planes are rounded.
const float* held(const Layer& l, const Planes& from, const float* x, Buffer& to) {
  if (!l.levels) return x;
  to.fit(from);
  for (int64_t c = 0; c < from.size.c; ++c)
    Held(*l.levels, c, from.size.c)(x + c * from.plane, from.plane, to.planes() + c * from.plane);
  return to.planes();
}

}  // namespace

void run_image(const std::vector<InferenceLayer>& layers, const Plan& plan, const float* x,
               float* out) {
  static thread_local Workspace work;
  work.slots.resize(std::max(work.slots.size(), plan.slots.size()));
  work.phases.resize(std::max(work.phases.size(), layers.size()));
  work.held.resize(std::max(work.held.size(), layers.size()));
  for (size_t i = 0; i < plan.slots.size(); ++i) work.slots[i].fit(plan.slots[i]);
  const auto at = [&](size_t value) {
    return work.slots[static_cast<size_t>(plan.slot[value])].planes();
  };
  const Planes& in = plan.values[0];
  for (int64_t c = 0; c < in.size.c; ++c)
    for (int64_t i = 0; i < in.size.h; ++i)
      std::memcpy(at(0) + c * in.plane + in.first() + i * in.row,
                  x + (c * in.size.h + i) * in.size.w,
                  sizeof(float) * static_cast<size_t>(in.size.w));
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& l = layers[i];
    const auto source = static_cast<size_t>(l.from);
    const Planes &from = plan.values[source], &to = plan.values[i + 1];
    const bool has = l.residual >= 0;
    const auto r = static_cast<size_t>(has ? l.residual : 0);
    const Planes* residual = has ? &plan.values[r] : nullptr;
    const float* given = held(l, from, at(source), work.held[i]);
    if (l.kind == Layer::conv) {
      run_conv(l, plan.layers[i], from, to, given, residual, has ? at(r) : nullptr, work.phases[i],
               at(i + 1));
    } else if (l.kind == Layer::linear) {
      kernels::table().taps_dot(rows_of(l, plan.layers[i].taps), given, l.relu,
                                at(i + 1) + to.first(), to.plane);
    } else if (l.kind == Layer::add_row) {
      const auto row = static_cast<size_t>(l.row);
      run_add_row(from, to, residual, plan.values[row], given, has ? at(r) : nullptr, at(row),
                  at(i + 1));
    } else {
      run_simple(l, from, to, at(source), at(i + 1));
    }
  }
  const Planes& last = plan.values.back();
  const float* y = at(plan.values.size() - 1);
  for (int64_t c = 0; c < last.size.c; ++c)
    for (int64_t i = 0; i < last.size.h; ++i)
      std::memcpy(out + (c * last.size.h + i) * last.size.w,
                  y + c * last.plane + last.first() + i * last.row,
                  sizeof(float) * static_cast<size_t>(last.size.w));
}

// [rows, columns] -> [columns, to_row]: tiles of 16 x 16, so that neither side is walked across its
// cache lines.
static void transpose(const float* x, int64_t rows, int64_t columns, int64_t from_row, float* y,
                      int64_t to_row) {
  for (int64_t i = 0; i < rows; i += 16)
    for (int64_t j = 0; j < columns; j += 16)
      for (int64_t c = j; c < std::min(columns, j + 16); ++c)
        for (int64_t r = i; r < std::min(rows, i + 16); ++r)
          y[c * to_row + r] = x[r * from_row + c];
}

// `wide` vectors side by side: an entry of a matrix then meets a row of them.
void run_vectors(const std::vector<Layer>& layers, const Plan& plan, const float* x, int64_t n,
                 float* out) {
  static thread_local std::vector<float> memory[2];
  int64_t most = 0;
  for (const Planes& p : plan.values) most = std::max(most, p.size.numel());
  float* values[2];
  for (int i = 0; i < 2; ++i) {  // at a cache line: a vector that crosses two costs two
    if (memory[i].size() < static_cast<size_t>(most * wide + 16))
      memory[i].assign(static_cast<size_t>(most * wide + 16), 0.0f);
    values[i] = memory[i].data() + (64 - reinterpret_cast<uintptr_t>(memory[i].data()) % 64) / 4;
  }
  const int64_t inputs = plan.values[0].size.numel(), outputs = plan.values.back().size.numel();
  transpose(x, n, inputs, inputs, values[0], wide);
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].levels) {
      const int64_t all = plan.values[i].size.numel() * wide;
      Held(*layers[i].levels, 0, 1)(values[i % 2], all, values[i % 2]);
    }
    kernels::table().taps(rows_of(layers[i], plan.layers[i].taps),
                          {.x = values[i % 2],
                           .pixel = wide,
                           .y = values[1 - i % 2],
                           .y_row = wide,
                           .residual = nullptr,
                           .residual_row = 0,
                           .mask = nullptr,
                           .relu = layers[i].relu},
                          wide);
  }
  transpose(values[layers.size() % 2], outputs, n, wide, out, outputs);
}

}  // namespace regrad::inference

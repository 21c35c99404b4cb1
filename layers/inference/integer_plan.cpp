// The plan of the integer way: which values are f32, which are whole numbers, how these lie, and
// what follows the sums of each layer.
#include <regrad/layers/inference/plan.h>

#include <algorithm>
#include <utility>

namespace regrad::inference {
namespace {

using Layer = InferenceLayer;

// A linear map is a convolution whose kernel is the whole image.
kernels::Conv shape_of(const Layer& l, const Size& x, const Size& y) {
  if (l.kind == Layer::linear) return {1, x.c, x.h, x.w, y.c, 1, 1, x.h, x.w, 1, 1, 0, 0, 1, 1, 1};
  const Steps s(l);
  return {1,
          x.c,
          x.h,
          x.w,
          y.c,
          y.h,
          y.w,
          l.weight.shape()[2],
          l.weight.shape()[3],
          s.stride_h,
          s.stride_w,
          s.pad_h,
          s.pad_w,
          s.dilation_h,
          s.dilation_w,
          l.groups};
}

class Planner {
 public:
  Planner(const std::vector<Layer>& layers, const std::vector<Size>& sizes)
      : layers_(layers), sizes_(sizes) {}

  IntegerPlan plan() {
    p_.dense = dense_plan_of(layers_, sizes_, true);
    p_.most = p_.dense.most;
    p_.layers.resize(layers_.size());
    p_.of_value.resize(sizes_.size());
    fuse();
    for (size_t i = 0; i < layers_.size(); ++i)
      if (layers_[i].levels) p_.layers[i].reads = whole_of(i);
    for (WholeValue& w : p_.wholes) lay_out(w);
    for (size_t i = 0; i < layers_.size(); ++i)
      if (layers_[i].levels) make(i);
    find_f32();
    place();
    return std::move(p_);
  }

 private:
  size_t from(size_t i) const { return static_cast<size_t>(layers_[i].from); }

  // An affine map that alone reads what a layer with levels gives is done with it.
  void fuse() {
    for (size_t i = 0; i < layers_.size(); ++i) p_.layers[i].writes = static_cast<int>(i) + 1;
    for (size_t j = 0; j < layers_.size(); ++j) {
      const Layer& a = layers_[j];
      if (a.kind != Layer::affine || a.from == 0 || readers(a.from) > 1) continue;
      const size_t i = from(j) - 1;
      const Layer& l = layers_[i];
      if (!l.levels || l.kind != Layer::conv || l.relu || l.residual >= 0) continue;
      p_.layers[i].writes = static_cast<int>(j) + 1;
      p_.layers[j].skipped = true;
    }
  }
  int readers(int v) const {
    int n = v + 1 == static_cast<int>(sizes_.size());
    for (const Layer& l : layers_) n += (l.from == v) + (l.residual == v) + (l.row == v);
    return n;
  }

  // The number of the whole value that layer i reads.
  int whole_of(size_t i) {
    const Layer& l = layers_[i];
    const InferenceLevels& q = *l.levels;
    const Size& x = sizes_[from(i)];
    const kernels::Conv s = shape_of(l, x, sizes_[i + 1]);
    WholeValue w{.value = l.from,
                 .lies = {kernels::int8_wide_input(s), q.input_signed, 0, 0, 0},
                 .size = x,
                 .pad_h = s.pad_h,
                 .pad_w = s.pad_w};
    for (int64_t c = 0; c < x.c; ++c) {
      const Held h(q, c, x.c);
      w.scale.push_back(h.scale), w.inverse.push_back(h.inverse);
      w.low = h.low, w.high = h.high;
    }
    for (const int k : p_.of_value[from(i)]) {
      WholeValue& there = p_.wholes[static_cast<size_t>(k)];
      if (there.lies.wide != w.lies.wide || there.low != w.low || there.high != w.high ||
          there.scale != w.scale)
        continue;
      there.pad_h = std::max(there.pad_h, w.pad_h), there.pad_w = std::max(there.pad_w, w.pad_w);
      return k;
    }
    p_.of_value[from(i)].push_back(static_cast<int>(p_.wholes.size()));
    p_.wholes.push_back(std::move(w));
    return static_cast<int>(p_.wholes.size()) - 1;
  }

  static void lay_out(WholeValue& w) {
    const Size& s = w.size;
    w.lies.row = (s.w + 2 * w.pad_w) * s.c;
    w.lies.first = w.pad_h * w.lies.row + w.pad_w * s.c;
    w.lies.bytes =
        ((s.h + 2 * w.pad_h) * w.lies.row * (w.lies.wide ? 2 : 1) + kernels::int8_room + 63) / 64 *
        64;
    if (!w.lies.wide && w.lies.is_signed) w.offset = 128;
    while (static_cast<int64_t>(w.columns.size()) < std::max<int64_t>(s.c, 512))
      w.columns.insert(w.columns.end(), w.inverse.begin(), w.inverse.end());
    w.period = static_cast<int64_t>(w.columns.size());
    w.columns.resize(w.columns.size() + 64, 0.0f);  // what vectors may read there
  }

  void make(size_t i) {
    const Layer& l = layers_[i];
    const InferenceLevels& q = *l.levels;
    WholeLayer& k = p_.layers[i];
    const Size &x = sizes_[from(i)], &y = sizes_[i + 1];
    std::vector<float> scale;
    for (int64_t o = 0; o < y.c; ++o)
      scale.push_back(static_cast<float>(static_cast<double>(Held(q, o, y.c).scale) *
                                         static_cast<double>(q.scale[static_cast<size_t>(o)])));
    kernels::Int8Numbers numbers{scale.data(), l.bias.data<float>(), nullptr, nullptr, 0, nullptr};
    k.relu = l.relu;
    const auto written = static_cast<size_t>(k.writes);
    if (written != i + 1) {
      const std::vector<float>& after = p_.dense.constants[written - 1];
      numbers.bands = layers_[written - 1].bands, k.relu = layers_[written - 1].relu;
      numbers.band_scale = after.data() + y.c;
      numbers.band_bias = after.data() + (1 + numbers.bands) * y.c;
    }
    if (!p_.of_value[written].empty())
      numbers.inverse = p_.wholes[static_cast<size_t>(p_.of_value[written][0])].inverse.data();
    k.conv.emplace(shape_of(l, x, y), q.weight.data(), p_.wholes[static_cast<size_t>(k.reads)].lies,
                   numbers);
  }

  // Read as f32 by a layer without levels, as a residual or row, as the answer, or to make whole
  // numbers of it where sums were not at hand, or went another way.
  void find_f32() {
    p_.is_f32.assign(sizes_.size(), false);
    p_.is_f32.front() = p_.is_f32.back() = true;
    for (size_t i = 0; i < layers_.size(); ++i) {
      const Layer& l = layers_[i];
      const auto reads = [&](int v) {
        if (v >= 0) p_.is_f32[static_cast<size_t>(v)] = true;
      };
      reads(l.residual), reads(l.row);
      if (!l.levels && !p_.layers[i].skipped) reads(l.from);
      const auto written = static_cast<size_t>(p_.layers[i].writes);
      const bool at_hand = l.levels || l.kind == Layer::add_row;
      if (!at_hand || p_.of_value[written].size() > 1) p_.is_f32[written] = true;
    }
    for (size_t i = 0; i < layers_.size(); ++i)
      if (p_.layers[i].skipped) p_.is_f32[from(i)] = false;
  }

  // Memory from the layer that writes a value until the last that reads it, for one image each.
  struct Memory {
    int64_t bytes;
    int until;
  };
  void place() {
    const auto last = static_cast<int>(layers_.size());
    std::vector<int> born(sizes_.size(), -1), dies(sizes_.size(), -1),
        whole_dies(p_.wholes.size(), -1);
    for (int i = 0; i < last; ++i) {
      const Layer& l = layers_[static_cast<size_t>(i)];
      const WholeLayer& k = p_.layers[static_cast<size_t>(i)];
      if (k.skipped) continue;
      born[static_cast<size_t>(k.writes)] = i;
      for (const int v : {l.from, l.residual, l.row})
        if (v >= 0) dies[static_cast<size_t>(v)] = i;
      if (k.reads >= 0) whole_dies[static_cast<size_t>(k.reads)] = i;
    }
    dies.back() = last;
    std::vector<Memory> all;
    std::vector<int> value_slot(sizes_.size(), -1), whole_slot(p_.wholes.size(), -1);
    const auto take = [&](int64_t bytes, int from_then, int until) {
      const auto free = std::find_if(all.begin(), all.end(),
                                     [&](const Memory& m) { return m.until < from_then; });
      if (free == all.end()) return all.push_back({bytes, until}), static_cast<int>(all.size()) - 1;
      free->bytes = std::max(free->bytes, bytes), free->until = until;
      return static_cast<int>(free - all.begin());
    };
    for (int i = -1; i < last; ++i)
      for (size_t v = 0; v < sizes_.size(); ++v) {
        if (born[v] != i || (i < 0 && v > 0)) continue;
        if (p_.is_f32[v])
          value_slot[v] = take((sizes_[v].numel() * 4 + kernels::int8_room + 63) / 64 * 64, i,
                               std::max(dies[v], i));
        for (const int k : p_.of_value[v])
          whole_slot[static_cast<size_t>(k)] =
              take(p_.wholes[static_cast<size_t>(k)].lies.bytes, i,
                   std::max(whole_dies[static_cast<size_t>(k)], i));
      }
    std::vector<int64_t> begin;
    for (const Memory& m : all) begin.push_back(p_.bytes), p_.bytes += m.bytes;
    const auto at = [&](int slot) { return slot < 0 ? -1 : begin[static_cast<size_t>(slot)]; };
    for (const int s : value_slot) p_.value_at.push_back(at(s));
    for (const int s : whole_slot) p_.whole_at.push_back(at(s));
  }

  const std::vector<Layer>& layers_;
  const std::vector<Size>& sizes_;
  IntegerPlan p_;
};

}  // namespace

IntegerPlan integer_plan_of(const std::vector<InferenceLayer>& layers,
                            const std::vector<Size>& sizes) {
  return Planner(layers, sizes).plan();
}

}  // namespace regrad::inference

#include <regrad/layers/quantize.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

bool quantizable(const Step& s) { return s.kind == Step::conv || s.kind == Step::linear; }

void check_input(const Step& s) {
  const bool fits = s.kind == Step::conv
                        ? s.weight.dim() == 4 && s.x.dim() == 4 &&
                              s.x.size(1) == s.weight.size(1) * s.options.groups
                        : s.weight.dim() == 2 && s.x.dim() > 0 && s.x.size(-1) == s.weight.size(1);
  if (!fits)
    throw ShapeError("Quantizer: an input " + str(s.x.shape()) + " for weights " +
                     str(s.weight.shape()) + "; needs [N,C,H,W] or [..,in], without tasks");
}

// Along the outputs: [O,1,1] of a convolution's, [O] of a linear map's.
Tensor along_outputs(const Step& s, const Tensor& v) {
  return s.kind == Step::conv ? reshape(v, {v.numel(), 1, 1}) : v;
}

// s_x s_w of each output.
Tensor output_scales(const Step& s, const Ranges& of_x, const Ranges& of_w, const Int8Options& o) {
  const int64_t outs = s.weight.size(0);
  std::vector<double> v;
  for (int64_t c = 0; c < outs; ++c)
    v.push_back(levels_of(of_x.at(c, outs), of_x.is_signed(), o.inputs).scale *
                levels_of(of_w.at(c, outs), of_w.is_signed(), o.weights).scale);
  return along_outputs(s, tensor(v, {outs}, s.weight.dtype()));
}

// Whole numbers in floating point: their sums are exact below 2^24 in f32, so nothing that a norm
// could enlarge is left between this and the integers.
Tensor simulated(const Step& s, const Ranges& of_x, const Int8Options& o) {
  const Ranges of_w = weight_ranges(s.weight, o.weights);
  const Tensor x = quantized_levels(s.x, of_x, o.inputs),
               w = quantized_levels(s.weight, of_w, o.weights);
  const Tensor sums = s.kind == Step::conv ? conv2d(x, w, Tensor(), s.options) : linear(x, w);
  const Tensor y = sums * output_scales(s, of_x, of_w, o);
  return s.bias.defined() ? y + along_outputs(s, s.bias) : y;
}

// What padding "same" adds, in numbers: half in front and behind, an odd one behind x first.
Pair reach(const Step& s) {
  return {s.options.dilation.h * (s.weight.size(2) - 1),
          s.options.dilation.w * (s.weight.size(3) - 1)};
}

// A linear map is a 1x1 convolution of images of one pixel.
Int8Conv2d by_whole_numbers(const Step& s, const Ranges& of_x, const Int8Options& o) {
  const Tensor w = s.kind == Step::conv
                       ? s.weight
                       : reshape(s.weight, {s.weight.size(0), s.weight.size(1), 1, 1});
  ConvOptions options = s.options;
  if (options.padding.same) options.padding = Padding(reach(s).h / 2, reach(s).w / 2);
  return {w, s.bias, options, of_x, o};
}
Tensor run(const Int8Conv2d& conv, const Step& s) {
  if (s.kind == Step::conv)
    return conv(s.options.padding.same ? pad(s.x, {0, reach(s).w % 2, 0, reach(s).h % 2}) : s.x);
  Shape sizes = s.x.shape();
  sizes[sizes.size() - 1] = s.weight.size(0);
  const int64_t in = s.weight.size(1);
  return reshape(conv(reshape(s.x, {in ? s.x.numel() / in : 0, in, 1, 1})), sizes);
}

}  // namespace

Context::Evaluate Quantizer::calibrate() {
  return [this](const Step& s, const std::function<Tensor()>& plain) {
    if (!quantizable(s) || !s.x.numel()) return plain();
    check_input(s);
    auto l = std::find_if(layers_.begin(), layers_.end(),
                          [&](const Layer& k) { return k.weight.node() == s.weight.node(); });
    if (l == layers_.end())
      l = layers_.insert(l, Layer{s.weight, MinMaxObserver(s.options.groups)});
    l->input.observe(s.x);
    l->ready = false;
    return plain();
  };
}

size_t Quantizer::place(const Step& s) const {
  check_input(s);
  for (size_t i = 0; i < layers_.size(); ++i)
    if (layers_[i].weight.node() == s.weight.node()) return i;
  throw ConfigError("Quantizer: a layer with weights " + str(s.weight.shape()) +
                    " that calibration did not see");
}

Context::Evaluate Quantizer::simulate() const {
  return [this](const Step& s, const std::function<Tensor()>& plain) {
    if (!quantizable(s)) return plain();
    return simulated(s, layers_[place(s)].input.ranges(), options_);
  };
}

Context::Evaluate Quantizer::integers() {
  for (Layer& l : layers_) l.ready = false;
  return [this](const Step& s, const std::function<Tensor()>& plain) {
    if (!quantizable(s)) return plain();
    Layer& l = layers_[place(s)];
    if (!l.ready) l.fast = by_whole_numbers(s, l.input.ranges(), options_), l.ready = true;
    return run(l.fast, s);
  };
}

}  // namespace regrad

// Nets that run without training code: exported logits, the sparse way against the dense one,
// files, and what is refused.
#include <doctest/doctest.h>
#include <regrad/algorithms/shared/masks.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/export.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/nets/conv4.h>
#include <regrad/layers/nets/wide_resnet.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "../temp_folder.h"

using namespace regrad;
using regrad::test::TempFolder;

namespace {

double apart(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::f64) - b.to(DType::f64))).item();
}

// A net whose norms have seen something, with masks on its prunable weights.
NamedNet trained(const NamedNetOptions& o, double sparsity, bool filters = false) {
  NamedNet net(Random(7), o);
  for (int i = 0; i < 3; ++i) {
    Context ctx{.training = true};
    net(normal(Random(8) / i, {4, o.in_channels, o.size, o.size}, 0.3, 1.2), ctx);
    net = commit(std::move(net), ctx);
  }
  std::vector<Tensor> p = parameters(net);
  const std::vector<size_t> at_ = prunable(p);
  const std::vector<Tensor> masks =
      magnitude_masks(picked(p, at_), sparsity, {.per_layer = true, .filters = filters});
  for (size_t l = 0; l < at_.size(); ++l) p[at_[l]] = p[at_[l]].detach() * masks[l];
  for (size_t i = 0; i < p.size(); ++i)
    if (p[i].dim() == 1)
      p[i] = p[i].detach() + 0.2 * normal(Random(9) / static_cast<int64_t>(i), p[i].shape());
  return at(net, p);
}

Tensor images(const NamedNetOptions& o, int64_t n) {
  return normal(Random(10), {n, o.in_channels, o.size, o.size});
}

int64_t file_size(const std::string& path) {
  return static_cast<int64_t>(std::filesystem::file_size(path));
}

}  // namespace

TEST_CASE("export: every net's logits, dense and sparse, at odd sizes and batches") {
  for (const std::string& name : net_names()) {
    for (int64_t size : {16, 19}) {
      if (size == 19 && (name == "wrn-28-2" || name == "vgg16" || name == "resnet56" ||
                         name == "resnet56-pad" || name == "resnet50"))
        continue;
      CAPTURE(name);
      CAPTURE(size);
      const NamedNetOptions o{.name = name, .in_channels = 3, .size = size, .classes = 7};
      const NamedNet net = trained(o, 0.9);
      const InferenceNet exported = export_net(net, o),
                         dense = exported.with_mode(InferenceMode::dense),
                         sparse = exported.with_mode(InferenceMode::sparse);
      const Tensor x = images(o, 3), y = net(x);
      const double scale = amax(abs(y)).item();
      CHECK(apart(dense(x), y) < 2e-5 * scale);
      CHECK(apart(sparse(x), y) < 2e-5 * scale);
    }
  }
}

namespace {

// A net of nobody's list: ReLU and sum as steps of their own, a norm that pools, a convolution that
// two layers read.
struct Own {
  Conv2d first{Random(30) / "first", 2, 6, 3, {.padding = 1}}, second, across;
  BatchNorm norm{6};
  Linear linear{Random(30) / "linear", 6, 4};
  int what = 0;

  Own() : second(Random(30) / "second", 6, 6, 3, {.padding = 1}), across(second) {
    across.weight = normal(Random(30) / "across", {6, 6, 1, 1}), across.options = {};
    norm.running_mean = normal(Random(30) / "mean", {6}) * 0.3;
    norm.running_var = uniform(Random(30) / "var", {6}, 0.5, 2);
  }
  Tensor operator()(const Tensor& x, Context& ctx) const {
    const Tensor a = norm(first(x, ctx), ctx, {.relu = true, .max_pool = Window{2, 2, 0}});
    Tensor y = relu(add(second(a, ctx), across(a, ctx), ctx), ctx);
    if (what == 1) y = y * 2;                      // no step
    if (what == 2) y = relu(add(a, y, ctx), ctx);  // a sum of what is no convolution's output alone
    if (what == 3) y = max_pool2d(second(y, ctx), 3, ctx);
    const Tensor z = linear(mean_over_pixels(y, ctx), ctx);
    if (what == 5) linear(mean_over_pixels(a, ctx), ctx);  // a step behind the output
    return what == 4 ? tanh(z) : z;
  }
  static void parts(auto& self, auto&& part) {
    part("first", self.first);
    part("second", self.second);
    part("across", self.across);
    part("norm", self.norm);
    part("linear", self.linear);
  }
};

}  // namespace

TEST_CASE("export: a net that is on no list, by the steps of its forward pass") {
  const InferenceInfo info{2, 10, 10, {}, {}, {}};
  Own net;
  const Tensor x = normal(Random(31), {3, 2, 10, 10});
  const auto out = [&](const Own& n) { return out_of_training(n, x); };
  const auto kinds = [](const InferenceNet& n) {
    std::vector<int> k;
    for (const InferenceLayer& l : n.layers()) k.push_back(l.kind);
    return k;
  };
  using L = InferenceLayer;
  const InferenceNet exported = export_net(net, info);
  CHECK(apart(exported(x), out(net)) < 1e-5);
  // norm, sum and ReLU stand in the convolutions
  CHECK(kinds(exported) ==
        std::vector<int>{L::conv, L::max_pool, L::conv, L::conv, L::mean, L::linear});
  CHECK(exported.layers()[3].residual == 3);
  CHECK(exported.layers()[3].relu);
  net.what = 3;
  CHECK(apart(export_net(net, info)(x), out(net)) < 1e-5);
  // f64 nets are exported as f32
  CHECK(apart(export_net(to(net, DType::f64), info)(x), out(net)) < 1e-5);
  for (const int what : {1, 2, 4, 5}) {
    net.what = what;
    CHECK_THROWS_AS(export_net(net, info), ConfigError);
  }
  net.what = 0, net.second.options = {.padding = {3, 2}, .dilation = {3, 2}};
  for (const InferenceMode mode : {InferenceMode::dense, InferenceMode::sparse})
    CHECK(apart(export_net(net, info).with_mode(mode)(x), out(net)) < 1e-5);
  net.second.options = {.padding = "same"};
  CHECK_THROWS_AS(export_net(net, info), ConfigError);
  CHECK_THROWS_AS(export_net(Conv4(Random(1), {.size = 16}, 3), {1, 16, 16, {}, {}, {}}),
                  ConfigError);  // norms without running statistics
  CHECK_THROWS_AS(export_net(BcResnetAsc(Random(1), {}), {1, 32, 32, {}, {}, {}}), ConfigError);
}

TEST_CASE("export: a norm that is not behind its convolution alone stays a layer") {
  const WideResnet net(Random(32), {.depth = 10, .widen = 1}, 3);
  const Tensor x = normal(Random(33), {2, 3, 12, 12});
  const InferenceNet exported = export_net(net, {3, 12, 12, {}, {}, {}});
  CHECK(apart(exported(x), net(x)) < 1e-5 * amax(abs(net(x))).item() + 1e-6);
  int affine = 0;
  for (const InferenceLayer& l : exported.layers()) affine += l.kind == InferenceLayer::affine;
  CHECK(affine == 4);  // of 3 blocks and the end; depth 10, widen 1: the first block is 16 to 16
}

TEST_CASE(
    "inference: the sparse way is right at every density, kernel, stride, padding and group") {
  int64_t seed = 0;
  for (double density : {0.0, 0.07, 0.5, 1.0})
    for (int64_t kernel : {1, 2, 3, 5})
      for (int64_t stride : {1, 2, 3})
        for (int64_t padding : {0, 1, 2})
          for (int64_t groups : {1, 3}) {
            const Random r = Random(20) / seed++;
            const int64_t h = 9 + seed % 4, w = 7 + seed % 5;
            InferenceLayer l;
            l.stride = stride, l.padding = padding, l.groups = groups, l.relu = seed % 2 == 0;
            l.weight = normal(r / "w", {6, 6 / groups, kernel, kernel}) *
                       lt(uniform(r / "m", {6, 6 / groups, kernel, kernel}), full({}, density))
                           .to(DType::f32);
            l.bias = normal(r / "b", {6});
            const InferenceNet net({l}, {6, h, w, {}, {}, {}}, InferenceMode::sparse);
            const Tensor x = normal(r / "x", {2, 6, h, w});
            Tensor y = conv2d(x.to(DType::f64), l.weight.to(DType::f64), l.bias.to(DType::f64),
                              {.stride = stride, .padding = padding, .groups = groups});
            if (l.relu) y = relu(y);
            CHECK(net(x).shape() == y.shape());
            CHECK(apart(net(x), y) < 1e-4);
          }
}

TEST_CASE("inference: convolutions of unlike sides either way") {
  int64_t seed = 0;
  for (const Pair kernel : {Pair{3, 1}, Pair{1, 3}, Pair{2, 4}})
    for (const Pair stride : {Pair{1, 1}, Pair{2, 1}, Pair{1, 3}})
      for (const Pair padding : {Pair{0, 0}, Pair{1, 0}, Pair{0, 2}})
        for (const Pair dilation : {Pair{1, 1}, Pair{2, 1}, Pair{1, 2}})
          for (const int64_t groups : {1, 6}) {
            const Random r = Random(23) / seed++;
            InferenceLayer l{.stride = stride.h,
                             .padding = padding.h,
                             .dilation = dilation.h,
                             .stride_w = stride.w,
                             .padding_w = padding.w,
                             .dilation_w = dilation.w,
                             .groups = groups,
                             .relu = seed % 2 == 0};
            l.weight = normal(r / "w", {6, 6 / groups, kernel.h, kernel.w});
            l.bias = normal(r / "b", {6});
            InferenceLayer again = l;  // with the first one's output as residual, where it fits
            again.from = 1, again.stride = 1, again.stride_w = 1, again.groups = 6;
            again.weight = normal(r / "v", {6, 1, 1, 1}), again.padding = again.padding_w = 0;
            again.residual = 1;
            const Tensor x = normal(r / "x", {2, 6, 9, 11});
            const ConvOptions o{.stride = stride,
                                .padding = {padding.h, padding.w},
                                .dilation = dilation,
                                .groups = groups};
            Tensor y = conv2d(x.to(DType::f64), l.weight.to(DType::f64), l.bias.to(DType::f64), o);
            if (l.relu) y = relu(y);
            Tensor z =
                conv2d(y, again.weight.to(DType::f64), l.bias.to(DType::f64), {.groups = 6}) + y;
            if (l.relu) z = relu(z);
            for (const InferenceMode mode : {InferenceMode::dense, InferenceMode::sparse}) {
              const InferenceInfo info{6, 9, 11, {}, {}, {}};
              CHECK(InferenceNet({l}, info, mode)(x).shape() == y.shape());
              CHECK(apart(InferenceNet({l}, info, mode)(x), y) < 1e-4);
              CHECK(apart(InferenceNet({l, again}, info, mode)(x), z) < 1e-4);
            }
          }
}

TEST_CASE("inference: nets that share a thread do not see each other's pixels") {
  const int before = num_threads();
  set_num_threads(1);
  InferenceLayer l;
  l.stride = 3, l.padding = 2;
  l.weight = normal(Random(21) / "w", {4, 3, 2, 2}), l.bias = normal(Random(21) / "b", {4});
  // Outputs of 4 x 4 from 9 x 9 down to 7 x 7: the same planes, fewer pixels in them each time.
  for (int64_t h : {9, 8, 7})
    for (int64_t w : {9, 8, 7}) {
      const InferenceNet net({l}, {3, h, w, {}, {}, {}}, InferenceMode::sparse);
      const Tensor x = normal(Random(22) / h / w, {2, 3, h, w}),
                   y = conv2d(x, l.weight, l.bias, {.stride = 3, .padding = 2});
      CHECK(net(x).shape() == Shape{2, 4, 4, 4});
      CHECK(apart(net(x), y) < 1e-4);
    }
  set_num_threads(before);
}

TEST_CASE(
    "inference: batches of vectors, one at a time and many at once; the same bits for any number "
    "of threads") {
  const NamedNetOptions o{.name = "mlp", .in_channels = 1, .size = 12, .classes = 5},
      conv{.name = "r8", .in_channels = 1, .size = 28, .classes = 10};
  const InferenceNet mlp = export_net(trained(o, 0.9), o).with_mode(InferenceMode::sparse),
                     r8 = export_net(trained(conv, 0.9), conv).with_mode(InferenceMode::sparse);
  const Tensor x = images(o, 131), pictures = images(conv, 9), all = mlp(x);
  for (int64_t i : {0, 63, 64, 130})
    CHECK(apart(mlp(slice(x, 0, i, i + 1)), slice(all, 0, i, i + 1)) < 1e-5);
  CHECK(apart(all, mlp.with_mode(InferenceMode::dense)(x)) < 1e-5);
  const int before = num_threads();
  const std::vector<double> y = all.to_vector(), z = r8(pictures).to_vector();
  for (int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    CHECK(mlp(x).to_vector() == y);
    CHECK(r8(pictures).to_vector() == z);
  }
  set_num_threads(before);
}

TEST_CASE(
    "inference: files come back to the bit and are no larger than bitmap and values, and 5%") {
  const TempFolder at;
  for (double sparsity : {0.0, 0.9, 0.95}) {
    const NamedNetOptions o{.name = "resnet20", .in_channels = 3, .size = 32, .classes = 10};
    const InferenceNet net =
        export_net(trained(o, sparsity), o,
                   {.classes = {"a", "b"}, .mean = {0.1f, 0.2f, 0.3f}, .deviation = {1, 2, 3}});
    save_inference(net, at / "net.safetensors");
    const InferenceNet back = load_inference(at / "net.safetensors");
    const Tensor x = images(o, 2);
    CHECK(apart(net(x), back(x)) == 0);
    CHECK(back.info().classes == net.info().classes);
    CHECK(back.info().mean == net.info().mean);
    const auto cost = net.cost();
    const int64_t convs = 270256, bitmap = sparsity > 0 ? convs / 8 : 0;
    CHECK(file_size(at / "net.safetensors") <=
          static_cast<int64_t>(1.05 * static_cast<double>(4 * cost.nonzeros + bitmap)));
  }
}

TEST_CASE("inference: whole filters are taken out, and no logit changes") {
  const NamedNetOptions o{.name = "vgg16", .in_channels = 3, .size = 16, .classes = 4};
  const NamedNet net = trained(o, 0.6, true);
  const InferenceNet whole = export_net(net, o, {.remove_filters = false}),
                     cut = export_net(net, o);
  CHECK(cut.cost().parameters < whole.cost().parameters);
  CHECK(cut.cost().macs < whole.cost().macs);
  const Tensor x = images(o, 2);
  CHECK(apart(whole.with_mode(InferenceMode::dense)(x), cut.with_mode(InferenceMode::dense)(x)) <
        2e-5 * amax(abs(whole(x))).item());
}

TEST_CASE("inference: what does not fit is refused") {
  InferenceLayer l;
  l.weight = ones({4, 3, 3, 3}), l.bias = zeros({4}), l.padding = 1;
  const InferenceInfo info{3, 8, 8, {}, {}, {}};
  const InferenceNet net({l}, info);
  CHECK_THROWS_AS(net(ones({1, 3, 8, 7})), ShapeError);
  CHECK_THROWS_AS(net(ones({1, 3, 8, 8}, DType::f64)), DTypeError);
  CHECK_THROWS_AS(InferenceNet()(ones({1})), ConfigError);
  CHECK_THROWS_AS(InferenceNet({}, info), ConfigError);
  const auto broken = [&](auto change) {
    InferenceLayer b = l;
    change(b);
    return InferenceNet({b}, info);
  };
  CHECK_THROWS_AS(broken([](auto& b) { b.from = 1; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto& b) { b.residual = 1; }), ConfigError);
  CHECK_THROWS_AS(broken([](auto& b) { b.residual = 0; }), ShapeError);
  CHECK_THROWS_AS(broken([](auto& b) { b.groups = 2; }), ShapeError);
  CHECK_THROWS_AS(broken([](auto& b) { b.bias = zeros({5}); }), ShapeError);
  CHECK_THROWS_AS(broken([](auto& b) { b.weight = {}; }), ShapeError);
  CHECK_THROWS_AS(broken([](auto& b) { b.weight = ones({4, 3, 11, 11}); }), ShapeError);
  CHECK_THROWS_AS(broken([](auto& b) { b.kind = InferenceLayer::mean; }), ShapeError);
}

TEST_CASE("inference: broken files are IOErrors that name the file") {
  const TempFolder at;
  const NamedNetOptions o{.name = "tiny", .in_channels = 1, .size = 16, .classes = 4};
  save_inference(export_net(trained(o, 0.8), o), at / "good.safetensors");
  const TensorFile good = load_safetensors(at / "good.safetensors");
  const auto forged = [&](auto change) {
    std::vector<NamedTensor> tensors = good.tensors;
    Metadata metadata = good.metadata;
    change(tensors, metadata);
    save_safetensors(at / "bad.safetensors", tensors, metadata);
    try {
      load_inference(at / "bad.safetensors");
    } catch (const IOError& e) {
      return std::string(e.what()).find("bad.safetensors") != std::string::npos;
    }
    return false;
  };
  const auto edit = [](std::string key, std::string from, std::string to) {
    return [=](auto&, Metadata& m) {
      const size_t p = m[key].find(from);
      if (p != std::string::npos) m[key].replace(p, from.size(), to);
    };
  };
  for (const char* key : {"format", "input", "classes", "mean", "deviation", "layers"}) {
    CAPTURE(key);
    CHECK(forged([&](auto&, Metadata& m) { m.erase(key); }));
  }
  CHECK(forged([](auto&, Metadata& m) { m["format"] = "pickle"; }));
  CHECK(forged([](auto&, Metadata& m) { m["input"] = "1,16"; }));
  CHECK(forged([](auto&, Metadata& m) { m["input"] = "1,16,-3"; }));
  CHECK(forged([](auto&, Metadata& m) { m["input"] = "1,2,2"; }));
  CHECK(forged([](auto&, Metadata& m) { m["mean"] = "nan"; }));
  CHECK(forged([](auto&, Metadata& m) { m["mean"] = "1,2", m["deviation"] = "1,2"; }));
  CHECK(forged([](auto&, Metadata& m) { m["mean"] = "1", m["deviation"] = "0"; }));
  CHECK(forged([](auto&, Metadata& m) { m["layers"] = ""; }));
  CHECK(forged(edit("layers", "conv", "convolution")));
  CHECK(forged(edit("layers", "from=0", "from=9")));
  CHECK(forged(edit("layers", "from=0", "from=0 from=0")));
  CHECK(forged(edit("layers", "padding=1", "padding=1 stride=0")));
  CHECK(forged(edit("layers", " from=0", "")));
  CHECK(forged(edit("layers", "relu=1", "relu=2")));
  CHECK(forged(edit("layers", "relu=1", "colour=2")));
  CHECK(forged(edit("layers", "weight=8,1,3,3", "weight=8,1,3,4")));
  CHECK(forged(edit("layers", "weight=8,1,3,3", "weight=99999999,99999999,3,3")));
  CHECK(forged(edit("layers", "weight=8,1,3,3", "weight=8,1,1,1,9")));
  CHECK(forged(edit("layers", " weight=8,1,3,3", "")));
  for (size_t drop = 0; drop < good.tensors.size(); ++drop)
    CHECK(forged(
        [&](auto& t, Metadata&) { t.erase(t.begin() + static_cast<std::ptrdiff_t>(drop)); }));
  for (size_t change = 0; change < good.tensors.size(); ++change)
    CHECK(forged([&](auto& t, Metadata&) { t[change].second = zeros({3}, DType::f64); }));
  const auto with = [](const char* name, auto make) {
    return [name, make](auto& all, Metadata&) {
      for (auto& [other, v] : all)
        if (other == name) v = make(v);
    };
  };
  CHECK(forged(with("mask", [](const Tensor& t) { return full(t.shape(), 255, DType::u8); })));
  CHECK(forged(with("mask", [](const Tensor& t) { return zeros(t.shape(), DType::u8); })));
  for (const char* name : {"values", "bias"})
    for (const double wrong : {std::nan(""), HUGE_VAL})
      CHECK(forged(with(name, [wrong](const Tensor& t) {
        return cat({slice(t, 0, 0, t.numel() - 1), full({1}, wrong, DType::f32)}, 0).contiguous();
      })));
  for (const char* name : {"mask", "values", "bias"}) {
    CHECK(forged(
        with(name, [](const Tensor& t) { return slice(t, 0, 0, t.numel() - 1).contiguous(); })));
    CHECK(forged(with(name, [](const Tensor& t) { return cat({t, slice(t, 0, 0, 1)}, 0); })));
  }
  CHECK(forged(edit("layers", "bitmap=1", "bitmap=0")));
  const std::string bytes = to_safetensors(good.tensors, good.metadata);
  for (size_t keep : {size_t{0}, size_t{7}, bytes.size() / 2, bytes.size() - 1}) {
    std::ofstream(at / "bad.safetensors", std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(keep));
    CHECK_THROWS_AS(load_inference(at / "bad.safetensors"), IOError);
  }
}

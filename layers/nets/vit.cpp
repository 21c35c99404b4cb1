#include <regrad/layers/nets/vit.h>

#include <cmath>

namespace regrad {
namespace {

void check(const VitOptions& o) {
  const auto need = [](bool ok, const std::string& what) {
    if (!ok) throw ConfigError("Vit: " + what);
  };
  need(o.image >= 1 && o.patch >= 1 && o.image % o.patch == 0,
       "images of " + std::to_string(o.image) + " pixels a side in patches of " +
           std::to_string(o.patch) + "; the patch must divide the image");
  need(o.channels >= 1 && o.layers >= 1 && o.inner >= 0,
       "channels and layers must be at least 1, inner at least 0");
}

// [N,C,H,W] -> [N T, C p p], tokens row by row.
Tensor patches(const Tensor& x, const VitOptions& o) {
  const int64_t n = x.size(0), side = o.image / o.patch;
  const Tensor cut = reshape(x, {n, o.channels, side, o.patch, side, o.patch});
  return reshape(permute(cut, {0, 2, 4, 1, 3, 5}),
                 {n * side * side, o.channels * o.patch * o.patch});
}

void start(Linear& layer, const Random& r, DType t) {
  layer.weight = init::xavier_uniform(r, layer.weight.shape(), 1, t).requires_grad_();
  layer.bias = zeros(layer.bias.shape(), t).requires_grad_();
}

// Queries', keys' and values' matrices each by their own fans.
void start(TransformerEncoderLayer& layer, const Random& r, int64_t width, DType t) {
  std::vector<Tensor> qkv;
  for (const char* third : {"q", "k", "v"})
    qkv.push_back(init::xavier_uniform(r / third, {width, width}, 1, t));
  layer.self_attn.in_proj_weight = cat(qkv, 0).contiguous().requires_grad_();
  start(layer.self_attn.out_proj, r / "out_proj", t);
  start(layer.linear1, r / "linear1", t), start(layer.linear2, r / "linear2", t);
}

}  // namespace

VitOptions vit_options(const std::string& name, int64_t image, int64_t patch) {
  VitOptions o{.image = image, .patch = patch};
  if (name == "tiny") return o;
  if (name == "small") return o.width = 384, o.heads = 12, o;
  if (name == "base") return o.width = 768, o.heads = 12, o;
  throw ConfigError("Vit: '" + name + "' is none of tiny, small, base");
}

Tensor sin_cos_positions(int64_t rows, int64_t columns, int64_t width, DType t) {
  if (width < 4 || width % 4)
    throw ConfigError("sin_cos_positions: width " + std::to_string(width) +
                      " must be a multiple of 4");
  const int64_t k = width / 4;
  std::vector<double> out;
  for (int64_t y = 0; y < rows; ++y)
    for (int64_t x = 0; x < columns; ++x)
      for (const int64_t at : {x, y})
        for (const bool sine : {true, false})
          for (int64_t i = 0; i < k; ++i) {
            const double angle =
                static_cast<double>(at) *
                std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(k));
            out.push_back(sine ? std::sin(angle) : std::cos(angle));
          }
  return tensor(out, {rows * columns, width}, t);
}

Vit::Vit(const Random& r, const VitOptions& o) : norm({o.width}, o.dtype), options(o) {
  check(o);
  const int64_t side = o.image / o.patch;
  positions = sin_cos_positions(side, side, o.width, o.dtype);
  patch = Linear(r / "patch", o.channels * o.patch * o.patch, o.width, true, o.dtype);
  start(patch, r / "patch", o.dtype);
  if (o.frozen_patches) patch.weight = patch.weight.detach(), patch.bias = patch.bias.detach();
  cls = regrad::normal(r / "cls", {1, o.width}, 0, 1e-6, o.dtype).requires_grad_();
  const EncoderOptions block{.width = o.width,
                             .heads = o.heads,
                             .inner = o.inner ? o.inner : 4 * o.width,
                             .eps = o.eps,
                             .recompute = o.recompute,
                             .dtype = o.dtype};
  for (int64_t i = 0; i < o.layers; ++i) {
    layers.emplace_back(r / "layers" / i, block);
    start(layers.back(), r / "layers" / i, o.width, o.dtype);
  }
  norm.eps = o.eps;
}

namespace {

struct Tokens {
  Tensor x, segment, first;  // [N (1 + T), D]; the image of each row; rows of the class tokens
};
Tokens tokens_of(const Vit& net, const Tensor& x, Context& ctx) {
  const VitOptions& o = net.options;
  if (x.dim() != 4 || x.size(1) != o.channels || x.size(2) != o.image || x.size(3) != o.image)
    throw ShapeError("Vit: x " + str(x.shape()) + "; this net takes [N," +
                     std::to_string(o.channels) + "," + std::to_string(o.image) + "," +
                     std::to_string(o.image) + "]");
  const int64_t n = x.size(0), t = net.tokens();
  const Tensor words = by_rows(net.patch, patches(x, o), ctx);
  const Tensor placed = reshape(words, {n, t, o.width}) + net.positions;
  const Tensor led = cat({expand(reshape(net.cls, {1, 1, o.width}), {n, 1, o.width}), placed}, 1);
  return {reshape(led, {n * (t + 1), o.width}), segments(n, t + 1),
          arange(0, static_cast<double>(n)) * (t + 1)};
}

// The class token behind each layer, or behind the last alone.
std::vector<Tensor> read(const Vit& net, const Tensor& x, Context& ctx, bool each) {
  Tokens at = tokens_of(net, x, ctx);
  std::vector<Tensor> out;
  for (size_t l = 0; l < net.layers.size(); ++l) {
    const Stream here(ctx, static_cast<int64_t>(l));
    const bool last = l + 1 == net.layers.size();
    at.x = net.layers[l](at.x, at.segment, ctx, last ? at.first : Tensor());
    if (last || each) out.push_back(net.norm(last ? at.x : index_select(at.x, 0, at.first)));
  }
  return out;
}

}  // namespace

std::vector<Tensor> Vit::features(const Tensor& x, Context& ctx) const {
  return read(*this, x, ctx, true);
}

Tensor Vit::operator()(const Tensor& x, Context& ctx) const {
  return read(*this, x, ctx, false).back();
}

}  // namespace regrad

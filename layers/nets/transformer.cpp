#include <regrad/layers/nets/transformer.h>

#include <string>

namespace regrad {
namespace {

// The texts with one token more in front of each: where that token and the words go.
struct Led {
  std::vector<int64_t> row;             // of [cls; words] for each row
  std::vector<int64_t> place, segment;  // 0 for cls, then 1, 2, ..
  std::vector<int64_t> first;           // the row of each text's cls
};
Led led(const Packed& texts) {
  Led l;
  for (int64_t n = 0; n < texts.texts(); ++n) {
    l.first.push_back(static_cast<int64_t>(l.row.size()));
    for (int64_t j = 0; j <= texts.length(n); ++j) {
      l.row.push_back(j == 0 ? 0 : texts.start[static_cast<size_t>(n)] + j);
      l.place.push_back(j);
      l.segment.push_back(n);
    }
  }
  return l;
}

}  // namespace

TextTransformer::TextTransformer(const Random& r, const TextOptions& o,
                                 const TextTransformerOptions& t)
    : options(o) {
  detail::check("TextTransformer", o);
  if (t.layers < 1 || t.most < 1)
    throw ConfigError("TextTransformer: " + std::to_string(t.layers) + " layers over " +
                      std::to_string(t.most) + " tokens; both must be at least 1");
  embedding = Embedding(r / "embedding", o.words, o.width, o.pad, 0.1, o.dtype);
  cls = normal(r / "cls", {1, o.width}, 0, 0.02, o.dtype).requires_grad_();
  positions = normal(r / "positions", {1 + t.most, o.width}, 0, 0.02, o.dtype).requires_grad_();
  const EncoderOptions block{.width = o.width,
                             .heads = t.heads,
                             .inner = t.inner ? t.inner : 4 * o.width,
                             .dropout = t.inside,
                             .eps = t.eps,
                             .dtype = o.dtype};
  for (int64_t i = 0; i < t.layers; ++i) layers.emplace_back(r / "layers" / i, block);
  norm = LayerNorm({o.width}, o.dtype);
  norm.eps = t.eps;
  fc = Linear(r / "fc", o.width, o.classes, true, o.dtype);
}

Tensor TextTransformer::features(const Tensor& ids, Context& ctx) const {
  const Packed texts = pack(ids, options.pad);
  if (texts.longest() >= positions.size(0))
    throw ShapeError("TextTransformer: a text of " + std::to_string(texts.longest()) +
                     " words; this net takes " + std::to_string(positions.size(0) - 1));
  const Led l = led(texts);
  const Tensor words = detail::words_of(embedding, texts, options, ctx),
               segment = tensor(l.segment);
  Tensor x = index_select(cat({cls, words}, 0), 0, tensor(l.row)) +
             index_select(positions, 0, tensor(l.place));
  for (size_t i = 0; i < layers.size(); ++i) {
    const Stream here(ctx, static_cast<int64_t>(i));
    x = layers[i](x, segment, ctx, i + 1 == layers.size() ? tensor(l.first) : Tensor());
  }
  return norm(x);
}

Tensor TextTransformer::operator()(const Tensor& ids, Context& ctx) const {
  return detail::classify(fc, features(ids, ctx), options, ctx);
}

}  // namespace regrad

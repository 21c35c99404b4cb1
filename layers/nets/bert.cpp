#include <regrad/layers/nets/bert.h>

namespace regrad {
namespace {

void check(const BertConfig& c, int64_t classes) {
  const struct {
    const char* name;
    int64_t value;
  } sizes[] = {{"vocabulary", c.vocabulary}, {"width", c.width},  {"layers", c.layers},
               {"heads", c.heads},           {"inner", c.inner},  {"positions", c.positions},
               {"types", c.types},           {"classes", classes}};
  for (const auto& s : sizes)
    if (s.value < 1)
      throw ConfigError(std::string("Bert: ") + s.name + " " + std::to_string(s.value) +
                        " must be at least 1");
}
Tensor small(const Random& r, const Shape& s, DType t) {
  return normal(r, s, 0, 0.02, t).requires_grad_();
}
void restart(Linear& l, const Random& r) {
  const DType t = l.weight.dtype();
  l.weight = small(r, l.weight.shape(), t);
  l.bias = zeros(l.bias.shape(), t).requires_grad_();
}

}  // namespace

Bert::Bert(const Random& r, const BertConfig& c, int64_t classes, DType t) : config(c) {
  check(c, classes);
  words = Embedding(r / "words", c.vocabulary, c.width, {}, 0.02, t);
  positions = Embedding(r / "positions", c.positions, c.width, {}, 0.02, t);
  types = Embedding(r / "types", c.types, c.width, {}, 0.02, t);
  norm = LayerNorm({c.width}, t);
  norm.eps = c.eps;
  const EncoderOptions block{.width = c.width,
                             .heads = c.heads,
                             .inner = c.inner,
                             .dropout = c.dropout,
                             .inner_dropout = 0,
                             .eps = c.eps,
                             .norm_first = false,
                             .activation = c.activation,
                             .dtype = t};
  for (int64_t i = 0; i < c.layers; ++i) {
    const Random here = r / "layers" / i;
    TransformerEncoderLayer& l = layers.emplace_back(here, block);
    l.self_attn.in_proj_weight = small(here / "in", {3 * c.width, c.width}, t);
    restart(l.self_attn.out_proj, here / "out");
    restart(l.linear1, here / "linear1");
    restart(l.linear2, here / "linear2");
  }
  pooler = Linear(r / "pooler", c.width, c.width, true, t);
  restart(pooler, r / "pooler");
  classifier = Linear(r / "classifier", c.width, classes, true, t);
  restart(classifier, r / "classifier");
}

Packed Bert::packed(const BertInput& in) const {
  return in.mask.defined() ? pack(in.ids, in.mask) : pack(in.ids, config.pad);
}

Tensor Bert::embedded(const BertInput& in, const Packed& texts, Context& ctx) const {
  const bool counts = config.family == BertConfig::roberta;
  const Tensor at = counts ? texts.place + static_cast<double>(config.pad + 1) : texts.column;
  const int64_t room = config.positions - (counts ? config.pad + 1 : 0);
  for (const int64_t place : (counts ? texts.place : texts.column).to_vector<int64_t>())
    if (place >= room)
      throw ShapeError("Bert: a text of more than " + std::to_string(room) +
                       " tokens; there are no positions for more");
  Tensor x = words(texts.ids) + positions(at);
  if (in.types.defined()) {
    if (in.types.shape() != in.ids.shape())
      throw ShapeError("Bert: types " + str(in.types.shape()) + " for ids " + str(in.ids.shape()));
    x = x + types(pack_rows(in.types, texts));
  } else {
    x = x + types.weight[0];
  }
  return dropout(norm(x), config.dropout, "embeddings", ctx);
}

// Of the last layer those rows alone, where they are given.
Tensor Bert::through(Tensor x, const Packed& texts, Context& ctx, const Tensor& last_rows,
                     std::vector<Tensor>* states) const {
  for (size_t i = 0; i < layers.size(); ++i) {
    if (states) states->push_back(x);
    const Stream here(ctx, static_cast<int64_t>(i));
    x = layers[i](x, texts.segment, ctx, i + 1 == layers.size() ? last_rows : Tensor());
  }
  if (states) states->push_back(x);
  return x;
}

std::vector<Tensor> Bert::hidden_states(const BertInput& in, const Packed& texts,
                                        Context& ctx) const {
  std::vector<Tensor> out;
  through(embedded(in, texts, ctx), texts, ctx, {}, &out);
  return out;
}

Tensor Bert::features(const BertInput& in, Context& ctx) const {
  const Packed texts = packed(in);
  const Tensor first = first_rows(texts);
  return through(embedded(in, texts, ctx), texts, ctx, first, nullptr);
}

Tensor Bert::head(Tensor h, Context& ctx) const {
  if (config.family == BertConfig::roberta) h = dropout(h, config.dropout, "features", ctx);
  h = tanh(by_rows(pooler, h, ctx));
  return by_rows(classifier, dropout(h, config.dropout, "head", ctx), ctx);
}

Tensor Bert::operator()(const BertInput& in, Context& ctx) const {
  return head(features(in, ctx), ctx);
}

void Bert::redraw(const Random& r) {
  if (new_pooler) restart(pooler, r / "pooler");
  if (new_classifier) restart(classifier, r / "classifier");
}

}  // namespace regrad

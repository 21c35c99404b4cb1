#include <regrad/layers/nets/text_cnn.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

// Each token's vector and those of the width - 1 tokens behind it, [M, width * D].
Tensor windows(const Tensor& x, const Packed& texts, int64_t width) {
  const int64_t tokens = texts.start.back();
  std::vector<int64_t> index;
  index.reserve(static_cast<size_t>(tokens * width));
  for (int64_t n = 0; n < texts.texts(); ++n) {
    const int64_t end = texts.start[static_cast<size_t>(n) + 1];
    for (int64_t t = texts.start[static_cast<size_t>(n)]; t < end; ++t)
      for (int64_t k = 0; k < width; ++k) index.push_back(t + k < end ? t + k : tokens);
  }
  const Tensor with_zeros = cat({x, zeros({1, x.size(1)}, x.dtype())}, 0);
  return reshape(index_select(with_zeros, 0, tensor(index)), {tokens, width * x.size(1)});
}

}  // namespace

namespace detail {

void check(const char* net, const TextOptions& o) {
  const auto fail = [&](const std::string& what) {
    throw ConfigError(std::string(net) + ": " + what);
  };
  if (o.words < 1 || o.width < 1 || o.classes < 1)
    fail("words " + std::to_string(o.words) + ", width " + std::to_string(o.width) + ", classes " +
         std::to_string(o.classes) + "; all must be at least 1");
  if (o.pad < 0 || o.pad >= o.words)
    fail("pad " + std::to_string(o.pad) + " is outside of " + std::to_string(o.words) + " words");
  if (!(o.dropout >= 0 && o.dropout < 1) || !(o.word_dropout >= 0 && o.word_dropout < 1))
    fail("dropout and word_dropout must be in [0, 1)");
}

Tensor words_of(const Embedding& words, const Packed& texts, const TextOptions& o, Context& ctx) {
  const Tensor x = words(texts.ids);
  if (!ctx.training || !ctx.random || o.word_dropout == 0) return x;
  const Tensor kept = ne(dropout(ones({x.size(0), 1}, x.dtype()), o.word_dropout, "words", ctx), 0);
  return x * kept.to(x.dtype());
}

Tensor classify(const Linear& fc, const Tensor& features, const TextOptions& o, Context& ctx) {
  return by_rows(fc, dropout(features, o.dropout, "features", ctx), ctx);
}

}  // namespace detail

TextConv::TextConv(const Random& r, int64_t in, int64_t channels, int64_t width, DType t)
    : weight(
          init::torch_default(r / "weight", {channels, in, width}, in * width, t).requires_grad_()),
      bias(init::torch_default(r / "bias", {channels}, in * width, t).requires_grad_()) {}

Tensor TextConv::operator()(const Tensor& windows, Context& ctx) const {
  const int64_t columns = weight.size(1) * weight.size(2);
  return by_rows(reshape(permute(weight, {0, 2, 1}), {weight.size(0), columns}), bias,
                 slice(windows, 1, 0, columns), ctx);
}

TextCnn::TextCnn(const Random& r, const TextOptions& o, int64_t channels,
                 const std::vector<int64_t>& widths)
    : options(o) {
  detail::check("TextCnn", o);
  if (channels < 1 || widths.empty() || *std::min_element(widths.begin(), widths.end()) < 1)
    throw ConfigError("TextCnn: channels and at least one width must be given, none below 1");
  embedding = Embedding(r / "embedding", o.words, o.width, o.pad, 0.1, o.dtype);
  for (size_t i = 0; i < widths.size(); ++i)
    convs.emplace_back(r / "convs" / static_cast<int64_t>(i), o.width, channels, widths[i],
                       o.dtype);
  fc = Linear(r / "fc", channels * static_cast<int64_t>(widths.size()), o.classes, true, o.dtype);
}

Tensor TextCnn::features(const Tensor& ids, Context& ctx) const {
  const Packed texts = pack(ids, options.pad);
  int64_t widest = 0, channels = 0;
  for (const TextConv& c : convs) {
    widest = std::max(widest, c.weight.size(2));
    channels += c.weight.size(0);
  }
  if (texts.longest() == 0) return zeros({texts.texts(), channels}, embedding.weight.dtype());
  const Tensor x = detail::words_of(embedding, texts, options, ctx),
               seen = windows(x, texts, widest);
  std::vector<Tensor> maps;
  for (const TextConv& c : convs) maps.push_back(c(seen, ctx));
  // behind a text's end stand zeros, which a maximum of relus does not see
  return max(unpack(relu(cat(maps, 1)), texts), 1).values;
}

Tensor TextCnn::operator()(const Tensor& ids, Context& ctx) const {
  return detail::classify(fc, features(ids, ctx), options, ctx);
}

}  // namespace regrad

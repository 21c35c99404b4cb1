#include <regrad/layers/nets/text_cnn.h>

#include <algorithm>
#include <numeric>
#include <string>

namespace regrad {
namespace {

// Which row of the projected words each window position reads, [M] for each of
// `width` places; one behind the last row: the zeros behind a text's end.
std::vector<Tensor> places(const std::vector<int64_t>& word, int64_t words, const Packed& texts,
                           int64_t width) {
  std::vector<Tensor> out;
  std::vector<int64_t> row(word.size());
  for (int64_t k = 0; k < width; ++k) {
    for (int64_t n = 0; n < texts.texts(); ++n) {
      const int64_t end = texts.start[static_cast<size_t>(n) + 1];
      for (int64_t t = texts.start[static_cast<size_t>(n)]; t < end; ++t)
        row[static_cast<size_t>(t)] =
            t + k < end ? word[static_cast<size_t>(t + k)] * width + k : words * width;
    }
    out.push_back(tensor(row));
  }
  return out;
}

// The different ids of a batch, ascending, and which of them each token is.
struct Different {
  std::vector<int64_t> ids, which;
};
Different different(const Tensor& ids) {
  Different d{ids.to_vector<int64_t>(), {}};
  const std::vector<int64_t> all = d.ids;
  std::sort(d.ids.begin(), d.ids.end());
  d.ids.erase(std::unique(d.ids.begin(), d.ids.end()), d.ids.end());
  for (const int64_t id : all)
    d.which.push_back(std::lower_bound(d.ids.begin(), d.ids.end(), id) - d.ids.begin());
  return d;
}

// All kernels by their places, [width * channels, D]: zeros where a kernel is
// narrower.
Tensor by_place(const std::vector<TextConv>& convs, int64_t width) {
  std::vector<Tensor> all;
  for (const TextConv& c : convs) {
    const Tensor w = permute(c.weight, {2, 0, 1});
    all.push_back(w.size(0) < width ? unslice(w, 0, width, 0) : w);
  }
  const Tensor w = cat(all, 1);
  return reshape(w, {width * w.size(1), w.size(2)});
}
Tensor biases(const std::vector<TextConv>& convs) {
  std::vector<Tensor> all;
  for (const TextConv& c : convs) all.push_back(c.bias);
  return cat(all, 0);
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

// A window's value is the sum of what each of its words gives at its place: a
// word is projected once, to all places of all kernels, however often it stands
// in the batch.
Tensor TextCnn::features(const Tensor& ids, Context& ctx) const {
  const Packed texts = pack(ids, options.pad);
  int64_t widest = 0, channels = 0;
  for (const TextConv& c : convs) {
    widest = std::max(widest, c.weight.size(2));
    channels += c.weight.size(0);
  }
  if (texts.longest() == 0) return zeros({texts.texts(), channels}, embedding.weight.dtype());
  const bool drops = ctx.training && ctx.random && options.word_dropout > 0;
  Different words{{}, std::vector<int64_t>(static_cast<size_t>(texts.start.back()))};
  if (drops) {  // each token by itself
    std::iota(words.which.begin(), words.which.end(), int64_t{0});
  } else {
    words = different(texts.ids);
  }
  const Tensor x = drops ? detail::words_of(embedding, texts, options, ctx)
                         : embedding(tensor(words.ids)),
               given = reshape(by_rows(by_place(convs, widest), {}, x, ctx),
                               {x.size(0) * widest, channels}),
               rows = cat({given, zeros({1, channels}, x.dtype())}, 0);
  Tensor y = biases(convs);
  for (const Tensor& at : places(words.which, x.size(0), texts, widest))
    y = index_select(rows, 0, at) + y;
  // behind a text's end stand zeros, which a maximum of relus does not see
  return amax(unpack(relu(std::move(y)), texts), {1});
}

Tensor TextCnn::operator()(const Tensor& ids, Context& ctx) const {
  return detail::classify(fc, features(ids, ctx), options, ctx);
}

}  // namespace regrad

#include <regrad/layers/nets/bilstm.h>

namespace regrad {

BiLstm::BiLstm(const Random& r, const TextOptions& o, int64_t hidden) : options(o) {
  detail::check("BiLstm", o);
  embedding = Embedding(r / "embedding", o.words, o.width, o.pad, 0.1, o.dtype);
  lstm = LSTM(r / "lstm", o.width, hidden, {.bidirectional = true, .dtype = o.dtype});
  fc = Linear(r / "fc", 2 * hidden, o.classes, true, o.dtype);
}

Tensor BiLstm::features(const Tensor& ids, Context& ctx) const {
  const Packed texts = pack(ids, options.pad);
  const Tensor h = lstm(detail::words_of(embedding, texts, options, ctx), texts).h;
  return cat({h[0], h[1]}, 1);
}

Tensor BiLstm::operator()(const Tensor& ids, Context& ctx) const {
  return detail::classify(fc, features(ids, ctx), options, ctx);
}

}  // namespace regrad

#include <regrad/algorithms/sdssl/heads.h>
#include <regrad/engine/error.h>

namespace regrad::sdssl {

Head::Head(const Random& r, const HeadOptions& o) : last_norm(o.last_norm) {
  if (o.in < 1 || o.hidden < 1 || o.out < 1 || o.layers < 1)
    throw ConfigError("Head: sizes and layers must be at least 1");
  for (int64_t i = 0; i < o.layers; ++i) {
    const bool last = i + 1 == o.layers;
    linears.emplace_back(r / i, i == 0 ? o.in : o.hidden, last ? o.out : o.hidden, false, o.dtype);
    if (!last) norms.emplace_back(o.hidden, BatchNorm::Track::never, o.dtype);
  }
}

Tensor Head::operator()(const Tensor& x) const {
  Tensor h = x;
  for (size_t i = 0; i + 1 < linears.size(); ++i) h = norms[i](linears[i](h), {.relu = true});
  h = linears.back()(h);
  return last_norm ? batch_norm(h, Tensor(), Tensor(), BatchNormOptions{}) : h;
}

}  // namespace regrad::sdssl

#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/rde/experiment/nets.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>

#include <algorithm>

namespace regrad::rde {
namespace {

constexpr size_t at_once = 128;

}  // namespace

const std::vector<std::string>& net_names() {
  static const std::vector<std::string> names = {"cnn", "bilstm", "transformer"};
  return names;
}

TextNet::TextNet(const std::string& name, const Random& r, const TextOptions& o, int64_t most) {
  if (name == "cnn") {
    net = TextCnn(r, o);
  } else if (name == "bilstm") {
    net = BiLstm(r, o);
  } else if (name == "transformer") {
    net = TextTransformer(r, o, {.most = most});
  } else {
    throw ConfigError("nets: '" + name + "' is none" +
                      experiment::did_you_mean(name, net_names(), "", ""));
  }
}

Tensor TextNet::logits(const Tensor& features) const {
  Context ctx;
  return std::visit(
      [&](const auto& n) -> Tensor {
        if constexpr (std::is_same_v<std::decay_t<decltype(n)>, Bert>)
          return n.head(features, ctx);
        else
          return by_rows(n.fc, features, ctx);
      },
      net);
}

int64_t TextNet::pad() const {
  const Bert* bert = std::get_if<Bert>(&net);
  return bert ? bert->config.pad : 0;
}

std::vector<int64_t> Read::predicted() const { return argmax(logits, -1).to_vector<int64_t>(); }

Tensor padded(const std::vector<std::vector<int64_t>>& texts, int64_t pad) {
  size_t longest = 1;
  for (const auto& t : texts) longest = std::max(longest, t.size());
  std::vector<int64_t> ids(texts.size() * longest, pad);
  for (size_t i = 0; i < texts.size(); ++i)
    std::copy(texts[i].begin(), texts[i].end(),
              ids.begin() + static_cast<std::ptrdiff_t>(i * longest));
  return tensor(ids).reshape({static_cast<int64_t>(texts.size()), static_cast<int64_t>(longest)});
}

Read read(const TextNet& net, const std::vector<std::vector<int64_t>>& texts) {
  const NoGrad quiet;
  std::vector<Tensor> features, logits;
  for (size_t from = 0; from < texts.size(); from += at_once) {
    const auto begin = texts.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end =
        texts.begin() + static_cast<std::ptrdiff_t>(std::min(from + at_once, texts.size()));
    Context ctx;
    const Tensor f = net.features(padded({begin, end}, net.pad()), ctx);
    features.push_back(f.to(DType::f64));
    logits.push_back(net.logits(f).to(DType::f64));
  }
  const Tensor all = cat(logits, 0).contiguous();
  return {cat(features, 0).contiguous(), all, softmax(all, -1).contiguous()};
}

}  // namespace regrad::rde

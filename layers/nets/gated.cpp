#include <regrad/layers/nets/gated.h>

#include <regrad/engine/error.h>

#include <charconv>

namespace regrad {
namespace {

constexpr double closed_bias = 0.1, open_bias = 2.0;

// h [N,G] or [G] as a factor of maps [N,G,H,W].
Tensor of_maps(const Tensor& h) {
  return h.dim() == 1 ? reshape(h, {1, h.size(0), 1, 1}) : reshape(h, {h.size(0), h.size(1), 1, 1});
}

int64_t number(const std::map<std::string, std::string>& metadata, const std::string& key,
               const std::string& where) {
  const auto found = metadata.find(key);
  const std::string text = found == metadata.end() ? "" : found->second;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > 65536)
    throw IOError(where + ": its metadata's '" + key + "' is '" + text +
                  "', not a number from 1 to 65536");
  return value;
}

}  // namespace

std::string name(GateKind kind) {
  return kind == GateKind::none ? "none" : kind == GateKind::block ? "block" : "channel";
}
GateKind gate_kind(const std::string& text) {
  for (const GateKind k : {GateKind::none, GateKind::block, GateKind::channel})
    if (text == name(k)) return k;
  throw ConfigError("gate: '" + text + "' is not one of none, block, channel");
}

GateNet::GateNet(const Random& r, int64_t channels, int64_t gates, DType t)
    : hidden(r / "hidden", channels, hidden_units, true, t),
      norm(hidden_units, BatchNorm::Track::running, t) {
  logits.weight = zeros({2 * gates, hidden_units}, t).requires_grad_();
  std::vector<double> b;
  for (int64_t g = 0; g < gates; ++g) b.push_back(closed_bias), b.push_back(open_bias);
  logits.bias = tensor(b, {2 * gates}, t).requires_grad_();
}
Tensor GateNet::operator()(const Tensor& x, Context& ctx) const {
  const Tensor h = norm(hidden(mean_over_pixels(x, ctx), ctx), ctx, {.relu = true});
  return reshape(logits(h, ctx), {x.size(0), gates(), 2});
}

Tensor own_gates(const Tensor& logits, GateKind kind) {
  const NoGrad quiet;
  const Tensor d = select(logits, -1, 1) - select(logits, -1, 0);
  const Tensor open = gt(d, 0.0).to(d.dtype());
  if (kind != GateKind::channel) return open;
  return maximum(open, one_hot(argmax(d, -1), d.size(-1)).to(d.dtype()));
}

GatedBlock::GatedBlock(const Random& r, int64_t in, int64_t to, int64_t step, Shortcut how,
                       GateKind gates, DType t)
    : conv1(he_conv(r / "conv1", in, to, 3, step, t)),
      conv2(he_conv(r / "conv2", to, to, 3, 1, t)),
      norm1(to, BatchNorm::Track::running, t),
      norm2(to, BatchNorm::Track::running, t),
      kind(gates),
      stride(step),
      out(to) {
  if (how == Shortcut::project && (step != 1 || in != to)) {
    shortcut = he_conv(r / "shortcut", in, to, 1, step, t);
    shortcut_norm = BatchNorm(to, BatchNorm::Track::running, t);
  }
  if (kind != GateKind::none) gate = GateNet(r / "gate", in, kind == GateKind::block ? 1 : to, t);
}

// The shortcut comes first: an exported net lists its layers in this order.
Tensor GatedBlock::operator()(const Tensor& x, Context& ctx, const Tensor& h) const {
  const bool branch = conv1.weight.defined(), projected = shortcut.weight.defined();
  Tensor s = x;
  if (projected) {
    s = shortcut_norm(shortcut(x, ctx), ctx, {.relu = !branch});
  } else if (stride != 1 || out != x.size(-3)) {
    s = subsample(x, stride, out, ctx);
  }
  if (!branch) return s;  // x is behind a ReLU: relu(x) = x
  Tensor y = norm1(conv1(x, ctx), ctx, {.relu = true});
  if (h.defined() && kind == GateKind::channel) y = y * of_maps(h);
  y = conv2(y, ctx);
  if (h.defined() && kind == GateKind::block) return relu(norm2(y, ctx) * of_maps(h) + s, ctx);
  return norm2(y, ctx, {.relu = true, .residual = s});
}

GatedNet::GatedNet(const Random& r, const GatedOptions& o)
    : conv(he_conv(r / "conv", o.in_channels, o.width, 3, 1, o.dtype)),
      norm(o.width, BatchNorm::Track::running, o.dtype) {
  const int n = blocks_per_stage(o.depth, 2, 6);
  int64_t in = o.width;
  for (int stage = 0; stage < 3; ++stage)
    for (int i = 0; i < n; ++i) {
      const int64_t width = o.width << stage;
      blocks.emplace_back(r / "block" / (stage * n + i), in, width, stage > 0 && i == 0 ? 2 : 1,
                          o.shortcut, o.gate, o.dtype);
      in = width;
    }
  linear = Linear(r / "linear", in, o.classes, true, o.dtype);
}

Tensor GatedNet::forward(const Tensor& x, Context& ctx, const ChooseGates& choose) const {
  Tensor y = norm(conv(x, ctx), ctx, {.relu = true});
  for (size_t i = 0; i < blocks.size(); ++i) {
    const GatedBlock& b = blocks[i];
    const Tensor h = choose && b.kind != GateKind::none
                         ? choose(static_cast<int64_t>(i), [&] { return b.gate(y, ctx); })
                         : Tensor();
    y = b(y, ctx, h);
  }
  return linear(mean_over_pixels(y, ctx), ctx);
}
Tensor GatedNet::operator()(const Tensor& x, Context& ctx) const {
  if (!gated()) return forward(x, ctx);
  return forward(x, ctx, [&](int64_t block, const std::function<Tensor()>& logits) {
    return own_gates(logits(), blocks[static_cast<size_t>(block)].kind);
  });
}
bool GatedNet::gated() const {
  for (const GatedBlock& b : blocks)
    if (b.gate.there()) return true;
  return false;
}

std::map<std::string, std::string> to_metadata(const GatedOptions& o) {
  return {{"net", "gated"},
          {"gate", name(o.gate)},
          {"depth", std::to_string(o.depth)},
          {"in_channels", std::to_string(o.in_channels)},
          {"width", std::to_string(o.width)},
          {"classes", std::to_string(o.classes)}};
}
GatedOptions gated_from_metadata(const std::map<std::string, std::string>& metadata,
                                 const std::string& where) {
  const auto text = [&](const char* key) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string() : found->second;
  };
  if (text("net") != "gated")
    throw IOError(where + ": its metadata name " +
                  (text("net").empty() ? "no net" : "the net '" + text("net") + "'") +
                  ", not a gated one; regrad-ppp leaves such models in models/");
  const std::string gate = text("gate");
  if (gate != "none" && gate != "block" && gate != "channel")
    throw IOError(where + ": its metadata's 'gate' is '" + gate + "', not none, block or channel");
  const int64_t depth = number(metadata, "depth", where);
  if (depth < 8 || depth % 6 != 2)
    throw IOError(where + ": its metadata's 'depth' is " + std::to_string(depth) +
                  ", which is not 6 n + 2");
  return {.depth = static_cast<int>(depth),
          .in_channels = number(metadata, "in_channels", where),
          .width = number(metadata, "width", where),
          .classes = number(metadata, "classes", where),
          .gate = gate_kind(gate)};
}

}  // namespace regrad

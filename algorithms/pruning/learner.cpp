#include <regrad/algorithms/dcil/dcil.h>
#include <regrad/algorithms/map/map.h>
#include <regrad/algorithms/pruning/learner.h>
#include <regrad/algorithms/pruning/rigl.h>
#include <regrad/algorithms/shared/masks.h>

#include <algorithm>
#include <cmath>

namespace regrad::pruning {
namespace {

// Parameters of a net without the prunable ones.
std::vector<Tensor> others(const std::vector<Tensor>& params, const std::vector<size_t>& at) {
  std::vector<Tensor> out;
  for (size_t i = 0; i < params.size(); ++i)
    if (!std::binary_search(at.begin(), at.end(), i)) out.push_back(params[i]);
  return out;
}

// The inverse: prunable ones and others in the net's order.
std::vector<Tensor> merged(const std::vector<Tensor>& prunable, const std::vector<Tensor>& rest,
                           const std::vector<size_t>& at) {
  std::vector<Tensor> out;
  size_t p = 0, r = 0;
  for (size_t i = 0; i < prunable.size() + rest.size(); ++i)
    out.push_back(p < at.size() && at[p] == i ? prunable[p++] : rest[r++]);
  return out;
}

std::vector<Tensor> leaves(const std::vector<Tensor>& values) {
  std::vector<Tensor> out;
  for (const Tensor& t : values) out.push_back(t.detach().requires_grad_());
  return out;
}

// sign(W) relu(|W| - sigmoid(c)) (Kusupati et al. 2020)
Tensor soft_threshold(const Tensor& w, const Tensor& c) {
  return sign(w) * relu(abs(w) - sigmoid(c));
}

}  // namespace

Learner::Learner(NamedNet net, const Method& method, const Settings& settings, double sparsity,
                 int64_t batches, uint64_t seed)
    : method_(method),
      s_(settings),
      sparsity_(method.kind == Kind::dense || method.kind == Kind::str ? 0 : sparsity),
      batches_(batches),
      random_(Random(seed) / "pruning"),
      lower_(scalar(1, DType::f64)),
      revived_(scalar(0, DType::f64)),
      spread_(scalar(0, DType::f64)) {
  const std::vector<Tensor> params = parameters(net);
  at_ = prunable(params);
  if (at_.empty()) throw ConfigError("the net has no weights that can be pruned");
  for (const Tensor& w : picked(params, at_)) {
    masks_.push_back(ones_like(w.detach()));
    if (method.kind == Kind::map) attention_.push_back(ones_like(w.detach()));
    if (method.kind == Kind::str)
      trained_.extra.push_back(scalar(s_.str_initial, w.dtype()).requires_grad_());
  }
  if (method.kind == Kind::dcil) {
    trained_.extra = leaves(others(params, at_));
    second_ = map(net, [](const Tensor& t) { return t.detach() * 1; });  // buffers of its own
  }
  trained_.net = std::move(net);
  sgd_ = Sgd{.momentum = s_.momentum}.initial(parameters(trained_));
}

int64_t Learner::steps() const { return batches_ * s_.epochs * method_.times; }

int64_t Learner::at_share(double share) const {
  return std::llround(share * s_.epochs * method_.times);
}

double Learner::scheduled(int64_t i) const {
  if (method_.kind == Kind::one_shot) return epoch(i) >= at_share(0.5) ? sparsity_ : 0;
  if (sparse_from_start() || sparsity_ == 0) return sparsity_;
  const double end = static_cast<double>(at_share(s_.target));
  if (s_.schedule_unit == "step")
    return cubic_sparsity(sparsity_, static_cast<double>(i), 0,
                          end * static_cast<double>(batches_));
  return cubic_sparsity(sparsity_, static_cast<double>(epoch(i)), 0, end);
}

double Learner::lr(int64_t i) const {
  const double all = static_cast<double>(steps()), at = static_cast<double>(i),
               climb = s_.warmup * all;
  if (at < climb) return s_.lr * (s_.warmup_from + (1 - s_.warmup_from) * at / climb);
  double rate = s_.lr;
  for (double m : s_.milestones) rate *= epoch(i) >= at_share(m) ? s_.gamma : 1;
  return rate;
}

bool Learner::sparse_from_start() const {
  return method_.kind == Kind::snip || method_.kind == Kind::rigl;
}

bool Learner::exploiting(int64_t i) const {
  return method_.kind == Kind::map && epoch(i) >= at_share(s_.exploit);
}

bool Learner::due(int64_t i) const {
  switch (method_.kind) {
    case Kind::dense:
    case Kind::str: return false;
    case Kind::one_shot: return i == at_share(0.5) * batches_;
    case Kind::snip:
    case Kind::rigl: return i == 0;
    case Kind::ste: return true;
    // Once more where exploitation begins: the masks that are frozen have the sparsity of that
    // moment.
    case Kind::map:
      return exploiting(i) ? i == at_share(s_.exploit) * batches_ : i % s_.refresh == 0;
    default: return i % s_.refresh == 0;
  }
}

std::vector<Tensor> Learner::weights() const { return picked(parameters(trained_.net), at_); }

void Learner::adopt(std::vector<Tensor> masks) {
  double back = 0;
  for (size_t l = 0; l < masks.size(); ++l) back += sum((1 - masks_[l]) * masks[l]).item();
  revived_ = revived_ + back;
  masks_ = std::move(masks);
}

// Pruned weights and their momentum become 0.
void Learner::clear_pruned() {
  const NoGrad quiet;
  std::vector<Tensor> params = parameters(trained_.net);
  for (size_t l = 0; l < at_.size(); ++l) {
    params[at_[l]] = (params[at_[l]] * masks_[l]).detach().requires_grad_();
    if (!sgd_.velocity.empty()) sgd_.velocity[at_[l]] = sgd_.velocity[at_[l]] * masks_[l];
  }
  trained_.net = at(std::move(trained_.net), params);
}

void Learner::refresh(int64_t i, const Tensor& x, const Tensor& y) {
  const double p = scheduled(i);
  MaskOptions options;
  options.rule = s_.mask_rule == "official" ? MaskOptions::official : MaskOptions::exact;
  options.per_layer = method_.per_layer && method_.kind != Kind::map;
  options.filters = method_.filters;
  if (method_.kind == Kind::snip) {  // |w dL/dw| at the first batch
    const NamedNet before = trained_.net;
    std::vector<Tensor> scores = plain(x, y, i).raw;
    trained_.net = before;  // looking at a batch is no step: running statistics stay
    const NoGrad quiet;
    const std::vector<Tensor> w = weights();
    for (size_t l = 0; l < scores.size(); ++l) scores[l] = abs(scores[l] * w[l]).detach();
    adopt(score_masks(scores, p, options));
  } else if (method_.kind == Kind::rigl) {
    adopt(random_masks(weights(), sparsity_, random_ / "masks"));
  } else {
    adopt(magnitude_masks(weights(), p, options));
  }
  if (method_.kind == Kind::map) {
    attention_ = map_pruning::attention(weights(), p, {.z = s_.z, .per_layer = method_.per_layer});
    lower_ = scalar(map_pruning::lower_bound(p, s_.z), DType::f64);
  }
  if (method_.kind == Kind::gmp || method_.kind == Kind::one_shot || sparse_from_start())
    clear_pruned();
}

// What the net is evaluated at in step i.
std::vector<Tensor> Learner::forward_weights(int64_t i) const {
  const NoGrad quiet;
  std::vector<Tensor> w = weights();
  if (method_.kind == Kind::dense) return w;
  for (size_t l = 0; l < w.size(); ++l) {
    if (method_.kind == Kind::map && method_.soft && !exploiting(i)) {
      w[l] = map_pruning::exploring(masks_[l], attention_[l], lower_.item()) * w[l];
    } else if (method_.kind == Kind::map) {
      w[l] = map_pruning::exploiting(masks_[l], attention_[l]) * w[l];
    } else {
      w[l] = masks_[l] * w[l];
    }
  }
  return w;
}

std::vector<Tensor> Learner::effective() const {
  const NoGrad quiet;
  std::vector<Tensor> w = weights();
  for (size_t l = 0; l < w.size(); ++l) {
    if (method_.kind == Kind::str) {
      w[l] = soft_threshold(w[l], trained_.extra[l]);
    } else if (method_.kind == Kind::map) {
      w[l] = map_pruning::exploiting(masks_[l], attention_[l]) * w[l];
    } else {
      w[l] = masks_[l] * w[l];
    }
  }
  return w;
}

NamedNet Learner::deployed() const {
  std::vector<Tensor> all = merged(effective(), others(parameters(trained_.net), at_), at_);
  for (Tensor& t : all) t = t.detach();
  return at(trained_.net, all);
}

// The rule of the method for a weight's gradient, from that of the effective weight.
Tensor Learner::gradient_of(size_t l, const Tensor& g, int64_t i) const {
  switch (method_.kind) {
    case Kind::one_shot:
    case Kind::gmp:
    case Kind::snip:
    case Kind::rigl: return masks_[l] * g;
    case Kind::map:
      return (exploiting(i) ? map_pruning::exploiting(masks_[l], attention_[l])
                            : map_pruning::exploring(masks_[l], attention_[l], lower_.item())) *
             g;
    default: return g;
  }
}

Learner::Gradients Learner::plain(const Tensor& x, const Tensor& y, int64_t i) {
  const std::vector<Tensor> rest = others(parameters(trained_.net), at_),
                            w = leaves(forward_weights(i)), all = merged(w, rest, at_);
  Context ctx{.training = true};
  Gradients out;
  out.loss = cross_entropy(at(trained_.net, all)(x, ctx), y);
  out.all = grad(TensorList(out.loss), TensorList(all));
  out.raw = picked(out.all, at_);
  const NoGrad quiet;
  for (size_t l = 0; l < at_.size(); ++l) out.all[at_[l]] = gradient_of(l, out.raw[l], i);
  trained_.net = commit(std::move(trained_.net), ctx);
  return out;
}

Learner::Gradients Learner::two_paths(const Tensor& x, const Tensor& y, int64_t i) {
  const std::vector<Tensor> rest = others(parameters(trained_.net), at_);
  const std::vector<Tensor> sparse = merged(leaves(forward_weights(i)), rest, at_),
                            dense = merged(leaves(weights()), trained_.extra, at_);
  Context sparse_ctx{.training = true}, dense_ctx{.training = true};
  const Tensor z_s = at(trained_.net, sparse)(x, sparse_ctx),
               z_d = at(second_, dense)(x, dense_ctx);
  const bool distill = method_.distill && epoch(i) >= at_share(s_.distill);
  Gradients out;
  out.loss = dcil::loss(z_s, z_d, y, {.distill = distill, .temperature = s_.temperature});
  std::vector<Tensor> both = sparse;
  both.insert(both.end(), dense.begin(), dense.end());
  const std::vector<Tensor> g = grad(TensorList(out.loss), TensorList(both));
  const NoGrad quiet;
  out.all.assign(g.begin(), g.begin() + static_cast<std::ptrdiff_t>(sparse.size()));
  const std::vector<Tensor> of_dense(g.begin() + static_cast<std::ptrdiff_t>(sparse.size()),
                                     g.end());
  for (size_t l = 0; l < at_.size(); ++l)
    out.all[at_[l]] = dcil::refined(masks_[l], out.all[at_[l]], of_dense[at_[l]]);
  out.raw = picked(of_dense, at_);
  for (Tensor& t : others(of_dense, at_)) out.all.push_back(std::move(t));
  trained_.net = commit(std::move(trained_.net), sparse_ctx);
  second_ = commit(std::move(second_), dense_ctx);
  return out;
}

Learner::Gradients Learner::thresholded(const Tensor& x, const Tensor& y) {
  std::vector<Tensor> w = weights();
  for (size_t l = 0; l < w.size(); ++l) w[l] = soft_threshold(w[l], trained_.extra[l]);
  Context ctx{.training = true};
  Gradients out;
  out.loss = cross_entropy(
      at(trained_.net, merged(w, others(parameters(trained_.net), at_), at_))(x, ctx), y);
  out.all = parameters(grad(out.loss, trained_));
  out.raw = picked(out.all, at_);
  trained_.net = commit(std::move(trained_.net), ctx);
  return out;
}

Learner::Gradients Learner::gradients(const Tensor& x, const Tensor& y, int64_t i) {
  if (method_.kind == Kind::dcil) return two_paths(x, y, i);
  if (method_.kind == Kind::str) return thresholded(x, y);
  return plain(x, y, i);
}

// RigL's update in place of a step; false where none is due.
bool Learner::regrow(const std::vector<Tensor>& raw, int64_t i) {
  const int64_t end = std::llround(s_.target * static_cast<double>(steps()));
  if (method_.kind != Kind::rigl || i == 0 || i % s_.refresh != 0 || i >= end) return false;
  const double share =
      s_.rigl_share / 2 * (1 + std::cos(M_PI * static_cast<double>(i) / static_cast<double>(end)));
  adopt(drop_and_grow(masks_, weights(), raw, share));
  clear_pruned();
  return true;
}

void Learner::step(std::vector<Tensor> gradients, int64_t i) {
  Sgd sgd{.lr = lr(i),
          .momentum = s_.momentum,
          .weight_decay = s_.weight_decay,
          .nesterov = s_.momentum > 0};
  if (method_.kind == Kind::str) {
    const size_t all = gradients.size(), thresholds = trained_.extra.size();
    sgd.factors.weight_decay.assign(all, 1.0);
    const double factor = s_.weight_decay > 0 ? s_.str_decay / s_.weight_decay : 1;
    std::fill(sgd.factors.weight_decay.end() - static_cast<std::ptrdiff_t>(thresholds),
              sgd.factors.weight_decay.end(), factor);
  }
  std::vector<Tensor> before, velocity;
  if (exploiting(i)) before = weights();
  trained_ = update(sgd, std::move(trained_), sgd_, gradients);
  if (before.empty()) return;
  const NoGrad quiet;
  std::vector<Tensor> params = parameters(trained_.net);
  for (size_t l = 0; l < at_.size(); ++l) {  // pruned weights stay as they were, to the bit
    const Tensor keep = gt(masks_[l], zeros_like(masks_[l]));
    params[at_[l]] = where(keep, params[at_[l]], before[l]).detach().requires_grad_();
    if (!sgd_.velocity.empty()) sgd_.velocity[at_[l]] = sgd_.velocity[at_[l]] * masks_[l];
  }
  trained_.net = at(std::move(trained_.net), params);
}

// Mean and spread of what pruned weights are told: DCIL's point is that it differs from the
// straight-through one.
void Learner::measure(const Gradients& g, int64_t i) {
  if ((i + 1) % batches_ != 0) return;
  const NoGrad quiet;
  double n = 0, first = 0, second = 0;
  for (size_t l = 0; l < at_.size(); ++l) {
    const Tensor pruned = ((1 - masks_[l]) * g.all[at_[l]]).to(DType::f64);
    n += static_cast<double>(masks_[l].numel()) - sum(masks_[l].to(DType::f64)).item();
    first += sum(pruned).item();
    second += sum(pruned * pruned).item();
  }
  spread_ = scalar(n > 0 ? std::sqrt(std::max(0.0, second / n - first / n * (first / n))) : 0,
                   DType::f64);
}

Tensor Learner::learn(const Tensor& x, const Tensor& y, int64_t i) {
  if (due(i)) refresh(i, x, y);
  Gradients g = gradients(x, y, i);
  measure(g, i);
  if (!regrow(g.raw, i)) step(std::move(g.all), i);
  return g.loss.detach();
}

void Learner::forget_revived() { revived_ = scalar(0, DType::f64); }

void Learner::state(const std::function<void(const std::string&, Tensor&)>& part) {
  each(trained_, [&](const std::string& name, Tensor& t, bool) { part(name, t); });
  if (method_.kind == Kind::dcil) {
    each(second_, [&](const std::string& name, Tensor& t, bool is_buffer) {
      if (is_buffer) part("second." + name, t);
    });
  }
  for (size_t l = 0; l < masks_.size(); ++l) part("masks." + std::to_string(l), masks_[l]);
  for (size_t l = 0; l < attention_.size(); ++l)
    part("attention." + std::to_string(l), attention_[l]);
  part("lower", lower_);
  part("revived", revived_);
  part("spread", spread_);
  each(sgd_, [&](const std::string& name, Tensor& t, bool) { part("sgd." + name, t); });
}

}  // namespace regrad::pruning

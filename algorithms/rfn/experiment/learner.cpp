#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/algorithms/rfn/experiment/learner.h>
#include <regrad/algorithms/rfn/experiment/measure.h>
#include <regrad/datasets/audio/augment.h>

#include <type_traits>

namespace regrad::relaxed_norm {
namespace {

using namespace experiment;

BcResnetAscOptions options_of(const Method& m, const Settings& s, int64_t classes) {
  return {.tau = s.tau,
          .classes = classes,
          .norm = m.norm,
          .lambda = m.lambda,
          .input_only = m.input_only,
          .dropout = s.dropout};
}

template <class Net>
Net net_of(const Method& m, const Settings& s, const Recordings& data, int64_t classes,
           const Random& r) {
  Net net;
  if constexpr (std::is_same_v<Net, BcResnetAsc>)
    net = Net(r, options_of(m, s, classes));
  else
    net = Net(
        r, {.mels = data.front.mel.mels, .classes = classes, .norm = m.norm, .lambda = m.lambda});
  if (m.norm == FreqNorm::global) {
    FreqStatistics seen;
    seen.add(data.train_x);
    net.norms[0].global = seen.norm();
  }
  return net;
}

// x moved by `step` along the gradient of the loss with respect to it, as a value.
Tensor moved(const Tensor& x, double step, const std::function<Tensor(const Tensor&)>& loss) {
  const Tensor leaf = x.detach().requires_grad_();
  return (x + grad(loss(leaf), leaf) * step).detach();
}

}  // namespace

RecordedBatch DeviceSet::batch(int64_t i) const {
  const Tensor order =
      argsort(uniform(random_ / "order" / (i / batches()), {data_->clips()}, 0, 1, DType::f64), 0);
  RecordedBatch b = batch_of(*data_, order, i % batches(), s_.batch);
  b.x = rolled(b.x, data_->front.mel, s_.roll, random_ / "roll" / i);
  return b;
}

Moment DeviceSet::curve_of(const std::function<std::vector<double>(size_t device)>& hits) const {
  const auto first = static_cast<size_t>(data_->seen),
             end = std::min(first + 3, data_->test_x.size());
  std::vector<double> unseen;
  for (size_t d = first; d < end; ++d) unseen.push_back(mean(hits(d)));
  Moment m;
  if (!unseen.empty()) m.emplace_back("accuracy on unseen devices", mean(unseen));
  m.emplace_back("accuracy on the source", mean(hits(0)));
  return m;
}

void DeviceSet::add_scores(const Job& job, const Hits& hits, Outcome& out) const {
  const auto seen = static_cast<size_t>(data_->seen);
  const auto add = [&](const char* metric, const std::vector<double>& of) {
    add_score(job, metric, mean(of), out);
    add_items(job, metric, of, out);
  };
  const auto over = [&](size_t first, size_t last) {
    return by_clip(hits, first, last, data_->paired);
  };
  out.figures.push_back(device_chart(job, hits, *data_));
  if (seen == hits.size()) return add("source", hits[0]);
  const std::vector<double> unseen = over(seen, hits.size());
  add("unseen", unseen);
  add("source", hits[0]);
  if (seen > 1) add("other seen", over(1, seen));
  if (!data_->paired) return add_score(job, "gap", mean(hits[0]) - mean(unseen), out);
  std::vector<double> gap = hits[0];
  for (size_t i = 0; i < gap.size(); ++i) gap[i] -= unseen[i];
  add("gap", gap);
}

template <class Net>
Learner<Net>::Learner(const std::string& called, const Settings& settings, const Recordings& data,
                      const Random& r)
    : method(find_method(methods(), called)),
      s(settings),
      random(r),
      steps(data.clips() / s.batch * s.epochs),
      net(net_of<Net>(method, s, data, data.class_count(), r / "init")),
      sgd(Sgd{.momentum = s.momentum}.initial(parameters(net))) {
  if constexpr (std::is_same_v<Net, BcResnetAsc>)
    facts = to_metadata(options_of(method, s, data.class_count()), data.front, data.classes);
  if (method.change != Change::cross_grad) return;
  devices = net_of<Net>(method, s, data, std::max<int64_t>(2, data.seen), r / "device");
  device_sgd = Sgd{.momentum = s.momentum}.initial(parameters(devices));
}

template <class Net>
Tensor Learner<Net>::learn(const RecordedBatch& b, int64_t i) {
  const Random r = random / "mix" / i;
  switch (method.change) {
    case Change::none: return plain(b, i);
    case Change::cross_grad: return across(b, i);
    case Change::mix_style:
      return plain({mix_style(b.x, r, {.p = s.mix_p, .alpha = s.mix_alpha}), b.y, b.device}, i);
    case Change::freq_mix_style:
      return plain(
          {freq_mix_style(b.x, r, {.p = s.freq_mix_p, .alpha = s.freq_mix_alpha}), b.y, b.device},
          i);
  }
  return {};
}

template <class Net>
Tensor Learner<Net>::plain(const RecordedBatch& b, int64_t i) {
  Context ctx{.training = true, .random = random / "pass" / i};
  const Tensor loss = cross_entropy(net(b.x, ctx), b.y);
  const Net g = grad(loss, net);
  net = clip_bin(update(sgd_at(s, i, steps, s.lr), commit(std::move(net), ctx), sgd, g));
  return loss.detach();
}

// Shankar et al. 2018: the label net gets inputs moved along the device loss's gradient, the device
// net those moved along the label loss's.
template <class Net>
Tensor Learner<Net>::across(const RecordedBatch& b, int64_t i) {
  const Random r = random / "pass" / i;
  const auto loss_of = [&](const Net& of, const Tensor& y, const char* stream) {
    return [&of, y, own = r / stream](const Tensor& x) {
      Context ctx{.training = true, .random = own};
      return cross_entropy(of(x, ctx), y);
    };
  };
  const Tensor x_d = moved(b.x, s.cross_step, loss_of(devices, b.device, "device")),
               x_l = moved(b.x, s.cross_step, loss_of(net, b.y, "label"));
  const double a = s.cross_share;
  const auto step = [&](Net& of, Sgd::State& state, const Tensor& other, const Tensor& y,
                        const char* stream) {
    Context ctx{.training = true, .random = r / stream},
        moved_ctx{.training = true, .random = r / stream / "moved"};
    const Tensor loss =
        cross_entropy(of(b.x, ctx), y) * (1 - a) + cross_entropy(of(other, moved_ctx), y) * a;
    const Net g = grad(loss, of);
    of = update(sgd_at(s, i, steps, s.lr), commit(std::move(of), ctx), state, g);
    return loss.detach();
  };
  const Tensor loss = step(net, sgd, x_d, b.y, "label step");
  step(devices, device_sgd, x_l, b.device, "device step");
  return loss;
}

template <class Net>
void Learner<Net>::report(const Job& job, const DeviceSet& set, Outcome& out) const {
  if constexpr (std::is_same_v<Net, BcResnetAsc>)
    if (s.information && (method.where & measured) && set.data().seen > 1)
      measure_information(job, net, set.data(), out);
}

template struct Learner<BcResnetAsc>;
template struct Learner<PooledNet>;

}  // namespace regrad::relaxed_norm

#include <regrad/algorithms/rfn/claims.h>
#include <regrad/algorithms/rfn/information.h>
#include <regrad/algorithms/rfn/trial.h>
#include <regrad/datasets/audio/augment.h>
#include <regrad/engine/autograd.h>
#include <regrad/layers/schedule.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace regrad::relaxed_norm {
namespace {

using experiment::Chart;
using experiment::Job;

constexpr int64_t test_batch = 100;

template <class Net>
Net net_of(const Arm& arm, const Settings& s, const scenes::Recordings& data, int64_t classes,
           const Random& r) {
  Net net;
  if constexpr (std::is_same_v<Net, BcResnetAsc>) {
    net = Net(r, {.tau = s.tau,
                  .classes = classes,
                  .norm = arm.norm,
                  .lambda = arm.lambda,
                  .input_only = arm.input_only,
                  .dropout = s.dropout});
  } else {
    net = Net(
        r,
        {.mels = data.ear.front.mels, .classes = classes, .norm = arm.norm, .lambda = arm.lambda});
  }
  if (arm.norm == FreqNorm::global) {
    FreqStatistics seen;
    seen.add(data.train_x);
    net.norms[0].global = seen.norm();
  }
  return net;
}

Tensor rows(const Tensor& x, const Tensor& at) { return index_select(x, 0, at); }

double mean_of(const std::vector<double>& v) { return experiment::mean(v); }

// x moved by `step` along the gradient of the loss with respect to it, as a value.
Tensor moved(const Tensor& x, double step, const std::function<Tensor(const Tensor&)>& loss) {
  const Tensor leaf = x.detach().requires_grad_();
  return (x + grad(loss(leaf), leaf) * step).detach();
}

}  // namespace

template <class Net>
RfnTrial<Net>::RfnTrial(const Job& job, const Settings& settings,
                        std::shared_ptr<const scenes::Recordings> data)
    : job_(job),
      arm_(arm(job.method)),
      s_(settings),
      data_(std::move(data)),
      random_(Random(job.seed) / "rfn") {
  net_ =
      net_of<Net>(arm_, s_, *data_, static_cast<int64_t>(data_->classes.size()), random_ / "init");
  sgd_ = Sgd{.momentum = s_.momentum}.initial(parameters(net_));
  if (arm_.change != Change::cross_grad) return;
  devices_ = net_of<Net>(arm_, s_, *data_, std::max<int64_t>(2, data_->seen), random_ / "device");
  device_sgd_ = Sgd{.momentum = s_.momentum}.initial(parameters(devices_));
}

template <class Net>
double RfnTrial<Net>::lr(int64_t i) const {
  return cosine_with_warmup(s_.lr, steps(), s_.warmup)(i);
}

template <class Net>
RfnTrial<Net>::Step RfnTrial<Net>::batch(int64_t i) const {
  const int64_t epoch = i / batches(), at = i % batches(), n = data_->train_x.size(0);
  const Tensor order = argsort(uniform(random_ / "order" / epoch, {n}, 0, 1, DType::f64), 0);
  const Tensor index = slice(order, 0, at * s_.batch, (at + 1) * s_.batch).contiguous();
  Step s{rows(data_->train_x, index), rows(data_->train_y, index), rows(data_->train_device, index),
         i};
  if (s_.roll > 0) s.x = time_roll(s.x, s_.roll, random_ / "roll" / i);
  if (arm_.change == Change::mix_style)
    s.x = mix_style(s.x, random_ / "mix" / i, {.p = s_.mix_p, .alpha = s_.mix_alpha});
  if (arm_.change == Change::freq_mix_style)
    s.x =
        freq_mix_style(s.x, random_ / "mix" / i, {.p = s_.freq_mix_p, .alpha = s_.freq_mix_alpha});
  return s;
}

template <class Net>
Tensor RfnTrial<Net>::train(const Step& s) {
  Context ctx{.training = true, .random = random_ / "pass" / s.i};
  const Tensor loss = cross_entropy(net_(s.x, ctx), s.y);
  net_ = commit(std::move(net_), ctx);
  net_ =
      clip_bin(update(Sgd{.lr = lr(s.i), .momentum = s_.momentum, .weight_decay = s_.weight_decay},
                      std::move(net_), sgd_, grad(loss, net_)));
  return loss.detach();
}

// Shankar et al. 2018: the label net sees inputs moved along the device loss's gradient, the device
// net those moved along the label loss's.
template <class Net>
Tensor RfnTrial<Net>::train_across(const Step& s) {
  const Random r = random_ / "pass" / s.i;
  const auto loss_of = [&](const Net& net, const Tensor& y, const char* stream) {
    return [&net, y, random = r / stream](const Tensor& x) {
      Context ctx{.training = true, .random = random};
      return cross_entropy(net(x, ctx), y);
    };
  };
  const Tensor x_d = moved(s.x, s_.cross_step, loss_of(devices_, s.device, "device")),
               x_l = moved(s.x, s_.cross_step, loss_of(net_, s.y, "label"));
  const double a = s_.cross_share;
  const auto learn = [&](Net& net, Sgd::State& state, const Tensor& other, const Tensor& y,
                         const char* stream) {
    Context ctx{.training = true, .random = r / stream},
        moved_ctx{.training = true, .random = r / stream / "moved"};
    const Tensor loss =
        cross_entropy(net(s.x, ctx), y) * (1 - a) + cross_entropy(net(other, moved_ctx), y) * a;
    net = commit(std::move(net), ctx);
    net = update(Sgd{.lr = lr(s.i), .momentum = s_.momentum, .weight_decay = s_.weight_decay},
                 std::move(net), state, grad(loss, net));
    return loss.detach();
  };
  const Tensor loss = learn(net_, sgd_, x_d, s.y, "label step");
  learn(devices_, device_sgd_, x_l, s.device, "device step");
  return loss;
}

template <class Net>
std::vector<double> RfnTrial<Net>::right(size_t device) const {
  const NoGrad quiet;
  const Tensor &x = data_->test_x[device], &y = data_->test_y[device];
  std::vector<double> out;
  for (int64_t at = 0; at < x.size(0); at += test_batch) {
    const int64_t end = std::min(at + test_batch, x.size(0));
    const Tensor logits = net_(slice(x, 0, at, end).contiguous());
    for (double hit : eq(argmax(logits, -1), slice(y, 0, at, end)).to(DType::f64).to_vector())
      out.push_back(100 * hit);
  }
  return out;
}

template <class Net>
std::vector<std::vector<double>> RfnTrial<Net>::all_right() const {
  std::vector<std::vector<double>> out;
  for (size_t d = 0; d < data_->test_x.size(); ++d) out.push_back(right(d));
  return out;
}

// Curves are of the source and of the first three unseen devices.
template <class Net>
experiment::Moment RfnTrial<Net>::step(int64_t i) {
  const Step s = batch(i);
  const Tensor loss = arm_.change == Change::cross_grad ? train_across(s) : train(s);
  if ((i + 1) % batches() != 0 || ((i + 1) / batches()) % 5 != 0) return {};
  std::vector<double> unseen;
  const auto first = static_cast<size_t>(data_->seen);
  for (size_t d = first; d < std::min(first + 3, data_->test_x.size()); ++d)
    unseen.push_back(mean_of(right(d)));
  experiment::Moment m;
  if (!unseen.empty()) m.push_back({"accuracy on unseen devices", mean_of(unseen)});
  m.push_back({"accuracy on the source", mean_of(right(0))});
  m.push_back({"training loss", loss.item()});
  return m;
}

// By clip: the source, the mean over the other seen devices, over the unseen ones, and the gap
// between first and last. Where devices have clips of their own, all clips of such a group one
// after the other, and no gap by clip.
template <class Net>
void RfnTrial<Net>::score(const std::vector<std::vector<double>>& hits,
                          experiment::Outcome& out) const {
  const auto seen = static_cast<size_t>(data_->seen);
  const auto over = [&](size_t first, size_t last) {
    std::vector<double> of;
    if (!data_->paired)
      for (size_t d = first; d < last; ++d) of.insert(of.end(), hits[d].begin(), hits[d].end());
    if (!data_->paired) return of;
    of.assign(hits[0].size(), 0.0);
    for (size_t d = first; d < last; ++d)
      for (size_t i = 0; i < of.size(); ++i)
        of[i] += hits[d][i] / static_cast<double>(last - first);
    return of;
  };
  const auto add = [&](const std::string& metric, const std::vector<double>& of) {
    out.scores.push_back({job_.method, on(metric, job_.variant), mean_of(of)});
    out.items.push_back({job_.method, on(metric, job_.variant), of});
  };
  if (seen == hits.size()) return add("source", hits[0]);
  const std::vector<double> unseen = over(seen, hits.size());
  add("unseen", unseen);
  add("source", hits[0]);
  if (seen > 1) add("other seen", over(1, seen));
  if (!data_->paired)
    return out.scores.push_back(
        {job_.method, on("gap", job_.variant), mean_of(hits[0]) - mean_of(unseen)});
  std::vector<double> gap = hits[0];
  for (size_t i = 0; i < gap.size(); ++i) gap[i] -= unseen[i];
  add("gap", gap);
}

// What is measured on: test clips as every seen device has recorded them, at most so many a device.
// Every other clip teaches the classifier, the rest test it.
constexpr int64_t information_clips = 150;

template <class Net>
void RfnTrial<Net>::measure_information(
    experiment::Outcome& out) const requires std::is_same_v<Net, BcResnetAsc> {
  std::vector<std::vector<Tensor>> channel, frequency;  // by place, by device
  std::vector<Tensor> device, label;
  for (int64_t d = 0; d < data_->seen; ++d) {
    const NoGrad quiet;
    const Tensor &x = data_->test_x[static_cast<size_t>(d)],
                 &y = data_->test_y[static_cast<size_t>(d)];
    const int64_t every = (x.size(0) + information_clips - 1) / information_clips;
    const Tensor some = slice(x, 0, 0, x.size(0), every).contiguous();
    Context ctx;
    const std::vector<Tensor> maps = net_.activations(some, ctx);
    channel.resize(maps.size()), frequency.resize(maps.size());
    for (size_t p = 0; p < maps.size(); ++p) {
      channel[p].push_back(channel_statistics(maps[p]));
      frequency[p].push_back(frequency_statistics(maps[p]));
    }
    device.push_back(full({some.size(0)}, static_cast<double>(d), DType::i64));
    label.push_back(slice(y, 0, 0, y.size(0), every));
  }
  const Tensor devices = cat(device, 0), labels = cat(label, 0);
  const auto half = [](const Tensor& t, int64_t which) {
    return slice(t, 0, which, t.size(0), 2).contiguous();
  };
  const auto bound = [&](const Tensor& s, const Tensor& y, int64_t classes, int64_t components) {
    return information(half(s, 0), half(y, 0), half(s, 1), half(y, 1), classes,
                       {.components = components});
  };
  static const char* const places[] = {"head", "stage 1"};
  Chart chart{"What statistics say, " + job_.method + ", " + job_.variant,
              "after the head (0) and the stages", "nats"};
  for (size_t p = 0; p < channel.size(); ++p) {
    const Tensor c = cat(channel[p], 0), f = cat(frequency[p], 0);
    const int64_t k = std::min(c.size(1), f.size(1));
    size_t series = 0;
    for (const char* of : {"device", "class"}) {
      const Tensor& y = of[0] == 'd' ? devices : labels;
      const int64_t classes =
          of[0] == 'd' ? data_->seen : static_cast<int64_t>(data_->classes.size());
      for (const char* in : {"frequency", "channel"}) {
        const double n = bound(in[0] == 'f' ? f : c, y, classes, k);
        if (p == 0) chart.series.push_back({std::string(of) + ", " + in, {}, {}});
        chart.series[series].x.push_back(static_cast<double>(p)),
            chart.series[series].y.push_back(n);
        ++series;
        if (p < 2)
          out.scores.push_back({job_.method, on(nats(of, in, places[p]), job_.variant), n});
      }
    }
  }
  out.figures.push_back(std::move(chart));
}

template <class Net>
experiment::Outcome RfnTrial<Net>::finish() {
  experiment::Outcome out;
  const std::vector<std::vector<double>> hits = all_right();
  score(hits, out);
  if constexpr (std::is_same_v<Net, BcResnetAsc>)
    if (s_.information && arm_.information && data_->seen > 1) measure_information(out);
  Chart chart{"Accuracy by device, " + job_.method + ", " + job_.variant, "device, seen ones first",
              "%"};
  experiment::Series bars{job_.method, {}, {}, experiment::Series::points};
  for (size_t d = 0; d < hits.size(); ++d)
    bars.x.push_back(static_cast<double>(d + 1)), bars.y.push_back(mean_of(hits[d]));
  chart.series.push_back(std::move(bars));
  out.figures.push_back(std::move(chart));
  out.parameters.emplace_back(job_.method, parameter_count(net_));
  return out;
}

template <class Net>
void RfnTrial<Net>::state(const std::function<void(const std::string&, Tensor&)>& part) {
  const auto all = [&](const std::string& prefix, auto& of) {
    each(of, [&](const std::string& name, Tensor& t, bool) { part(prefix + name, t); });
  };
  all("net.", net_);
  all("sgd.", sgd_);
  if (arm_.change != Change::cross_grad) return;
  all("devices.", devices_);
  all("device_sgd.", device_sgd_);
}

template <class Net>
std::vector<NamedTensor> RfnTrial<Net>::model() const {
  return named_tensors(net_);
}

template class RfnTrial<BcResnetAsc>;
template class RfnTrial<PooledNet>;

}  // namespace regrad::relaxed_norm

#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/ppp/experiment/measure.h>
#include <regrad/algorithms/ppp/experiment/pictures.h>
#include <regrad/engine/functional.h>

#include <cmath>

namespace regrad::ppp {

using namespace experiment;

namespace {

Tensors all_open(const GatedNet& net, DType t) {
  Tensors out;
  for (const GatedBlock& b : net.blocks)
    out.push_back(ones({b.kind == GateKind::block ? 1 : b.conv1.weight.size(0)}, t));
  return out;
}

Tensor one_example(const InferenceInfo& info, DType t) {
  return zeros({1, info.channels, info.height, info.width}, t);
}

}  // namespace

Cost cost_of_net(const GatedNet& net, const InferenceInfo& info) {
  const GatedNet leaves = as_leaves(net);
  return cost_of(leaves(one_example(info, net.conv.weight.dtype())), parameters(leaves));
}

Rows::Rows(const Job& job, const Settings& s, const Persons& data, int64_t steps)
    : job_(job), s_(s), data_(data), steps_(steps) {
  for (const Method& m : methods())
    if (job.method == m.name || job.method == m.trained_by) order_.push_back(m.name);
}

std::vector<double> Rows::hits(const GatedNet& net, int64_t u) const {
  const std::vector<int64_t>& at = data_.people[static_cast<size_t>(u)].test;
  return hits_of(net, data_.examples(at), data_.labels(at));
}

void Rows::add(const std::string& row, int64_t u, bool is_seen, std::vector<double> hits,
               const Cost& cost) {
  Reading& r = rows_[row];
  (is_seen ? r.seen : r.unseen)[u] = std::move(hits);
  (is_seen ? r.macs : r.unseen_macs) += static_cast<double>(cost.macs);
  (is_seen ? r.parameters : r.unseen_parameters) += static_cast<double>(cost.parameters);
  if (!is_seen) return;
  r.bytes += 4 * static_cast<double>(cost.parameters);
  r.kilobytes.push_back(4e-3 * static_cast<double>(cost.parameters));
}
void Rows::add(const std::string& row, const GatedNet& net, int64_t u, bool is_seen) {
  add(row, u, is_seen, hits(net, u), cost_of_net(net, data_.info));
}

Rows::ByPerson Rows::personal_nets(const Fold& fold, const std::vector<int64_t>& people) const {
  ByPerson out;
  for (const int64_t u : people)
    out.emplace(u,
                personalize(fold.net(), data_.examples(enrolled(data_, u, s_.enrol, job_.seed))));
  return out;
}

void Rows::measure(const Fold& main) {
  const DType t = data_.x.dtype();
  full_ = cost_of_net(cut(main.net(), all_open(main.net(), t)), data_.info);
  // gates that a graph leads to
  const GatedNet leaves = as_leaves(main.net());
  Context ctx;
  const Cost whole = cost_of(leaves.forward(one_example(data_.info, t), ctx,
                                            [](int64_t, const std::function<Tensor()>& logits) {
                                              return open_probability(logits());
                                            }),
                             parameters(leaves));
  gate_macs_ = static_cast<double>(whole.macs - full_.macs);
  std::vector<int64_t> all;
  for (int64_t u = 0; u < data_.count(); ++u) all.push_back(u);
  main_ = personal_nets(main, all);
  for (const int64_t u : all) person(main, main_, u, u < data_.seen());
  Outcome shown;
  pictures(main, shown);
  figures_ = std::move(shown.figures), galleries_ = std::move(shown.galleries);
}

void Rows::measure_left_out(const Fold& fold, int64_t left_out) {
  std::vector<int64_t> all = fold.people;
  all.push_back(left_out);
  person(fold, personal_nets(fold, all), left_out, false);
}

void Rows::person(const Fold& fold, const ByPerson& nets, int64_t u, bool is_seen) {
  if (job_.method == "aig") {
    by_example(fold, u, is_seen);
    return add("aig-own", nets.at(u).net, u, is_seen);
  }
  add(job_.method, nets.at(u).net, u, is_seen);
  if (is_whole(job_.method)) beside(fold, nets, u, is_seen);
}

// Each example by its own gates. A block's multiply-adds are proportional to the channels that are
// open, so their mean is enough.
void Rows::by_example(const Fold& fold, int64_t u, bool is_seen) {
  const std::vector<int64_t>& at = data_.people[static_cast<size_t>(u)].test;
  Paths paths;
  std::vector<double> right = [&] {
    const NoGrad quiet;
    Context ctx;
    const Tensor z = fold.net().forward(data_.examples(at), ctx, own(fold.net(), paths));
    return hits_of(z, data_.labels(at));
  }();
  const Tensors open = all_open(fold.net(), data_.x.dtype());
  double macs = static_cast<double>(full_.macs) + gate_macs_;
  for (size_t l = 0; l < open.size(); ++l) {
    const int64_t gates = open[l].size(0);
    Tensors one_less = open;
    one_less[l] = cat({zeros({1}, open[l].dtype()), slice(open[l], 0, 1, gates)}, 0).contiguous();
    if (gates == 1 && fold.net().blocks[l].kind == GateKind::channel) continue;
    const Cost less = cost_of_net(cut(fold.net(), one_less), data_.info);
    const double closed = static_cast<double>(gates) * (1 - mean(paths.h[l]).item());
    macs -= closed * static_cast<double>(full_.macs - less.macs);
  }
  add("aig", u, is_seen, std::move(right),
      {.parameters = parameter_count(fold.net()), .macs = std::llround(macs)});
}

void Rows::beside(const Fold& fold, const ByPerson& nets, int64_t u, bool is_seen) {
  const Tensors& mine = nets.at(u).masks;
  const auto mean_over = [&](const char* row, const std::vector<Tensors>& choices) {
    std::vector<double> all;
    Cost cost;
    for (const Tensors& masks : choices) {
      const GatedNet net = cut(fold.net(), masks);
      const std::vector<double> some = hits(net, u);
      all.resize(some.size(), 0.0);
      for (size_t i = 0; i < some.size(); ++i)
        all[i] += some[i] / static_cast<double>(choices.size());
      const Cost of = cost_of_net(net, data_.info);
      cost.macs += of.macs, cost.parameters += of.parameters;
    }
    const auto n = static_cast<int64_t>(choices.size());
    cost.macs /= n, cost.parameters /= n;
    add(row, u, is_seen, std::move(all), cost);
  };
  std::vector<Tensors> others, draws;
  const auto people = static_cast<int64_t>(fold.people.size());
  for (int64_t k = 1; k <= people && static_cast<int64_t>(others.size()) < s_.others; ++k)
    if (const int64_t v = fold.people[static_cast<size_t>((u + k) % people)]; v != u)
      others.push_back(nets.at(v).masks);
  for (int64_t d = 0; d < s_.draws; ++d)
    draws.push_back(random_masks(mine, Random(job_.seed) / "ppp" / "random" / u / d));
  mean_over("ppp-other", others);
  mean_over("random", draws);
  add("norm-gated", cut(fold.net(), norm_masks(fold.net(), mine)), u, is_seen);
  const GatedNet by_norm = cut(fold.full, norm_masks(fold.full, mine));
  add("norm", by_norm, u, is_seen);
  add("norm-tuned", tuned(by_norm, u), u, is_seen);
  add("full", fold.full, u, is_seen);
}

// All k examples in each step. Norms keep their running statistics: those of ten examples would be
// worse than none.
GatedNet Rows::tuned(GatedNet net, int64_t u) const {
  const std::vector<int64_t> at = enrolled(data_, u, s_.enrol, job_.seed);
  const Tensor x = data_.examples(at), y = data_.labels(at);
  const Sgd by{.lr = s_.tune_lr, .momentum = s_.momentum};
  net = as_leaves(std::move(net));
  Sgd::State state = by.initial(parameters(net));
  for (int e = 0; e < s_.tune_epochs; ++e) {
    const GatedNet g = grad(cross_entropy(net(x), y), net);
    net = update(by, std::move(net), state, g);
  }
  return net;
}

// Of an example a backward pass costs two forward ones. Gates do not make training cheaper: every
// channel is computed.
double Rows::training(const std::string& row) const {
  const double examples = static_cast<double>(steps_) *
                          static_cast<double>(std::min<int64_t>(s_.persons, data_.seen())) *
                          s_.samples,
               full = static_cast<double>(full_.macs);
  if (row == "full" || row == "norm") return 3e-9 * examples * full;
  if (row != "norm-tuned") return 3e-9 * examples * (full + gate_macs_);
  const Reading& r = rows_.at(row);
  return 3e-9 * (examples * full + static_cast<double>(s_.tune_epochs) * s_.enrol * r.macs);
}

void Rows::scores(const std::string& row, const Reading& of, Outcome& out) const {
  const Job named{row, job_.variant, job_.seed};
  for (const auto& [metric, by_person] :
       {std::pair{"accuracy", &of.seen}, {"unseen", &of.unseen}}) {
    if (by_person->empty()) continue;
    std::vector<double> values;
    std::vector<int64_t> groups;
    for (const auto& [u, hits] : *by_person) {
      values.insert(values.end(), hits.begin(), hits.end());
      groups.insert(groups.end(), hits.size(), u);
    }
    add_score(named, metric, mean(values), out);
    add_items(named, metric, std::move(values), out, std::move(groups));
  }
  const auto people = static_cast<double>(of.seen.size()),
             unseen = static_cast<double>(of.unseen.size());
  const auto share = [&](const char* metric, double sum, double count, int64_t whole) {
    if (count > 0) add_score(named, metric, 100 * sum / count / static_cast<double>(whole), out);
  };
  share("MACs, % of full", of.macs, people, full_.macs);
  share("parameters, % of full", of.parameters, people, full_.parameters);
  share("MACs of unseen, % of full", of.unseen_macs, unseen, full_.macs);
  share("parameters of unseen, % of full", of.unseen_parameters, unseen, full_.parameters);
  add_score(named, "bytes", of.bytes / people, out);
  add_score(named, "training, 1e9 MACs", training(row), out);
  if (data_.count() <= 10)
    for (const auto* by_person : {&of.seen, &of.unseen})
      for (const auto& [u, hits] : *by_person)
        add_score(named,
                  (by_person == &of.seen ? "accuracy of " : "unseen ") +
                      data_.people[static_cast<size_t>(u)].name,
                  mean(hits), out);
  out.parameters.emplace_back(row, std::llround(of.parameters / people));
}

Outcome Rows::outcome() {
  Outcome out;
  for (const std::string& row : order_) scores(row, rows_.at(row), out);
  const std::string own = job_.method == "aig" ? "aig-own" : job_.method;
  double both = 0;
  int pairs = 0;
  for (int64_t u = 0; u < data_.seen(); ++u)
    for (int64_t v = 0; v < u; ++v, ++pairs)
      both += 100 * overlap(main_.at(u).masks, main_.at(v).masks);
  if (pairs) add_score({own, job_.variant, job_.seed}, "overlap, %", both / pairs, out);
  out.figures = std::move(figures_), out.galleries = std::move(galleries_);
  return out;
}

void Rows::pictures(const Fold&, Outcome& out) const {
  std::vector<std::string> names;
  for (const Person& p : data_.people) names.push_back(p.name);
  std::vector<const Personal*> nets;
  for (const auto& [u, p] : main_) nets.push_back(&p);
  if (job_.method != "ppp" && job_.method != "aig") return;
  out.galleries.push_back(channels_kept(job_.method, nets, names));
  out.galleries.push_back(overlaps(job_.method, nets));
  std::vector<PersonSeries> series;
  for (const std::string& row : order_) {
    const Reading& r = rows_.at(row);
    PersonSeries s{row, {}, r.kilobytes};
    for (const auto& [u, hits] : r.seen) s.accuracy.push_back(mean(hits));
    series.push_back(std::move(s));
  }
  out.figures.push_back(by_person(job_.method, series, names));
  out.figures.push_back(by_size(job_.method, series));
}

}  // namespace regrad::ppp

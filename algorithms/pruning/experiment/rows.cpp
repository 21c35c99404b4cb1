#include <regrad/algorithms/dcil/dcil.h>
#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/map/map.h>
#include <regrad/algorithms/pruning/experiment/rows.h>
#include <regrad/algorithms/pruning/rigl.h>
#include <regrad/algorithms/pruning/rows.h>
#include <regrad/algorithms/pruning/str.h>

namespace regrad::pruning {
namespace {

template <Method (*make)()>
Method plain(const Settings&) {
  return make();
}
template <bool per_layer, bool soft>
Method map(const Settings& s) {
  return map_pruning::method(
      {.z = s.z, .per_layer = per_layer, .soft = soft, .exploit = s.exploit});
}
template <bool distill>
Method dcil(const Settings& s) {
  return dcil::method({.distill = distill, .begin = s.distill, .temperature = s.temperature});
}

}  // namespace

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {"dense", "nothing is pruned", plain<dense>, true},
      {"one-shot", "magnitude pruning at half time, then fine-tuning", plain<one_shot>, true},
      {"gmp", "gradual magnitude pruning (Zhu and Gupta)", plain<gmp>, true},
      {"ste", "straight-through, masks made anew every step", plain<ste>, true},
      {"dpf", "dynamic pruning with feedback (Lin et al.)", plain<dpf>, true},
      {"dpf-x2", "DPF with twice the steps, as many passes as DCIL", plain<dpf>, true, 2},
      {"map", "MAP, hard masks, attention over all layers", map<false, false>, true},
      {"map-layer", "MAP, hard masks, attention layer by layer", map<true, false>, true},
      {"dcil", "DCIL: refined gradients and mutual distillation", dcil<true>, true},
      {"dcil-nokd", "DCIL without distillation", dcil<false>},
      {"map-soft", "MAP, pruned weights damped instead of absent", map<false, true>},
      {"map-soft-layer", "the same, attention layer by layer", map<true, true>},
      {"dpf-layer",
       "DPF, the same sparsity in every layer",
       plain<dpf>,
       false,
       1,
       {.per_layer = true}},
      {"snip", "once, at the start, by |w dL/dw|", plain<snip>},
      {"rigl", "random masks; drops small weights, grows where gradients are large",
       [](const Settings& s) { return rigl(s.rigl_share); }},
      {"str", "learned soft thresholds; reaches a sparsity of its own",
       [](const Settings& s) {
         return str({s.str_initial, s.str_decay});
       }},
      {"gmp-filters", "GMP on whole filters", plain<gmp>, false, 1, {.filters = true}},
      {"dpf-filters", "DPF on whole filters", plain<dpf>, false, 1, {.filters = true}},
      {"dcil-filters", "DCIL on whole filters", dcil<true>, false, 1, {.filters = true}},
  };
  return all;
}

const Row& row(const std::string& name) { return experiment::find_method(rows(), name); }

Schedule schedule(const Row& row, const Settings& s, double sparsity, int64_t batches,
                  uint64_t seed) {
  MaskOptions masks = row.masks;
  masks.rule = s.mask_rule == "official" ? MaskOptions::official : MaskOptions::exact;
  return {
      .sparsity = sparsity,
      .epochs = static_cast<int64_t>(s.epochs) * row.times,
      .batches = batches,
      .target = s.target,
      .refresh = s.refresh,
      .by_step = s.schedule_unit == "step",
      .masks = masks,
      .sgd = {.momentum = s.momentum, .weight_decay = s.weight_decay, .nesterov = s.momentum > 0},
      .random = Random(seed) / "pruning"};
}

double lr(const Schedule& t, const Settings& s, int64_t i) {
  const double at = static_cast<double>(i), climb = s.warmup * static_cast<double>(t.steps());
  if (at < climb) return s.lr * (s.warmup_from + (1 - s.warmup_from) * at / climb);
  double rate = s.lr;
  for (double m : s.milestones) rate *= t.epoch(i) >= t.at_share(m) ? s.gamma : 1;
  return rate;
}

}  // namespace regrad::pruning

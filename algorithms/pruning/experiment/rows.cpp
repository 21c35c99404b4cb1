#include <regrad/algorithms/dcil/dcil.h>
#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/map/map.h>
#include <regrad/algorithms/pruning/experiment/rows.h>
#include <regrad/algorithms/pruning/rows.h>

namespace regrad::pruning {

std::vector<Row> rows(const Settings& s) {
  const auto map = [&](bool per_layer, bool soft) {
    return map_pruning::method(
        {.z = s.z, .per_layer = per_layer, .soft = soft, .exploit = s.exploit});
  };
  const auto dcil = [&](dcil::Options o) {
    o.begin = s.distill, o.temperature = s.temperature, o.floor = s.kd_floor;
    o.draw_classifier = s.second_classifier == "draw";
    return dcil::method(o);
  };
  return {
      {"dense", "nothing is pruned", dense(), true, 1, {}, true},
      {"one-shot", "magnitude pruning at half time, then fine-tuning", one_shot(), true},
      {"gmp", "gradual magnitude pruning (Zhu and Gupta)", gmp(), true},
      {"ste", "straight-through, masks made anew every step", ste(), true},
      {"dpf", "dynamic pruning with feedback (Lin et al.)", dpf(), true},
      {"dpf-x2", "DPF with twice the steps, as many passes as DCIL", dpf(), true, 2},
      {"map", "MAP, hard masks, attention over all layers", map(false, false), true},
      {"map-layer", "MAP, hard masks, attention layer by layer", map(true, false), true},
      {"dcil", "DCIL: refined gradients and mutual distillation", dcil({}), true},
      {"dcil-nokd", "DCIL without distillation", dcil({.distill = false})},
      {"dcil-shared-norms", "DCIL, one set of norms for both paths", dcil({.share_norms = true})},
      {"dcil-shared-classifier", "DCIL, one classifier for both paths",
       dcil({.share_classifier = true})},
      {"dcil-shared", "DCIL, one set of norms and one classifier",
       dcil({.share_norms = true, .share_classifier = true})},
      {"map-soft", "MAP, pruned weights damped instead of absent", map(false, true)},
      {"map-soft-layer", "the same, attention layer by layer", map(true, true)},
      {"dpf-layer", "DPF, the same sparsity in every layer", dpf(), false, 1, {.per_layer = true}},
      {"snip", "once, at the start, by |w dL/dw|", snip()},
      {"rigl", "random masks; drops small weights, grows where gradients are large",
       rigl(s.rigl_share, s.rigl_period)},
      {"str",
       "learned soft thresholds; reaches a sparsity of its own",
       str({s.str_initial, s.str_decay}),
       false,
       1,
       {},
       true},
      {"acdc", "dense and sparse phases in turn (Peste et al.)", acdc()},
      {"gmp-filters", "GMP on whole filters", gmp(), false, 1, {.filters = true}},
      {"dpf-filters", "DPF on whole filters", dpf(), false, 1, {.filters = true}},
      {"dcil-filters", "DCIL on whole filters", dcil({}), false, 1, {.filters = true}},
  };
}

Row row(const std::string& name, const Settings& s) {
  return experiment::find_method(rows(s), name);
}

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
  const int64_t now = s.warmup_unit == "epoch" ? t.epoch(i) * t.batches : i;
  const double at = static_cast<double>(now), climb = s.warmup * static_cast<double>(t.steps());
  if (at < climb) return s.lr * (s.warmup_from + (1 - s.warmup_from) * at / climb);
  double rate = s.lr;
  for (double m : s.milestones) rate *= t.epoch(i) >= t.at_share(m) ? s.gamma : 1;
  return rate;
}

}  // namespace regrad::pruning

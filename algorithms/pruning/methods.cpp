#include <regrad/algorithms/pruning/methods.h>
#include <regrad/engine/error.h>

namespace regrad::pruning {

const std::vector<Method>& methods() {
  static const std::vector<Method> all = {
      {.name = "dense", .help = "nothing is pruned", .kind = Kind::dense, .by_default = true},
      {.name = "one-shot",
       .help = "magnitude pruning at half time, then fine-tuning",
       .kind = Kind::one_shot,
       .by_default = true},
      {.name = "gmp",
       .help = "gradual magnitude pruning (Zhu and Gupta)",
       .kind = Kind::gmp,
       .by_default = true},
      {.name = "ste",
       .help = "straight-through, masks made anew every step",
       .kind = Kind::ste,
       .by_default = true},
      {.name = "dpf",
       .help = "dynamic pruning with feedback (Lin et al.)",
       .kind = Kind::dpf,
       .by_default = true},
      {.name = "dpf-x2",
       .help = "DPF with twice the steps, as many passes as DCIL",
       .kind = Kind::dpf,
       .by_default = true,
       .times = 2},
      {.name = "map",
       .help = "MAP, hard masks, attention over all layers",
       .kind = Kind::map,
       .by_default = true},
      {.name = "map-layer",
       .help = "MAP, hard masks, attention layer by layer",
       .kind = Kind::map,
       .by_default = true,
       .per_layer = true},
      {.name = "dcil",
       .help = "DCIL: refined gradients and mutual distillation",
       .kind = Kind::dcil,
       .by_default = true},
      {.name = "dcil-nokd",
       .help = "DCIL without distillation",
       .kind = Kind::dcil,
       .distill = false},
      {.name = "map-soft",
       .help = "MAP, pruned weights damped instead of absent",
       .kind = Kind::map,
       .soft = true},
      {.name = "map-soft-layer",
       .help = "the same, attention layer by layer",
       .kind = Kind::map,
       .per_layer = true,
       .soft = true},
      {.name = "dpf-layer",
       .help = "DPF, the same sparsity in every layer",
       .kind = Kind::dpf,
       .per_layer = true},
      {.name = "snip", .help = "once, at the start, by |w dL/dw|", .kind = Kind::snip},
      {.name = "rigl",
       .help = "random masks; drops small weights, grows where gradients are large",
       .kind = Kind::rigl},
      {.name = "str",
       .help = "learned soft thresholds; reaches a sparsity of its own",
       .kind = Kind::str},
      {.name = "gmp-filters", .help = "GMP on whole filters", .kind = Kind::gmp, .filters = true},
      {.name = "dpf-filters", .help = "DPF on whole filters", .kind = Kind::dpf, .filters = true},
      {.name = "dcil-filters",
       .help = "DCIL on whole filters",
       .kind = Kind::dcil,
       .filters = true},
  };
  return all;
}

const Method& method(const std::string& name) {
  for (const Method& m : methods())
    if (name == m.name) return m;
  throw ConfigError("no pruning method is called '" + name + "'");
}

std::vector<experiment::MethodCard> method_cards() {
  std::vector<experiment::MethodCard> out;
  for (const Method& m : methods()) out.push_back({m.name, m.help, "", m.by_default});
  return out;
}

}  // namespace regrad::pruning

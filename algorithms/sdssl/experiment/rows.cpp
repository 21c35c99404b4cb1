#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/sdssl/experiment/settings.h>

namespace regrad::sdssl {

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {"base", "the base alone: one head, the last layer's", Lower::none},
      {"sd", "SDSSL: lower layers too, their losses' mean", Lower::mean},
      {"sd-sum", "SDSSL with the sum over the lower layers", Lower::sum},
      {"sd-no-pred", "SDSSL without L_pred (byol, mocov3)", Lower::mean, false},
      {"random", "random weights, no training", Lower::none, true, false},
      {"pixels", "raw pixels, no net: cosine and standardized", Lower::none, true, false, true}};
  return all;
}

const Row& row(const std::string& name) { return experiment::find_method(rows(), name); }

Options options(const Row& row, const Settings& s) {
  Options o{.lower = row.lower,
            .predictors = row.predictors,
            .tau = s.tau,
            .momentum = s.momentum,
            .hidden = s.hidden,
            .lower_hidden = s.lower_hidden,
            .out = s.projection,
            .predictor_hidden = s.predictor_hidden};
  if (s.base == "simclr") {
    o.base = Base::simclr;
  } else if (s.base == "byol") {
    o.base = Base::byol;
  } else if (s.base == "mocov3") {
    o.base = Base::mocov3;
  } else {
    throw ConfigError("base: '" + s.base + "' is none; simclr, byol or mocov3");
  }
  o.alpha_end = s.alpha > 0 ? s.alpha : o.base == Base::mocov3 ? 1 : 0.8;
  return o;
}

Training training(const Settings& s) {
  if (s.optimizer != "adamw" && s.optimizer != "lars")
    throw ConfigError("optimizer: '" + s.optimizer + "' is none; adamw or lars");
  return {.lr = s.lr,
          .weight_decay = s.weight_decay,
          .warmup = s.warmup,
          .lars = s.optimizer == "lars"};
}

VitOptions vit(const Settings& s, int64_t side, int64_t channels) {
  return {.image = side,
          .patch = s.patch,
          .channels = channels,
          .width = s.width,
          .layers = s.depth,
          .heads = s.heads};
}

}  // namespace regrad::sdssl

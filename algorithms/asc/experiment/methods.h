// The rows of regrad-asc.
#pragma once

#include <regrad/algorithms/experiment/methods.h>
#include <regrad/layers/nets/bcresnet.h>

#include <optional>

namespace regrad::asc {

// What stands behind the front end: BC-ResNet-ASC, or a net that the reports compare it with.
enum class Backbone { asc, bcresnet_8, cp_resnet, cp_mobile };

struct Method {
  const char *name, *help;
  // For another backbone the norm stands on its input alone.
  FreqNorm norm;
  bool translation = false;
  bool by_default = true;
  // Where they are there, instead of the settings' lambda and tau.
  std::optional<double> lambda = {}, tau = {};
  Backbone net = Backbone::asc;
  int members = 1;  // nets of other initial values and batches; their probabilities are averaged
};

// In the table's order.
inline const std::vector<Method>& methods() {
  using N = FreqNorm;
  static const std::vector<Method> rows = {
      {"baseline", "batch norm and sub-spectral norm only", N::none},
      {"baseline-g", "the same, some clips of the source translated to other devices", N::none,
       true, false},
      {"resnorm", "residual norm, 0.1 x + IFN(x), on the input and after each stage", N::resnorm},
      {"resnorm-g", "the same, some clips of the source translated to other devices", N::resnorm,
       true},
      {"global", "the training set's mean and deviation of each frequency, on the input", N::global,
       false, false},
      {"in", "instance norm at the five places", N::in, false, false},
      {"ifn", "residual norm with lambda 0: IFN(x) at the five places", N::ifn, false, false},
      {"resnorm-0.5", "0.5 x + IFN(x)", N::resnorm, false, false, 0.5},
      {"resnorm-1", "x + IFN(x)", N::resnorm, false, false, 1.0},
      {"asc-1", "BC-ResNet-ASC-1, whatever tau is", N::none, false, false, {}, 1.0},
      {"asc-1-resnorm", "the same with residual norm", N::resnorm, false, false, {}, 1.0},
      {"bcresnet-8",
       "BC-ResNet-8, the net for keywords",
       N::none,
       false,
       false,
       {},
       {},
       Backbone::bcresnet_8},
      {"bcresnet-8-resnorm",
       "the same behind residual norm",
       N::resnorm,
       false,
       false,
       {},
       {},
       Backbone::bcresnet_8},
      {"cp-resnet",
       "CP-ResNet, 64 channels, rho 7",
       N::none,
       false,
       false,
       {},
       {},
       Backbone::cp_resnet},
      {"cp-resnet-resnorm",
       "the same behind residual norm",
       N::resnorm,
       false,
       false,
       {},
       {},
       Backbone::cp_resnet},
      {"cp-mobile", "CP-Mobile", N::none, false, false, {}, {}, Backbone::cp_mobile},
      {"cp-mobile-resnorm",
       "the same behind residual norm",
       N::resnorm,
       false,
       false,
       {},
       {},
       Backbone::cp_mobile},
      {"resnorm-ensemble",
       "three nets as resnorm's, their probabilities averaged",
       N::resnorm,
       false,
       false,
       {},
       {},
       Backbone::asc,
       3},
  };
  return rows;
}

}  // namespace regrad::asc

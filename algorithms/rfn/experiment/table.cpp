#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/rfn/experiment/claims.h>
#include <regrad/algorithms/rfn/experiment/learner.h>
#include <regrad/algorithms/rfn/experiment/table.h>

namespace regrad::relaxed_norm {

experiment::Card RfnExperiment::card() const {
  std::vector<experiment::MethodCard> cards = experiment::method_cards(methods());
  if (preset_ == "tiny")
    for (experiment::MethodCard& m : cards)
      m.by_default = m.name == "none" || m.name == "ifn" || m.name == "resnorm" || m.name == "rfn";
  return {"rfn",
          "RFN, relaxed instance frequency-wise normalization (Kim et al. 2022), beside other "
          "norms and augmentations: test accuracy in % on devices that training has no clip of.",
          {sounds_.task()},
          std::move(cards),
          experiment::on("unseen", variants().empty() ? "" : variants()[0]),
          experiment::Better::higher,
          "none"};
}

void RfnExperiment::choose(const std::string& task, const std::string& preset) {
  preset_ = preset;
  settings_ = {};
  seeds_ = task == "digits" ? 5 : 3;
  if (task == "esc10" || task == "tau" || task == "folder")
    settings_.roll = 1.5, settings_.epochs = 30, settings_.devices = {"simulated", "microphones"};
  if (task == "folder") settings_.devices = {"simulated"};
  if (task == "tau") settings_.devices = {"recorded"};
  if (task == "scenes") settings_.devices = {"simulated", "sd0", "sd8"}, settings_.epochs = 20;
  if (preset == "tiny") settings_.epochs = 10, settings_.devices.resize(1), seeds_ = 3;
  if (preset == "long") settings_.epochs *= 2, settings_.tau = 2, seeds_ = 5;
  if (preset == "paper")
    settings_.tau = 8, settings_.epochs = 100, settings_.batch = 64, settings_.wide = true,
    settings_.roll = 1.5, seeds_ = 3;
}

void RfnExperiment::check() const {
  const Settings& s = settings_;
  const bool pooled = s.net == "pooled";
  experiment::need(pooled || s.net == "bcresnet", "net: bcresnet or pooled, not '" + s.net + "'");
  experiment::need(pooled || s.mels % 32 == 0, "mels: for bcresnet a multiple of 32");
  experiment::need(s.batch >= 2, "batch: at least 2, for batch norm's statistics");
  if (!pooled) regrad::check(BcResnetAscOptions{.tau = s.tau});
  sounds_.check(s, s);
}

bool RfnExperiment::has_row(const experiment::Job& job) const {
  return settings_.net == "pooled" ||
         relaxed_norm::has_row(experiment::find_method(methods(), job.method), job.variant);
}

std::unique_ptr<experiment::Trial> RfnExperiment::trial(const experiment::Job& job) const {
  const auto data =
      sounds_.recorded(settings_, job.variant, Random(job.seed) / "recordings" / job.variant);
  if (settings_.net == "pooled")
    return std::make_unique<RfnTrial<PooledNet>>(
        relaxed_norm::trial<PooledNet>(job, settings_, data));
  return std::make_unique<RfnTrial<BcResnetAsc>>(
      relaxed_norm::trial<BcResnetAsc>(job, settings_, data));
}

std::vector<experiment::Claim> RfnExperiment::claims(const experiment::Result& result) const {
  return directions(result, variants());
}

experiment::TaskList rfn_tasks() {
  experiment::TaskList tasks;
  for (const std::string& name : experiment::sound_tasks())
    tasks.add(name, std::make_unique<RfnExperiment>(name));
  return tasks;
}

}  // namespace regrad::relaxed_norm

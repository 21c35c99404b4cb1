#include <regrad/algorithms/rfn/claims.h>
#include <regrad/algorithms/rfn/tables.h>
#include <regrad/algorithms/rfn/trial.h>
#include <regrad/engine/error.h>

#include <algorithm>

namespace regrad::relaxed_norm {

experiment::Card RfnExperiment::card() const {
  std::vector<experiment::MethodCard> methods = arm_cards();
  if (preset_ == "tiny")
    for (experiment::MethodCard& m : methods)
      m.by_default = m.name == "none" || m.name == "ifn" || m.name == "resnorm" || m.name == "rfn";
  return {"rfn",
          "RFN, relaxed instance frequency-wise normalization (Kim et al. 2022), beside other "
          "norms and augmentations: test accuracy in % on devices "
          "that training has not heard.",
          {task_},
          std::move(methods),
          on("unseen", variants().empty() ? "" : variants()[0]),
          experiment::Better::higher,
          "none"};
}

void RfnExperiment::choose(const std::string&, const std::string& preset) {
  preset_ = preset;
  settings_ = {};
  seeds_ = task_ == "digits" ? 5 : 3;
  if (task_ == "esc10" || task_ == "tau")
    settings_.roll = 75, settings_.epochs = 30, settings_.devices = {"simulated", "microphones"};
  if (task_ == "tau") settings_.devices = {"recorded"};
  if (task_ == "scenes") settings_.devices = {"simulated", "sd0", "sd8"}, settings_.epochs = 20;
  if (preset == "tiny") settings_.epochs = 10, settings_.devices.resize(1), seeds_ = 3;
  if (preset == "long") settings_.epochs *= 2, settings_.tau = 2, seeds_ = 5;
  if (preset == "paper")
    settings_.tau = 8, settings_.epochs = 100, settings_.batch = 64, settings_.wide = true,
    settings_.roll = 50, seeds_ = 3;
}

void RfnExperiment::check() const {
  const Settings& s = settings_;
  if (s.net != "bcresnet" && s.net != "pooled")
    throw ConfigError("net: bcresnet or pooled, not '" + s.net + "'");
  if (s.net == "bcresnet" && s.mels % 32 != 0)
    throw ConfigError("mels: for bcresnet a multiple of 32");
  const int64_t bins = ear().front.n_fft / 2 + 1;
  if (s.mels > bins)
    throw ConfigError("mels: " + std::to_string(s.mels) + " bands of a spectrum of " +
                      std::to_string(bins) + " bins");
  if (s.net == "bcresnet") regrad::check(BcResnetAscOptions{.tau = s.tau});
  const int64_t generated = task_ == "scenes" ? 10 * generated_.train : s.batch;  // ten classes
  const int64_t clips = recorded_ ? recorded_->train_x.size(0)
                        : clips_  ? clips_->train_x.size(0)
                                  : generated;
  if (s.batch > clips)
    throw ConfigError("batch: " + std::to_string(s.batch) + " clips a step of " +
                      std::to_string(clips) + " training clips");
  if (s.devices.empty())
    throw ConfigError("devices: at least one of simulated, microphones, sd0, sd4, ..");
  if (task_ == "tau") {
    if (s.devices != std::vector<std::string>{"recorded"})
      throw ConfigError("devices: the clips of tau were recorded by devices of their own");
    return;
  }
  for (const std::string& d : s.devices)
    if (d != "microphones") scenes::recorders(d, "", 8000, Random(0));  // says which there are
}

scenes::Ear RfnExperiment::ear() const {
  scenes::Ear out = scenes::ear_of(task_, settings_.wide);
  if (settings_.mels > 0) out.front.mels = settings_.mels;
  return out;
}

void RfnExperiment::data(const std::string& folder) {
  folder_ = folder;
  const scenes::Ear ear = this->ear();
  if (task_ == "tau") {
    recorded_ = std::make_shared<const scenes::Recordings>(scenes::tau_recordings(folder, ear));
    return;
  }
  clips_ =
      std::make_shared<const scenes::Clips>(scenes::load_clips(task_, folder, ear, generated_));
  // before hours of work
  for (const std::string& d : settings_.devices)
    scenes::recorders(d, folder, static_cast<int>(ear.front.rate), Random(0));
}

std::vector<std::string> RfnExperiment::variants() const { return settings_.devices; }

bool RfnExperiment::has_row(const experiment::Job& job) const {
  return settings_.net == "pooled" || relaxed_norm::has_row(arm(job.method), job.variant);
}

std::shared_ptr<const scenes::Recordings> RfnExperiment::recordings(
    const experiment::Job& job) const {
  if (recorded_) return recorded_;
  if (!clips_) throw ConfigError("--task " + task_ + ": no clips were read");
  const std::lock_guard lock(mutex_);
  std::weak_ptr<const scenes::Recordings>& known =
      heard_[job.variant + "/" + std::to_string(job.seed)];
  if (std::shared_ptr<const scenes::Recordings> there = known.lock()) return there;
  const scenes::Ear ear = this->ear();
  const Random r = Random(job.seed) / "recordings" / job.variant;
  auto made = std::make_shared<const scenes::Recordings>(scenes::record(
      *clips_, ear, scenes::recorders(job.variant, folder_, static_cast<int>(ear.front.rate), r),
      {.source = settings_.source, .noise = settings_.noise}, r));
  known = recent_ = made;
  return made;
}

int64_t RfnExperiment::steps(const experiment::Job&) const {
  const int64_t clips = recorded_ ? recorded_->train_x.size(0)
                        : clips_  ? clips_->train_x.size(0)
                                  : 0;
  return clips / settings_.batch * settings_.epochs;
}

std::unique_ptr<experiment::Trial> RfnExperiment::trial(const experiment::Job& job) const {
  const std::shared_ptr<const scenes::Recordings> heard = recordings(job);
  if (settings_.net == "pooled")
    return std::make_unique<RfnTrial<PooledNet>>(job, settings_, heard);
  return std::make_unique<RfnTrial<BcResnetAsc>>(job, settings_, heard);
}

std::vector<experiment::Claim> RfnExperiment::claims(const experiment::Result& result) const {
  return directions(result, variants());
}

experiment::TaskList rfn_tasks() {
  experiment::TaskList tasks;
  for (const std::string& name : scenes::task_names())
    tasks.add(name, std::make_unique<RfnExperiment>(name));
  return tasks;
}

}  // namespace regrad::relaxed_norm

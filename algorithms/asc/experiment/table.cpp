#include <regrad/algorithms/asc/tables.h>
#include <regrad/algorithms/asc/trial.h>

#include <cmath>

namespace regrad::asc {
namespace {

using experiment::Claim;
using experiment::Direction;
using experiment::Result;

void above(const Result& r, const std::string& a, const std::string& b, std::vector<Claim>& out) {
  if (has(r, a) && has(r, b))
    out.push_back(experiment::bootstrap_claim(a + " above " + b + " on unseen devices", r, a, b,
                                              "unseen", Direction::above));
}

// 76.3 before and 75.3 after: within one point. The chain does not have to be distilled for that:
// whether distillation adds is asked beside it.
void compressed(const Result& r, const std::string& method, std::vector<Claim>& out) {
  if (!has(r, method)) return;
  const auto compare = [&](const std::string& a, const std::string& b) {
    return experiment::bootstrap_difference(experiment::items(r, method, a),
                                            experiment::items(r, method, b));
  };
  const experiment::Interval gain =
      compare("after fine-tuning with KD", "after fine-tuning without KD");
  for (const auto& [what, metric] :
       {std::pair{"8-bit weights", "with 8-bit weights"}, {"8-bit weights and inputs", "int8"}}) {
    const experiment::Interval loss = compare(metric, "accuracy");
    out.push_back({method + " at " + what + " within 1 point of uncompressed",
                   experiment::verdict_within(loss, 1), loss.mean, loss.ci95});
  }
  out.push_back({method + " fine-tuned with KD above without",
                 experiment::verdict(gain, Direction::above), gain.mean, gain.ci95});
}

// The reports' protocol as far as it is known to us (audio.md section 1, "Front-end and training
// for ASC").
Settings paper_settings() {
  Settings s;
  s.tau = 8, s.wide = true, s.epochs = 100, s.batch = 64, s.roll = 1.5, s.mask_mels = 40,
  s.mask_frames = 80;
  s.translation = {.steps = 20000, .batch = 16, .crop = 0, .width = 16, .lr = 0.003};
  s.compression.epochs = 50;
  return s;
}

Settings tiny_settings() {
  Settings s;
  s.tau = 1, s.epochs = 20, s.batch = 20, s.train = 24, s.log_every = 5;
  s.translation.steps = 100;
  s.compression.epochs = 10;
  return s;
}

}  // namespace

experiment::Card AscExperiment::card() const {
  std::vector<experiment::MethodCard> methods;
  for (const Row& r : rows()) methods.push_back({r.name, r.help, "", r.by_default});
  return {"asc",
          "Acoustic scenes recorded by devices that training has not heard: BC-ResNet-ASC with "
          "residual normalization (Kim et al. 2021, 2022), device "
          "translation, and compression to 8 bits: test accuracy in %.",
          {task_},
          std::move(methods),
          "accuracy",
          experiment::Better::higher,
          "baseline"};
}

void AscExperiment::choose(const std::string&, const std::string& preset) {
  seeds_ = preset == "paper" ? 1 : preset == "long" ? 5 : 3;
  settings_ = preset == "paper"  ? paper_settings()
              : preset == "tiny" ? tiny_settings()
                                 : Settings{};
  // As many steps as the clips of a task allow in the time of a preset: esc10 has 320, scenes 400,
  // digits 1,200, tau 13,962.
  if (preset == "tiny" && task_ == "digits") settings_.epochs = 5, settings_.compression.epochs = 3;
  if (preset == "small" && task_ == "digits")
    settings_.epochs = 30, settings_.compression.epochs = 20, settings_.log_every = 5;
  if (preset == "long") settings_.epochs *= 2, settings_.compression.epochs *= 2;
  if (task_ != "tau" || preset == "paper" || preset == "long") return;
  settings_.tau = 1, settings_.epochs = preset == "tiny" ? 1 : 4, settings_.compression.epochs = 1,
  settings_.log_every = 2, seeds_ = 1;
}

void AscExperiment::check() const {
  const Settings& s = settings_;
  regrad::check(BcResnetAscOptions{.tau = s.tau});
  // says which there are
  if (s.devices != "microphones" && task_ != "tau")
    scenes::recorders(s.devices, "", 8000, Random(0));
  // ten classes
  const int64_t clips = data_               ? data_->train_x.size(0)
                        : task_ == "scenes" ? int64_t{10} * s.train
                                            : s.batch;
  if (clips < s.batch)
    throw ConfigError("batch: " + std::to_string(s.batch) + " clips a step of " +
                      std::to_string(clips) + " training clips");
}

// Translation learns from clips that two devices have: told before the first row is trained.
void AscExperiment::check_pairs(const experiment::Job& job) const {
  const bool none = data_ ? !data_->pair_of.defined() : task_ != "tau" && settings_.source >= 1;
  if (row(job.method).translation && none)
    throw ConfigError(job.method +
                      ": no clip was recorded by the source and by another seen device at once; a "
                      "source below 1, or more training clips");
}

// Generated clips as waves, and all that training hears as spectrograms; the translation net with
// its Adam, and a map of it inside.
std::vector<experiment::Need> AscExperiment::needs(const experiment::Job& job) const {
  const Settings& s = settings_;
  const scenes::Ear ear = scenes::ear_of(task_, s.wide);
  const auto map = static_cast<double>(ear.front.mels),
             frames = static_cast<double>(ear.front.frames(ear.samples));
  const double item = sizeof(float), classes = 10;
  std::vector<experiment::Need> out;
  if (task_ == "scenes") {
    out.push_back(
        {item * classes * (double{1} * s.train + s.test) * static_cast<double>(ear.samples),
         "generated clips"});
    out.push_back(
        {item * classes * (double{1} * s.train + s.test) * map * frames, "their spectrograms"});
  }
  check_pairs(job);
  if (!row(job.method).translation) return out;
  const double w = s.translation.width, crop = s.translation.crop > 0
                                                   ? std::min<double>(s.translation.crop, frames)
                                                   : frames;
  out.push_back(experiment::trained(9 * (2 * w + 2 * w * w), 2, "Adam's averages"));
  out.push_back(
      {item * s.translation.batch * w * map * crop, "a batch inside the translation net"});
  return out;
}

void AscExperiment::data(const std::string& folder) {
  const scenes::Ear ear = scenes::ear_of(task_, settings_.wide);
  const Random fixed = Random(0) / "recordings";
  data_ = std::make_shared<const scenes::Recordings>(
      task_ == "tau"
          ? scenes::tau_recordings(folder, ear)
          : scenes::record(
                scenes::load_clips(task_, folder, ear, {settings_.train, settings_.test}), ear,
                scenes::recorders(settings_.devices, folder, static_cast<int>(ear.front.rate),
                                  fixed),
                {settings_.source, settings_.noise}, fixed));
}

int64_t AscExperiment::steps(const experiment::Job& job) const {
  return plan(settings_, job.method, data_->train_x.size(0)).steps();
}

int64_t AscExperiment::log_every() const {
  return data_ ? data_->train_x.size(0) / settings_.batch * settings_.log_every : 0;
}

int64_t AscExperiment::usual_step(const experiment::Job& job) const {
  return row(job.method).translation ? settings_.translation.steps : 0;
}

std::unique_ptr<experiment::Trial> AscExperiment::trial(const experiment::Job& job) const {
  check_pairs(job);
  return std::make_unique<AscTrial>(job, settings_, data_);
}

std::vector<Claim> AscExperiment::claims(const Result& result) const {
  std::vector<Claim> out;
  above(result, "resnorm", "baseline", out);
  above(result, "baseline-g", "baseline", out);
  above(result, "resnorm-g", "resnorm", out);
  if (!settings_.compress) return out;
  for (const Row& r : rows()) compressed(result, r.name, out);
  return out;
}

experiment::TaskList asc_tasks() {
  experiment::TaskList tasks;
  for (const std::string& task : scenes::task_names())
    tasks.add(task, std::make_unique<AscExperiment>(task));
  return tasks;
}

}  // namespace regrad::asc

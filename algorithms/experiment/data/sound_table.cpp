#include <regrad/algorithms/experiment/data/sound_table.h>
#include <regrad/algorithms/experiment/unused.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>

namespace regrad::experiment {

FrontEnd Sounds::front(const SoundSettings& s) const {
  FrontEnd out = front_end(task_, s.wide);
  if (s.mels > 0) out.mel.mels = s.mels;
  if (s.seconds > 0) out.samples = std::llround(s.seconds * static_cast<double>(out.mel.rate));
  return out;
}

int64_t Sounds::clips(const SoundSettings& s, uint64_t seed) const {
  if (tau_) return tau_->clips();
  if (clips_) {
    const std::vector<Part> parts = parts_for(task_, clips_->set, seed, s.held);
    return std::count(parts.begin(), parts.end(), Part::train);
  }
  return task_ == "scenes" ? int64_t{10} * s.generated.train : 0;  // ten classes
}

void Sounds::check(const SoundSettings& s, const TrainSettings& training) const {
  const FrontEnd f = front(s);
  const int64_t bins = f.mel.n_fft / 2 + 1, known = clips(s, 0);
  need(f.mel.mels <= bins, "mels: " + std::to_string(f.mel.mels) + " bands of a spectrum of " +
                               std::to_string(bins) + " bins");
  need(f.samples >= f.mel.n_fft, "seconds: " + std::to_string(f.samples) +
                                     " samples, and a spectrum is of " +
                                     std::to_string(f.mel.n_fft));
  if (known > 0) check_batch(training, known, "clips");
  need(!s.devices.empty(), "devices: at least one of simulated, microphones, sd0, sd4, ..");
  if (is_tau(task_))
    return need(s.devices == std::vector<std::string>{"recorded"},
                "devices: the clips of " + task_ + " were recorded by devices of their own");
  for (const std::string& d : s.devices)
    if (d != "microphones") recorders(d, "", 8000, Random(0));  // names those that there are
}

std::string Sounds::unused(const std::string& key) const {
  return reason(key, {{"devices source noise", is_tau(task_),
                       "the clips of " + task_ + " were recorded by devices of their own"},
                      {"partial", !is_tau(task_), "only tau is a set whose clips are counted"},
                      {"held", !is_tau(task_) && task_ != "folder",
                       "what is held of " + task_ + " for the curve and for choices is fixed"},
                      {"test_share", task_ != "folder", "the test part of " + task_ + " is given"},
                      {"generated.", task_ != "scenes", "only --task scenes generates its clips"}});
}

std::vector<Need> Sounds::needs(const SoundSettings& s) const {
  if (task_ != "scenes") return {};
  const FrontEnd f = front(s);
  const Generated& g = s.generated;
  const double clips = 10 * (double{1} * g.train + g.test + g.validation),
               map = static_cast<double>(f.mel.mels * f.mel.frames(f.samples));
  return {{sizeof(float) * clips * static_cast<double>(f.samples), "generated clips"},
          {sizeof(float) * clips * map, "their spectrograms"}};
}

void Sounds::load(const std::string& folder, const SoundSettings& s) {
  folder_ = folder, recent_ = nullptr, made_.clear();
  const FrontEnd f = front(s);
  if (is_tau(task_)) {
    tau_ = std::make_shared<const Recordings>(
        tau_recordings(folder, f, {.task = task_, .partial = s.partial, .held = s.held}));
    return;
  }
  clips_ =
      std::make_shared<const AllClips>(prepare_clips(task_, folder, f, s.generated, s.test_share));
  for (const std::string& d : s.devices)  // before hours of work
    recorders(d, folder, static_cast<int>(f.mel.rate), Random(0));
}

std::vector<std::string> Sounds::notes() const {
  return clips_ ? clips_->notes : std::vector<std::string>();
}

std::shared_ptr<const Recordings> Sounds::recorded(const SoundSettings& s, const std::string& kind,
                                                   const Random& r, uint64_t seed) const {
  if (tau_) return tau_;
  need(clips_ != nullptr, "--task " + task_ + ": no clips were read");
  const std::lock_guard lock(mutex_);
  std::weak_ptr<const Recordings>& known =
      made_[kind + "/" + std::to_string(r.key()) + "/" + std::to_string(seed % 5)];
  if (std::shared_ptr<const Recordings> there = known.lock()) return there;
  const FrontEnd f = front(s);
  recent_ = std::make_shared<const Recordings>(
      record(clips_of(task_, *clips_, seed, s.held), f,
             recorders(kind, folder_, static_cast<int>(f.mel.rate), r),
             {.source = s.source, .noise = s.noise}, r));
  known = recent_;
  return recent_;
}

TaskList sound_tables(std::unique_ptr<Experiment> (*table)(const std::string& task)) {
  TaskList out;
  for (const std::string& task : sound_tasks()) out.add(task, table(task));
  return out;
}

}  // namespace regrad::experiment

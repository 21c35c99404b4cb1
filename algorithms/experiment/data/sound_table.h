// What --task and --data and the settings of sounds mean to a table that trains a net on what some
// devices recorded and tests it on what others did.
#pragma once

#include <regrad/algorithms/experiment/data/recordings.h>
#include <regrad/algorithms/experiment/tasks.h>
#include <regrad/algorithms/experiment/training/settings.h>

#include <map>
#include <memory>
#include <mutex>

namespace regrad::experiment {

struct SoundSettings {
  std::vector<std::string> devices = {"simulated"};
  double source = 0.85, noise = 0, roll = 0, seconds = 0, held = 0.1, test_share = 0.2;
  int mels = 0;
  bool wide = false, partial = false;
  Generated generated = {};

  static void parts(auto& self, auto&& part) {
    part(
        "devices", self.devices,
        "kinds of devices, each with a column of its own: simulated, microphones (needs --data), "
        "sdX: random curves of X dB, or none: the sounds as they are, one device; tau has its own, "
        "recorded");
    part("source", self.source,
         "share of the training clips that the source records; the other seen devices share the "
         "rest",
         share());
    part("noise", self.noise, "dBFS of noise after the device, such as -60; 0: none", at_most(0));
    part("roll", self.roll, "clips are turned in time by up to so many seconds", between(0, 3600));
    part("seconds", self.seconds, "length of a clip, cut or repeated; 0: the task's",
         between(0, 600));
    part("mels", self.mels, "mel bands; 0: the task's. BC-ResNet needs a multiple of 32",
         between(0, 65536));
    part("wide", self.wide,
         "the challenge's front end: 256 bands (128 at 8 kHz), 128 ms every 30; else 64 bands, 32 "
         "or 40 ms every 10 or 20");
    part("held", self.held,
         "tau, folder: share of the training part that is held for the curve and for choices",
         between(0, 0.5));
    part("test_share", self.test_share,
         "folder without train/ and test/: share of each class that is kept for test, by a hash of "
         "the names",
         inside());
    part("partial", self.partial, "tau: train and test on what is there of the data set");
    part("generated", self.generated);
  }
};

class Sounds {
 public:
  explicit Sounds(std::string task) : task_(std::move(task)) {}

  const std::string& task() const { return task_; }
  FrontEnd front(const SoundSettings& s) const;
  // Training clips of a seed: those that were read, else those that will be generated; 0 where it
  // depends on the data.
  int64_t clips(const SoundSettings& s, uint64_t seed) const;
  // ConfigError for settings that contradict each other or the training's. Before load() and after.
  void check(const SoundSettings& s, const TrainSettings& training) const;
  std::string unused(const std::string& key) const;
  std::vector<Need> needs(const SoundSettings& s) const;  // generated clips and their spectrograms
  // IOError where the clips, or the microphones, are not in `folder`.
  void load(const std::string& folder, const SoundSettings& s);
  std::vector<std::string> notes() const;  // after load(), for the log
  // What devices of that kind record of the clips as the seed splits them (parts_for), random
  // numbers by r: made once while it is in use.
  std::shared_ptr<const Recordings> recorded(const SoundSettings& s, const std::string& kind,
                                             const Random& r, uint64_t seed) const;

 private:
  std::string task_, folder_ = {};
  std::shared_ptr<const AllClips> clips_ = nullptr;  // after load()
  std::shared_ptr<const Recordings> tau_ = nullptr;  // tau's, after load()
  mutable std::mutex mutex_{};
  mutable std::map<std::string, std::weak_ptr<const Recordings>> made_{};
  mutable std::shared_ptr<const Recordings> recent_ = nullptr;
};

// A table of that task. Settings: TrainSettings and SoundSettings in one.
template <class Settings>
class SoundTable : public Experiment {
 public:
  explicit SoundTable(const std::string& task) : sounds_(task) {}

  int seeds() const override { return seeds_; }
  std::vector<Field> fields() override { return experiment::fields(settings_); }
  std::string unused(const std::string& key, const std::vector<std::string>&) const override {
    return sounds_.unused(key);
  }
  std::vector<Need> needs(const Job&) const override { return sounds_.needs(settings_); }
  void data(const std::string& folder) override { sounds_.load(folder, settings_); }
  std::vector<std::string> notes() const override { return sounds_.notes(); }
  std::vector<std::string> variants() const override { return settings_.devices; }
  int64_t steps(const Job& job) const override { return epoch(job.seed) * settings_.epochs; }
  int64_t log_every() const override { return epoch(0) * settings_.log_every; }
  int64_t epoch(const Job& job) const override { return epoch(job.seed); }

 protected:
  // in steps
  int64_t epoch(uint64_t seed) const { return sounds_.clips(settings_, seed) / settings_.batch; }

  Sounds sounds_;
  Settings settings_ = {};
  int seeds_ = 3;
};

// Tasks scenes (no data), digits, esc10, tau, folder.
TaskList sound_tables(std::unique_ptr<Experiment> (*table)(const std::string& task));

}  // namespace regrad::experiment

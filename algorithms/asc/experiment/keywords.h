// --task keywords: what BC-ResNet was made for (Kim et al. 2021, arXiv 2106.04140), spoken digits
// or Speech Commands, with the recipe of the authors' code as audio.md section 1 has it. Rows are
// the published widths, and one without sub-spectral norm.
#pragma once

#include <regrad/algorithms/experiment/data/sounds.h>
#include <regrad/algorithms/experiment/training/settings.h>
#include <regrad/algorithms/experiment/trial.h>

#include <memory>

namespace regrad::asc {

struct KeywordSettings : experiment::TrainSettings {
  std::string corpus = "digits";
  double dropout = 0.1;
  bool mask = true;

  KeywordSettings() {
    epochs = 30, batch = 100, lr = 0.1, weight_decay = 1e-3, warmup = 0.025, log_every = 5;
  }
  static void parts(auto& self, auto&& part) {
    using namespace experiment;
    part("corpus", self.corpus,
         "digits (the Free Spoken Digit Dataset) or commands (Speech Commands: ten words, unknown, "
         "silence)");
    part("dropout", self.dropout, "of the blocks' channels", part_of_whole());
    TrainSettings::parts(self, part);
    part(
        "mask", self.mask,
        "SpecAugment: two masks of fewer than 20 frames, and two of fewer mel bands than the width "
        "has (0, 1, 3, 5, 7 or 7)");
  }
};

struct KeywordMethod {
  const char *name, *help;
  double tau;
  int mask_mels;  // SpecAugment's, by width
  int64_t bands = 5;
  bool by_default = true;
};
const std::vector<KeywordMethod>& keyword_methods();

constexpr const char* keyword_net = "keywords";  // the metadata's `net`

// 40 bands, windows of 30 ms every 10 ms at 16 kHz, ln(mel + 1e-6), of a second.
experiment::FrontEnd keyword_front();
// f32 [1,40,101]: one channel at 16 kHz, its first second, zeros after it where it is shorter, at
// its own level (or silence would be none).
Tensor keyword_spectrogram(const Sound& s, const experiment::FrontEnd& front);

// Spectrograms f32 [n,1,40,101] and classes i64 [n] of each part.
struct Keywords {
  struct Set {
    Tensor x, y;
  } train, validation, test;
  // of each test clip: of commands its speaker, who is in no other part; of digits, whose speakers
  // are in all parts, the clip
  std::vector<int64_t> test_group;
  std::vector<std::string> classes;
};
// ConfigError: another corpus; IOError where it is not in the folder.
Keywords load_keywords(const std::string& corpus, const std::string& folder);
Keywords keywords_of(const std::string& corpus, const AudioSet& set);

std::unique_ptr<experiment::Trial> keyword_trial(const experiment::Job& job,
                                                 const KeywordSettings& settings,
                                                 std::shared_ptr<const Keywords> data);
std::unique_ptr<experiment::Experiment> keyword_table();

}  // namespace regrad::asc

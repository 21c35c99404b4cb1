#include <regrad/algorithms/asc/experiment/keywords.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

#include <map>

namespace regrad::asc {

using namespace experiment;

FrontEnd keyword_front() {
  return {{.rate = 16000, .n_fft = 512, .window = 480, .hop = 160, .mels = 40}, 16000};
}

Tensor keyword_spectrogram(const Sound& s, const FrontEnd& front) {
  return log_mel(first_samples(s, front), front.mel);
}

Keywords keywords_of(const std::string& corpus, const AudioSet& set) {
  const std::vector<Part> parts = parts_for(corpus, set, 0);
  const FrontEnd front = keyword_front();
  Keywords out;
  out.classes = set.classes;
  std::map<std::string, int64_t> speakers;
  for (const auto& [part, to] : {std::pair{Part::train, &out.train},
                                 {Part::validation, &out.validation},
                                 {Part::test, &out.test}}) {
    std::vector<int64_t> at;
    for (size_t i = 0; i < parts.size(); ++i)
      if (parts[i] == part) at.push_back(static_cast<int64_t>(i));
    if (at.empty())
      throw IOError("keywords: " + corpus + " hold no clip of the " + name(part) + " part");
    to->x = each_sound(set, at, [&](const Sound& s) { return keyword_spectrogram(s, front); });
    to->y = each_number(set, at, [](const Clip& c) { return c.label; });
    if (part != Part::test) continue;
    for (const int64_t i : at) {
      const std::string& who = set.clips[static_cast<size_t>(i)].place;
      // a silence has no speaker
      const std::string whose =
          corpus == "commands" && !who.empty() ? who : "clip " + std::to_string(i);
      out.test_group.push_back(
          speakers.emplace(whose, static_cast<int64_t>(speakers.size())).first->second);
    }
  }
  return out;
}

Keywords load_keywords(const std::string& corpus, const std::string& folder) {
  if (corpus == "digits") return keywords_of(corpus, load_sounds("digits", folder));
  need(corpus == "commands", "corpus: digits or commands, not '" + corpus + "'");
  return keywords_of(corpus, load_commands(folder));
}

}  // namespace regrad::asc

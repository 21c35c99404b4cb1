// A classifier with its vocabulary: what attacks and detectors ask.
#pragma once

#include <regrad/algorithms/rde/experiment/nets.h>
#include <regrad/algorithms/rde/experiment/pattern.h>
#include <regrad/datasets/text/texts.h>

#include <memory>

namespace regrad::rde {

struct Classifier {
  TextNet net;
  std::shared_ptr<const Vocabulary> vocabulary;
  int64_t most = 64;
  std::shared_ptr<const Tokenizer> tokenizer = {};  // of a net that does not read `vocabulary`

  std::vector<int64_t> ids(const std::string& text) const;
  Read read(const std::vector<std::string>& texts) const;
  // The text's words, as an attack changes them; outlived by vocabulary and tokenizer.
  Pattern pattern(std::string text) const;
  // Of one text, whose words an attack changes; outlived by both.
  Victim victim(const Pattern& pattern) const;
};

}  // namespace regrad::rde

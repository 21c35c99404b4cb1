// Texts of a table: what --task and --data mean to regrad-rde.
#pragma once

#include <regrad/algorithms/rde/experiment/settings.h>
#include <regrad/datasets/text/texts.h>

#include <functional>
#include <string>
#include <vector>

namespace regrad::rde {

struct TextData {
  // validation: the learning curve, and what detectors choose by; never the score.
  TextSet train, validation, test;
  std::function<std::vector<std::string>(const std::string&)> synonyms = {};
  // The validation texts are attacked too, and detectors choose by them; else by 30% of the test
  // texts, which are then not scored.
  bool attack_validation = false;
};

// reviews (generated, no data), sst2, ag_news, imdb, yelp, table; in that order.
const std::vector<std::string>& text_tasks();

// reviews: datasets/text/sentences.h, whose words' own synonyms are the candidates of pwws; 600
//   texts for validation.
// sst2: its dev part is the validation part, and is attacked, as in the authors' code.
// ag_news, imdb, yelp: published files; of the training texts a tenth, at most 600, for validation,
//   drawn by the stream Random(0) / "validation". AG-News' test file alone (ag_news_test.csv): its
//   first 6,600 texts train and the last 1,000 test, as in a pilot (text-and-ssl.md 3.1).
// table: train.csv (or .tsv) and test.csv in the folder, columns as set.
// Each part's first `train`, `validation`, `test` texts. Synonyms of WordNet: --wordnet, or where
// Debian's package puts it; none where nothing attacks. IOError where there is neither, and where
// data are missing or broken.
TextData load_data(const std::string& task, const std::string& folder, const TableSettings& s);

// Of WordNet in that folder, or where Debian's package puts it. IOError.
std::function<std::vector<std::string>(const std::string&)> wordnet_synonyms(
    const std::string& folder);

}  // namespace regrad::rde

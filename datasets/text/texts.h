// Labelled texts: what every reader and generator of texts gives.
//
//   const TextSet train = load_sst2("data", Part::train);
//   train.texts[0];                               // UTF-8
//   train.classes[train.labels[0]];               // "negative" or "positive"
#pragma once

#include <regrad/datasets/audio/clips.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace regrad {

struct TextSet {
  std::vector<std::string> texts = {};  // valid UTF-8
  std::vector<int64_t> labels = {};     // in [0, classes.size())
  std::vector<std::string> classes = {};
  int64_t size() const { return static_cast<int64_t>(texts.size()); }
};
// The texts at these places, in their order.
TextSet some_of(const TextSet& set, const std::vector<int64_t>& at);
// The first so many.
TextSet first_of(const TextSet& set, int64_t count);

// Files may be plain, gz or xz. Every reader: IOError naming file, and line (or file inside an
// archive) and what is wrong there: text that is no UTF-8, a label that there is not, fields too
// many or too few, a quote without an end, no rows; ConfigError where a set has no such part.

// SST-2. A folder with GLUE's train.tsv and dev.tsv (a header "sentence<tab>label"), or with
// sst2_train.tsv, sst2_dev.tsv, sst2_test.tsv (no header). Quotes mean nothing in them. GLUE's
// test.tsv has no labels and is refused. Parts train, validation (dev), test.
TextSet load_sst2(const std::string& folder, Part part);
// The same from memory.
TextSet parse_sst2(std::string_view text, const std::string& where);

// IMDB (Maas et al. 2011): aclImdb/{train,test}/{neg,pos}/*.txt, in a folder or a tar; the folder
// may be aclImdb itself. Parts train and test; files by name.
TextSet load_imdb(const std::string& path, Part part);

// AG-News and Yelp polarity as Zhang et al. (2015) made them: train.csv and test.csv (also
// ag_news_train.csv, ..), every field quoted, no header: class from 1 on, then title and
// description, or the text. Fields are joined by a space; texts stay as they are, "\n" of two
// characters among them. Parts train and test.
enum class News { ag_news, yelp };
TextSet load_news(News which, const std::string& folder, Part part);
TextSet parse_news(News which, std::string_view text, const std::string& where);

// A person's own: a table with a header, between commas or tabs (RFC 4180 quotes). Labels may be
// any words; classes are those of the file, sorted, or `classes`, when given: then another one is
// an IOError.
struct TextTable {
  std::string text_column = "text", label_column = "label";
  std::vector<std::string> classes = {};
};
TextSet load_text_table(const std::string& path, const TextTable& columns = {});
TextSet parse_text_table(std::string_view text, const TextTable& columns, const std::string& where);

}  // namespace regrad
